"""Files that runs have kept: the rows; the bytes are in the storage."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.errors import ForbiddenError, NotFoundError, StaleLeaseError
from hubwright.store.schema import artifact, build, builder, run


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file as its builder sent it; times in Unix seconds, size in bytes."""

    path: str
    size: int
    sha256: str
    kept_at: float
    expires_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeper:
    """Who may add files to a run: the commit and platform they belong to."""

    sha: str
    platform: str


def check_keeper(connection: Connection, run_id: int, lease: int, token_id: int | None) -> Keeper:
    """The run, when the builder with this token holds it under this lease.

    Raises NotFoundError, StaleLeaseError, ForbiddenError.
    """
    row = connection.execute(
        select(
            run.c.lease, run.c.state, run.c.platform, build.c.sha, builder.c.token_id, builder.c.platform.label("on")
        )
        .join(build, build.c.id == run.c.build_id)
        .outerjoin(builder, builder.c.name == run.c.builder)
        .where(run.c.id == run_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no run {run_id}.")
    if row.token_id is not None and row.token_id != token_id:
        raise ForbiddenError("This run is held by another builder.")
    if row.lease != lease or row.state != "running":
        raise StaleLeaseError("The run is no longer held under this lease.")
    return Keeper(sha=row.sha, platform=row.on or row.platform)


def keep_artifact(connection: Connection, run_id: int, keeper: Keeper, file: KeptFile) -> None:
    """Add a file, or renew it when the builder sends it again."""
    row = {
        "run_id": run_id,
        "sha": keeper.sha,
        "platform": keeper.platform,
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "kept_at": file.kept_at,
        "expires_at": file.expires_at,
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(artifact)
    renewed = {name: statement.excluded[name] for name in ("size", "sha256", "kept_at", "expires_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "path"], set_=renewed), row)
