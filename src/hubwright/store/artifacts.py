"""Files that runs have kept: the rows; the bytes are in the storage."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.artifacts import MAX_FILES, artifact_key, folded
from hubwright.errors import ConflictError, ForbiddenError, NotFoundError, StaleLeaseError, TooLargeError
from hubwright.store.schema import artifact, build, builder, run


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file as its builder sent it; times in Unix seconds, size in bytes."""

    path: str
    size: int
    sha256: str
    kept_at: float
    expires_at: float | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeper:
    """Whose files they are: the run's commit, platform and build, and whether that is trusted."""

    sha: str
    platform: str
    repository: str
    build_id: int
    pull_request: int | None
    trust: str


def check_keeper(connection: Connection, run_id: int, lease: int, token_id: int | None) -> Keeper:
    """The run, when the builder with this token holds it under this lease.

    Raises NotFoundError, StaleLeaseError, ForbiddenError.
    """
    row = connection.execute(
        select(
            run.c.lease,
            run.c.state,
            run.c.platform,
            run.c.build_id,
            build.c.sha,
            build.c.repository,
            build.c.pull_request,
            build.c.trust,
            builder.c.token_id,
            builder.c.platform.label("on"),
        )
        .join(build, build.c.id == run.c.build_id)
        .outerjoin(builder, builder.c.name == run.c.builder)
        .where(run.c.id == run_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no run {run_id}.")
    if token_id is None or row.token_id != token_id:
        raise ForbiddenError("This run is held by another builder.")
    if row.lease != lease or row.state != "running":
        raise StaleLeaseError("The run is no longer held under this lease.")
    return Keeper(
        sha=row.sha,
        platform=row.on or row.platform,
        repository=row.repository,
        build_id=row.build_id,
        pull_request=row.pull_request,
        trust=row.trust,
    )


def check_room(connection: Connection, run_id: int, path: str) -> None:
    """Refuse one file too many, and one whose name differs from another's only in case (S27).

    Raises TooLargeError, ConflictError.
    """
    others = select(func.count()).where(artifact.c.run_id == run_id, artifact.c.path != path)
    if connection.execute(others).scalar_one() >= MAX_FILES:
        raise TooLargeError(f"A run may keep {MAX_FILES} files.")
    alike = artifact.c.path != path, artifact.c.folded == folded(path)
    if connection.execute(select(artifact.c.id).where(artifact.c.run_id == run_id, *alike).limit(1)).first():
        raise ConflictError(
            "The run has kept a file whose name differs only in case or Unicode form; many systems keep but one."
        )


def keep_artifact(connection: Connection, run_id: int, keeper: Keeper, file: KeptFile) -> str | None:
    """Add a file, or renew it when the builder sends it again; the key of the content that it replaced.

    Raises TooLargeError, ConflictError.
    """
    check_room(connection, run_id, file.path)
    known = select(artifact.c.key).where(artifact.c.run_id == run_id, artifact.c.path == file.path)
    replaced = connection.execute(known).one_or_none()
    row = {
        "run_id": run_id,
        "sha": keeper.sha,
        "platform": keeper.platform,
        "path": file.path,
        "folded": folded(file.path),
        "size": file.size,
        "sha256": file.sha256,
        "kept_at": file.kept_at,
        "expires_at": file.expires_at,
        "key": file.key,
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(artifact)
    renewed = {name: statement.excluded[name] for name in ("size", "sha256", "kept_at", "expires_at", "key")}
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "path"], set_=renewed), row)
    return None if replaced is None else artifact_key(run_id, file.path, replaced.key)
