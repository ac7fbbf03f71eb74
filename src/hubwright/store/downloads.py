"""Which file is the newest good one: of a commit, and of a job on each platform, with how far it lies behind.

Good is a file of a run that succeeded. What a fork's pull request built is never called the newest of a branch: its
author may call a branch of the fork as he likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from hubwright.domain.artifacts import matches
from hubwright.domain.scheduling import fits
from hubwright.errors import NotFoundError
from hubwright.store.schema import artifact, build, gh_repository, job, run
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_lists import ARTIFACT_COLUMNS
from hubwright.store.views_values import ArtifactView

MAX_PLATFORMS = 200
"""Platforms of one job that are looked at."""

MAX_BUILDS = 500
"""Builds of a job's branch that are looked at for files, the newest."""

MAX_LISTED = 10_000
"""Files of one run that are looked through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadView:
    """The newest good files of a job on a platform, and how old they are.

    `behind` counts the newer builds; `seconds_behind` is how much later the newest of them came, None when there is
    none. Times are Unix seconds.
    """

    platform: str
    run: int
    build: int
    number: int
    sha: str
    repository: str
    branch: str | None
    built_at: float | None
    behind: int
    newest_number: int
    newest_sha: str
    seconds_behind: float | None
    files: tuple[ArtifactView, ...]


def load_artifact(connection: Connection, sha: str, platform: str, path: str) -> ArtifactView:
    """The file of this path that a run of the commit on the platform kept. Raises NotFoundError.

    Of several builds, attempts and matrix points the newest good one of a trusted build wins, then the newest.
    """
    wanted = (artifact.c.sha == sha) & (artifact.c.platform == platform) & (artifact.c.path == path)
    ranked = (
        select(*ARTIFACT_COLUMNS)
        .join(run, run.c.id == artifact.c.run_id)
        .join(build, build.c.id == run.c.build_id)
        .where(wanted)
        .order_by(
            case((build.c.trust == "trusted", 0), else_=1),
            case((run.c.result == "success", 0), else_=1),
            artifact.c.run_id.desc(),
        )
    )
    found = load_rows(connection, ranked.limit(1))
    if not found:
        raise NotFoundError("There is no such artifact; it may have expired.")
    return ArtifactView(**found[0])


def load_artifact_of_run(connection: Connection, run_id: int, path: str) -> ArtifactView:
    """The run's file of this path. Raises NotFoundError."""
    found = load_rows(connection, select(*ARTIFACT_COLUMNS).where(artifact.c.run_id == run_id, artifact.c.path == path))
    if not found:
        raise NotFoundError("There is no such artifact; it may have expired.")
    return ArtifactView(**found[0])


def load_downloads(
    connection: Connection, path: str, branch: str | None = None, platform: str | None = None, glob: str | None = None
) -> tuple[DownloadView, ...]:
    """The newest good files of the job on every platform (those that fit `platform`), by platform.

    `branch` None is the repository's default branch where that is known and built, else any. Raises NotFoundError.
    """
    found = connection.execute(select(job.c.id, job.c.repository_id).where(job.c.path == path)).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no job {path!r}.")
    of_branch, order = _of_branch(connection, found.id, branch, found.repository_id)
    newest = connection.execute(
        select(build.c.number, build.c.sha, build.c.queued_at).where(*of_branch).order_by(order.desc()).limit(1)
    ).one_or_none()
    if newest is None:
        return ()
    recent = select(build.c.id).where(*of_branch).order_by(order.desc()).limit(MAX_BUILDS).subquery()
    good = (
        select(artifact.c.platform, func.max(artifact.c.run_id).label("run"))
        .select_from(recent)
        .join(run, run.c.build_id == recent.c.id)
        .join(artifact, artifact.c.run_id == run.c.id)
        .where(run.c.result == "success")
        .group_by(artifact.c.platform)
        .order_by(artifact.c.platform)
        .limit(MAX_PLATFORMS)
    )
    chosen = {
        row.platform: row.run for row in connection.execute(good) if platform is None or fits(platform, row.platform)
    }
    files = _load_files(connection, list(chosen.values()), glob)
    builds = _load_builds(connection, list(chosen.values()))
    views = []
    for name, number in chosen.items():
        one = builds[number]
        behind = connection.execute(
            select(func.count())
            .select_from(build)
            .where(*of_branch, order > one["build" if order is build.c.id else "number"])
        ).scalar_one()
        queued_at = one.pop("queued_at")
        late = max(newest.queued_at - queued_at, 0.0) if behind else None
        kept = files.get(number, ())
        views.append(
            DownloadView(
                **one, platform=name, behind=behind, seconds_behind=late, files=kept,
                newest_number=newest.number, newest_sha=newest.sha,
            )
        )  # fmt: skip
    return tuple(view for view in views if view.files)


def _of_branch(
    connection: Connection, job_id: int, branch: str | None, repository_id: int | None
) -> tuple[Sequence[ColumnElement[bool]], Column[int]]:
    """Which builds count, and the column whose index has them in order."""
    own = (build.c.job_id == job_id, build.c.trust == "trusted", build.c.pull_request.is_(None))
    if branch is None and repository_id is not None:
        default = connection.execute(
            select(gh_repository.c.default_branch).where(gh_repository.c.id == repository_id)
        ).scalar()
        built = select(build.c.id).where(*own, build.c.branch == default).limit(1)
        branch = default if default is not None and connection.execute(built).first() else None
    return (own, build.c.number) if branch is None else ((*own, build.c.branch == branch), build.c.id)


def _load_files(connection: Connection, runs: list[int], glob: str | None) -> dict[int, tuple[ArtifactView, ...]]:
    files: dict[int, list[ArtifactView]] = {}
    for number in runs:
        query = select(*ARTIFACT_COLUMNS).where(artifact.c.run_id == number).order_by(artifact.c.path).limit(MAX_LISTED)
        found = [ArtifactView(**row) for row in load_rows(connection, query)]
        files[number] = [one for one in found if matches(one.path, glob)][: bounded(MAX_LISTED)]
    return {number: tuple(found) for number, found in files.items()}


def _load_builds(connection: Connection, runs: list[int]) -> dict[int, dict[str, Any]]:
    query = (
        select(
            run.c.id.label("run"),
            build.c.id.label("build"),
            build.c.number,
            build.c.sha,
            build.c.repository,
            build.c.branch,
            build.c.queued_at,
            run.c.finished_at.label("built_at"),
        )
        .join(build, build.c.id == run.c.build_id)
        .where(run.c.id.in_(runs))
    )
    return {row["run"]: row for row in load_rows(connection, query)}
