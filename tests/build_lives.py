"""Builds that live and end in a database by the hub's own moves, without a builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.job_settings import DefinedJob, write_document
from hubwright.domain.jobs import JobSettings
from hubwright.domain.planning import PlannedRun, plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.domain.repos import Repository
from hubwright.git.mirrors import Origin
from hubwright.hub import moves
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.plan_rows import keep_plans
from hubwright.hub.plans import Ground, failed_plan
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import keep_job, load_job
from hubwright.store.runs import load_runs
from hubwright.store.schema import job as job_table
from hubwright.store.schema import run
from hubwright.wire import Case
from hubwright.wire import Job as StageMessage
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as TestsMessage

RECIPE = "stages:\n  - build: make\n  - test: make check\n"
START = 1_800_000_000.0


class Clock:
    """Unix time that moves only when told to."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Lives:
    """Makes builds of `repository` in `database`, and moves them on."""

    database: Database
    clock: Clock
    repository: str = "octo/hello"
    settings: JobSettings = field(default_factory=JobSettings)

    def job(self, *, path: str | None = None, clone_url: str | None = None) -> DefinedJob:
        """The job of the repository, or another one at `path`."""
        owner, _, name = self.repository.partition("/")
        known = Repository(id=None, owner=owner, name=name)
        made = self.database.write(
            lambda connection: keep_job(connection, known, self.settings, self.clock(), clone_url)
        )
        if path is None or path == made.path:
            return made
        said = {"settings": write_document(self.settings), "created_at": self.clock()}
        values = {"path": path, "repository": self.repository, **said}
        self.database.write(lambda connection: connection.execute(job_table.insert().values(values)))
        with self.database.reading() as connection:
            found = load_job(connection, path)
        assert found is not None
        return found

    def build(
        self,
        sha: str,
        *,
        recipe: str = RECIPE,
        job: DefinedJob | None = None,
        ref: str = "refs/heads/main",
        problem: str = "",
        waits: bool = False,
    ) -> int:
        """Plan a build of a commit; with `problem` it fails at once, with `waits` its repository does not answer."""
        branch = ref.removeprefix("refs/heads/")
        wanted = Wanted(sha=sha, ref=ref, branch=branch, event="push", trigger=f"{ref}@{sha}@{self.clock()}")
        runs: Sequence[PlannedRun] = plan_runs(read_recipe(recipe), wanted.circumstances(), (), "linux")
        plan = BuildPlan(wanted=wanted, runs=tuple(runs), recipe="file")
        if problem:
            plan = failed_plan(wanted, problem, moves.Result.FAILURE)
        if waits:
            plan = BuildPlan(wanted=wanted, problem="The repository does not answer.", waits=60.0)
        chosen = job or self.job()
        origin = Origin(repository=chosen.repository, clone_url="https://github.invalid/octo/hello.git")
        ground = Ground(public_url="https://ci.example.org", version="1", default_platform="linux", log_limit=1000)
        return self._write(lambda connection: keep_plans(connection, chosen, origin, [plan], ground, self.clock()))[0]

    def runs(self, build_id: int) -> list[int]:
        """The latest runs of a build, in the order of the plan."""
        with self.database.reading() as connection:
            query = select(run.c.id).where(run.c.build_id == build_id, run.c.latest).order_by(run.c.id)
            return list(connection.execute(query).scalars())

    def start(self, run_id: int, builder: str = "anvil") -> None:
        """Lease the run to a builder."""
        self._write(lambda connection: moves.lease(connection, [(run_id, builder)], self.clock()))

    def end(self, run_id: int, *exits: int, passed: int = 0, failed: int = 0, detail: str = "") -> None:
        """Let the held run's stages end with these exit codes, then the run; `detail` instead: our error."""
        with self.database.reading() as connection:
            row = connection.execute(select(run).where(run.c.id == run_id)).one()
        told: list[moves.Telling] = []

        def say(kind: Callable[..., moves.Telling], **more: Any) -> None:
            told.append(kind(run=run_id, lease=row.lease, seq=len(told) + 1, **more))

        for position, code in enumerate(exits):
            say(StageMessage, at=self.clock(), stage=position)
            result = "failure" if code else "success"
            say(ResultMessage, at=self.clock(), stage=position, result=result, exit_code=code)
        if passed or failed:
            cases = [Case(suite="s", classname="c", name=f"t{n}", result="passed") for n in range(passed)]
            cases += [Case(suite="s", classname="c", name=f"f{n}", result="failed") for n in range(failed)]
            say(TestsMessage, stage=len(exits) - 1, cases=tuple(cases))
        verdict = "error" if detail else "failure" if any(exits) else "success"
        say(ResultMessage, at=self.clock(), result=verdict, detail=detail)
        items = [moves.Told(row.builder, message, self.clock()) for message in told]
        answers = self._write(lambda connection: moves.apply_messages(connection, items))
        assert answers[-1].ended

    def lose(self, run_id: int) -> None:
        """The builder of a held run is gone: the run is tried again."""
        with self.database.reading() as connection:
            (row,) = load_runs(connection, [run_id])

        def lose(connection: Connection) -> None:
            keep_facts(connection, moves.lose_run(connection, row, self.clock(), "The builder was lost."))

        self._write(lose)

    def live(self, build_id: int, *exits: int) -> None:
        """Start and end every run of the build."""
        for run_id in self.runs(build_id):
            self.start(run_id)
            self.end(run_id, *exits)

    def cancel(self, build_id: int, reason: str) -> None:
        """Cancel what has not ended."""
        self._write(lambda connection: cancel(connection, build_id, self.clock(), reason))

    def rerun(self, build_id: int) -> None:
        """Begin every run again."""
        self._write(lambda connection: rerun(connection, build_id, self.clock()))

    def _write(self, work: Callable[[Any], Any]) -> Any:
        self.clock.now += 1
        return self.database.write(work)
