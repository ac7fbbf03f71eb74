"""Kinds of builders that were noticed, and the builds that a new kind may add to."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.scheduling import BuilderKind, join_labels
from hubwright.store.schema import build, builder, builder_kind, job, run, stage

MAX_JOBS = 5_000
"""Jobs that are looked at when a kind of builder is new, at most; the newest ones."""

_KNOWN = select(builder_kind.c.key)
_JOBS = (
    select(job.c.id, job.c.path, job.c.repository, job.c.repository_id)
    .where(job.c.enabled, job.c.builds > 0, job.c.copy_of.is_(None))  # copies are built when something is pushed
    .order_by(job.c.id.desc())
    .limit(MAX_JOBS)
)
_NEWEST = (
    select(build)
    .where(
        build.c.job_id == bindparam("job"),
        build.c.branch.in_(bindparam("branches", expanding=True)),
        build.c.event.in_(("push", "manual")),
    )
    .order_by(build.c.id.desc())
    .limit(1)
)
_STAGES = (
    select(stage.c.name)
    .join(run, run.c.id == stage.c.run_id)
    .where(run.c.build_id == bindparam("build"), run.c.latest)
    .distinct()
)
_PLATFORM = select(builder.c.name, builder.c.platform).where(builder.c.name.in_(bindparam("names", expanding=True)))


def keep_new_kinds(connection: Connection, kinds: Iterable[BuilderKind], now: float) -> list[BuilderKind]:
    """Note kinds of builders; those that nobody had noted before."""
    keys = {_key(kind): kind for kind in kinds}
    known = set(connection.execute(_KNOWN).scalars())
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    fresh: list[BuilderKind] = []
    for key, kind in keys.items():
        if key in known:
            continue
        values = {"key": key, "platform": kind.platform, "labels": list(kind.labels), "first_seen_at": now}
        added = connection.execute(
            dialect.insert(builder_kind).values(values).on_conflict_do_nothing().returning(builder_kind.c.key)
        )
        if added.first() is not None:  # else another hub was quicker
            fresh.append(kind)
    return fresh


def count_kinds(connection: Connection, kinds: Iterable[BuilderKind]) -> int:
    """How many of these kinds were noted."""
    return len({_key(kind) for kind in kinds} & set(connection.execute(_KNOWN).scalars()))


def load_built_jobs(connection: Connection) -> list[Row[Any]]:
    """Enabled jobs that have builds: id, path, repository, repository_id."""
    return list(connection.execute(_JOBS))


def load_newest_build(connection: Connection, job_id: int, branches: Iterable[str]) -> Row[Any] | None:
    """The newest build of what was pushed to one of the branches, or that somebody asked for there."""
    return connection.execute(_NEWEST, {"job": job_id, "branches": list(branches)}).one_or_none()


def load_runs_on(connection: Connection, build_id: int, platform: str) -> set[int]:
    """The newest attempts of a build that builders of the platform had."""
    query = select(run.c.id).join(builder, builder.c.name == run.c.builder)
    found = query.where(run.c.build_id == build_id, run.c.latest, builder.c.platform == platform)
    return set(connection.execute(found).scalars())


def load_stage_names(connection: Connection, build_id: int) -> set[str]:
    """The names of all stages of the build's newest attempts."""
    return set(connection.execute(_STAGES, {"build": build_id}).scalars())


def load_platforms_of(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """The platforms of these builders."""
    rows = connection.execute(_PLATFORM, {"names": list(names)})
    return {row.name: row.platform for row in rows}


def _key(kind: BuilderKind) -> str:
    return sha256(f"{kind.platform}\n{join_labels(kind.labels)}".encode()).hexdigest()
