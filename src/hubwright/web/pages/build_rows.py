"""What the page of a build needs of the database, in one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hubwright.domain.reproduction import Reproduction
from hubwright.domain.waiting import Waiting
from hubwright.errors import NotFoundError
from hubwright.store.recordings import Kept, load_causes, load_recording
from hubwright.store.report_troubles import Trouble, load_troubles_of
from hubwright.store.takes import Take, load_takes_of
from hubwright.store.views import load_build
from hubwright.store.views_bisections import BisectionView, load_searches_of
from hubwright.store.views_environment import EnvironmentView, load_environment
from hubwright.store.views_history import Neighbours, load_neighbours, load_usual_duration
from hubwright.store.views_lists import load_artifacts
from hubwright.store.views_results import load_clone_url
from hubwright.store.views_values import ArtifactView, BuildView, RunView
from hubwright.store.views_waiting import load_waits
from hubwright.web.pages.findings import Findings, load_findings
from hubwright.web.site import Site


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database knows of the build. `environment` and `recording` are the chosen run's."""

    build: BuildView
    chosen: RunView | None
    next_to: Neighbours
    usual: float | None
    artifacts: tuple[ArtifactView, ...]
    found: Findings
    waits: dict[int, Waiting]
    recording: Kept | None
    environment: EnvironmentView | None
    clone_url: str
    causes: dict[int, str]
    searches: list[tuple[BisectionView, int | None]]
    untold: tuple[Trouble, ...]
    take: Take | None

    def reproduce(self, stage: str | None) -> Reproduction | None:
        """How to run the stage of the chosen run somewhere else; None where nothing ran."""
        run, build = self.chosen, self.build
        if run is None:
            return None
        around = self.environment
        return Reproduction(
            clone_url=self.clone_url,
            ref=build.ref,
            sha=build.sha,
            platform=(around.builder_platform if around is not None else None) or run.platform,
            stage=stage,
            matrix=run.matrix,
            parameters=build.parameters or {},
            secrets=around.secrets if around is not None else (),
        )


def load_rows(connection: Connection, build_id: int, wanted: int | None, now: float, site: Site) -> Rows:
    """All of a build and of its run `wanted`, else of the one to look at first. Raises NotFoundError."""
    build = load_build(connection, build_id)
    chosen = choose_run(build, wanted)
    runs = [run.id for run in build.runs]
    return Rows(
        build,
        chosen,
        load_neighbours(connection, build),
        load_usual_duration(connection, build.job_id),
        load_artifacts(connection, runs),
        load_findings(connection, build, site.clone_base),
        load_waits(connection, build, now, site.platform_limits) if build.state != "finished" else {},
        None if chosen is None else load_recording(connection, chosen.id),
        None if chosen is None else load_environment(connection, chosen.id),
        load_clone_url(connection, build.job_id) or f"{site.clone_base.rstrip('/')}/{build.repository}.git",
        load_causes(connection, [run.id for run in build.earlier]),
        load_searches_of(connection, build_id),
        load_troubles_of(connection, build),
        load_takes_of(connection, [build]).get(build.id),
    )


def choose_run(build: BuildView, wanted: int | None) -> RunView | None:
    """The run whose log is shown: the one asked for, else the first that went wrong, else one that runs.

    Raises NotFoundError.
    """
    if wanted is not None:
        for run in (*build.runs, *build.earlier):
            if run.id == wanted:
                return run
        raise NotFoundError(f"Build {build.id} has no run {wanted}.")
    order: Sequence[RunView] = sorted(build.runs, key=lambda run: (not went_wrong(run), run.state != "running"))
    return order[0] if order else None


def went_wrong(run: RunView) -> bool:
    """Whether something of the run ended as it should not, be it that the run itself goes on."""
    return run.result in {"failure", "error", "timeout"} or any(
        stage.result in {"failure", "error", "timeout"} and not stage.allow_failure for stage in run.stages
    )
