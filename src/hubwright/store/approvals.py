"""Approvals of what forks bring. A build with rows here waits unless one of them is approved and not revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, literal_column, or_, select, update

from hubwright.domain.repos import Repository
from hubwright.domain.results import State
from hubwright.store.repos import find_repository
from hubwright.store.schema import approval, build, gh_pull_request, job, run

_IS_HELD = run.c.state == literal_column("'held'")  # in the words of the partial index
_IS_QUEUED = run.c.state == literal_column("'queued'")
_STANDS = approval.c.revoked_at.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """What is to be approved: commit `sha` from that head repository for that base. The ids are GitHub's numbers."""

    build_id: int
    repository_id: int | None
    repository: str
    pull_request: int | None
    sha: str
    base_ref: str | None
    head_repository_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Approver:
    """Who approves: a GitHub user by number (the login is only shown), or a token of this hub by name."""

    user_id: int | None = None
    login: str | None = None
    token_name: str | None = None
    token_id: int | None = None

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.login or '?'} (GitHub user {self.user_id})" if self.user_id else self.token_name or "?"


def keep_wait(connection: Connection, wait: Wait, now: float) -> None:
    """Have the build wait for approval."""
    values = {name: getattr(wait, name) for name in Wait.__slots__}
    connection.execute(insert(approval).values(**values, held_at=now))


def hold_waiting(connection: Connection, build_ids: Sequence[int]) -> set[int]:
    """Hold the queued runs of those of the builds that wait for approval; which of the builds do.

    All their rows are locked, so that an approval at this moment comes either before or after.
    """
    rows = connection.execute(select(approval).where(approval.c.build_id.in_(build_ids)).with_for_update()).all()
    approved = {row.build_id for row in rows if row.approved_at is not None and row.revoked_at is None}
    waiting = {row.build_id for row in rows} - approved
    if waiting:
        hold = update(run).where(run.c.build_id.in_(waiting), _IS_QUEUED).values(state=State.HELD.value)
        connection.execute(hold)
    return waiting


def release(connection: Connection, build_id: int) -> int:
    """Let the held runs of a build into the queue; how many."""
    free = update(run).where(run.c.build_id == build_id, _IS_HELD).values(state=State.QUEUED.value)
    return connection.execute(free).rowcount


def load_wait(connection: Connection, build_id: int) -> Row[Any] | None:
    """What of a build is to be approved, locked where the database can; None when it does not wait."""
    query: Select[Any] = select(approval)
    query = query.where(approval.c.build_id == build_id, _STANDS, approval.c.approved_at.is_(None))
    query = query.order_by(approval.c.id.desc()).limit(1).with_for_update()
    found: Row[Any] | None = next(iter(connection.execute(query)), None)
    return found


def load_approvals(connection: Connection, build_id: int) -> list[Row[Any]]:
    """All that was ever decided of a build, newest first; at most a hundred."""
    query = select(approval).where(approval.c.build_id == build_id).order_by(approval.c.id.desc()).limit(100)
    return list(connection.execute(query))


def load_of_pull_request(connection: Connection, repository: Repository, number: int) -> list[Row[Any]]:
    """The rows in force of a pull request with their build and job, locked where the database can."""
    query = (
        select(approval, build.c.state.label("build_state"), build.c.result, build.c.job_id, build.c.number)
        .add_columns(build.c.ref, build.c.branch, job.c.path.label("job"))
        .join(build, build.c.id == approval.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(approval.c.pull_request == number, _STANDS, _is_of(repository))
        .order_by(approval.c.id)
        .with_for_update(of=approval)
    )
    return list(connection.execute(query))


def _is_of(repository: Repository) -> Any:
    named = approval.c.repository == repository.full_name
    return named if repository.id is None else or_(named, approval.c.repository_id == repository.id)


def load_head(connection: Connection, repository: str, number: int) -> Row[Any] | None:
    """The pull request as GitHub last told of it: `head_sha` and `state`."""
    query: Select[Any] = select(gh_pull_request.c.head_sha, gh_pull_request.c.state)
    query = query.where(
        gh_pull_request.c.repository_id == find_repository(repository), gh_pull_request.c.number == number
    ).order_by(gh_pull_request.c.last_replicated_at.desc())
    return next(iter(connection.execute(query)), None)


def load_sides(connection: Connection, build_id: int) -> Row[Any] | None:
    """A build's commit and the base that its pull request is for; None when there is no such build."""
    query: Select[Any] = select(build.c.job_id, build.c.sha, build.c.ref, build.c.base_sha, build.c.base_ref)
    return connection.execute(query.where(build.c.id == build_id)).one_or_none()


def keep_approval(connection: Connection, number: int, by: Approver, now: float) -> None:
    """Somebody approved what row `number` is about."""
    connection.execute(
        update(approval)
        .where(approval.c.id == number)
        .values(
            approved_at=now,
            approved_by_id=by.user_id,
            approved_by_login=by.login,
            token_name=by.token_name,
            token_id=by.token_id,
        )
    )


def revoke_approval(connection: Connection, number: int, now: float, why: str) -> None:
    """An approval no longer holds."""
    connection.execute(update(approval).where(approval.c.id == number).values(revoked_at=now, why=why))


def move_base(connection: Connection, wait: Wait, base_sha: str) -> None:
    """The head is for another base now, or comes from elsewhere; what waits is about that."""
    connection.execute(
        update(approval)
        .where(approval.c.build_id == wait.build_id, _STANDS, approval.c.approved_at.is_(None))
        .values(base_ref=wait.base_ref, head_repository_id=wait.head_repository_id)
    )
    connection.execute(
        update(build).where(build.c.id == wait.build_id).values(base_ref=wait.base_ref, base_sha=base_sha)
    )
