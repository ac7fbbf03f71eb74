"""What a copy of jobs and builds elsewhere is made of: small answers by key, and the whole tree in one walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from hubwright.domain.job_paths import folders_of
from hubwright.store.jobs import load_effectives
from hubwright.store.schema import build, builder, fact, folder, job, link, run
from hubwright.store.views import load_rows

_PARENT = job.alias("parent")
_BUILD = build.alias("earlier")
_NEWEST = (
    select(build.c.number, build.c.id)
    .where(build.c.job_id == bindparam("job_key"))
    .order_by(build.c.number.desc())
    .limit(bindparam("most"))
)
_PLACE = (
    select(build.c.id, job.c.path, build.c.number, run.c.platform, run.c.builder)
    .join(build, build.c.id == run.c.build_id)
    .join(job, job.c.id == build.c.job_id)
    .where(run.c.id == bindparam("run_key"))
)
_STAMPED = ("version", "enabled", "repository", "paused_at", "closed_at")


@dataclass(frozen=True, slots=True)
class Tree:
    """All folders but the root, and links: by repository and kind the path of the job. `versions` are of folders."""

    folders: tuple[str, ...]
    links: Mapping[tuple[str, str], str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recent:
    """A job that is not archived, and the numbers and ids of its newest builds, the newest first."""

    path: str
    numbers: tuple[int, ...]
    ids: tuple[int, ...]


class RunPlace(NamedTuple):
    """Where a run is: its build by id, job and number, its platform, and the builder that has it."""

    build: int
    job: str
    number: int
    platform: str
    builder: str | None


def load_place(connection: Connection, number: int) -> RunPlace | None:
    """Of a run by its id; None when there is no such run."""
    row = connection.execute(_PLACE, {"run_key": number}).first()
    return None if row is None else RunPlace(*row)


def load_tree(connection: Connection) -> Tree:
    """What of the tree is small; its jobs are walked."""
    versions = {row.path: str(row.version) for row in connection.execute(select(folder.c.path, folder.c.version))}
    linked = connection.execute(
        select(link.c.repository, link.c.kind, job.c.path).join(job, job.c.id == link.c.job_id).order_by(link.c.id)
    )
    folders = tuple(sorted(path for path in versions if path))
    return Tree(folders, {(row[0], row[1]): row[2] for row in linked}, versions)


def walk_jobs(connection: Connection, tree: Tree, after: str, most: int) -> dict[str, str]:
    """The next jobs and open copies by path, with a stamp that changes whenever what is told of them does."""
    columns = [job.c.path, *(job.c[name] for name in _STAMPED), _PARENT.c.version, _PARENT.c.enabled]
    rows = connection.execute(
        select(*columns)
        .outerjoin(_PARENT, _PARENT.c.id == job.c.copy_of)
        .where(job.c.archived_at.is_(None), job.c.path > after)
        .order_by(job.c.path)
        .limit(most)
    )
    return {row[0]: _stamp(row[0], row[1:], tree.versions) for row in rows}


def find_jobs(connection: Connection, paths: Sequence[str]) -> set[str]:
    """Which of these paths have a job or an open copy."""
    found = select(job.c.path).where(job.c.path.in_(paths), job.c.archived_at.is_(None))
    return set(connection.execute(found).scalars())


def _stamp(path: str, values: Sequence[Any], folders: Mapping[str, str]) -> str:
    above = ".".join(folders.get(one, "") for one in folders_of(path))
    return f"{above}|{'|'.join('' if value is None else str(value) for value in values)}"


def load_job_documents(connection: Connection, paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of the jobs and copies at these paths all that holds for them, with what they are."""
    found = {}
    for row, effective in load_effectives(connection, paths):
        found[row.path] = {
            **effective.document(),
            "path": row.path,
            "folder": row.folder,
            "repository": row.repository,
            "enabled": bool(row.enabled and (row.copy_of is None or row.parent_enabled)),
            "paused": row.paused_at is not None,
            "version": row.version,
            "copy_of": row.parent_path,
            "copy_key": row.copy_key,
            "closed": row.closed_at is not None,
        }
    return found


def load_recents(connection: Connection, jobs: Iterable[int], most: int) -> dict[int, Recent]:
    """By the jobs' numbers of ours their newest builds; archived ones are not among them."""
    wanted = list(jobs)
    rows = connection.execute(select(job.c.id, job.c.path).where(job.c.id.in_(wanted), job.c.archived_at.is_(None)))
    return {row.id: _load_recent(connection, row.id, row.path, most) for row in rows.all()}


def load_job_ids(connection: Connection, paths: Sequence[str]) -> list[int]:
    """The numbers of ours of the jobs at these paths."""
    return list(connection.execute(select(job.c.id).where(job.c.path.in_(paths))).scalars())


def find_builds_of_commits(connection: Connection, shas: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Of each commit that has builds its first, its newest and how many they are."""
    of_commit = (
        select(build.c.sha, func.min(build.c.id), func.max(build.c.id), func.count())
        .where(build.c.sha.in_(shas))
        .group_by(build.c.sha)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(of_commit)}


def walk_commits(connection: Connection, most: int) -> Iterator[str]:
    """The commits that were built, the last that came first: by their first builds."""
    is_first = ~select(_BUILD.c.id).where(_BUILD.c.sha == build.c.sha, _BUILD.c.id < build.c.id).exists()
    query = select(build.c.sha).where(is_first).order_by(build.c.id.desc()).limit(most)
    yield from connection.execute(query).scalars()


def load_platforms(connection: Connection) -> dict[str, str]:
    """The platform of each builder."""
    return {row[0]: row[1] for row in connection.execute(select(builder.c.name, builder.c.platform))}


def load_fact_time(connection: Connection, number: int) -> float | None:
    """When the fact of this number became true; None where there is no such fact (any more)."""
    found = load_rows(connection, select(fact.c.at).where(fact.c.id == number))
    return found[0]["at"] if found else None


def _load_recent(connection: Connection, job_id: int, path: str, most: int) -> Recent:
    rows = connection.execute(_NEWEST, {"job_key": job_id, "most": most}).all()
    return Recent(path, tuple(row.number for row in rows), tuple(row.id for row in rows))
