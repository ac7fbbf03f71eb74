"""Approvals of what forks bring. A build with rows here waits unless one of them is approved and not revoked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from hubwright.domain.repos import Repository
from hubwright.domain.results import State
from hubwright.store.moments import Moment
from hubwright.store.repos import find_repository
from hubwright.store.schema import approval, build, gh_pull_request, job, run, token
from hubwright.store.tokens import SESSION

_IS_HELD = run.c.state == literal_column("'held'")  # in the words of the partial index
_IS_QUEUED = run.c.state == literal_column("'queued'")
_STANDS = approval.c.revoked_at.is_(None)
_TOKEN_IS_GONE = and_(token.c.revoked_at.is_not(None), token.c.role != SESSION)  # logging out takes nothing back

APPROVER_KNOWN = 60.0
"""Seconds for which it holds what GitHub said of an approver's right to write; then it is asked before a run begins."""

UNSURE = (
    exists()
    .select_from(approval.outerjoin(token, token.c.id == approval.c.token_id))
    .where(
        approval.c.build_id == run.c.build_id,
        _STANDS,
        or_(
            approval.c.approved_at.is_(None),
            and_(
                approval.c.approved_by_id.is_not(None),
                func.coalesce(approval.c.checked_at, approval.c.approved_at) < bindparam("known", type_=Moment()),
            ),
            _TOKEN_IS_GONE,
        ),
    )
)
"""Of a run: that nobody has approved its build, or that it was not seen since moment `known` that they may."""

_MAKE_ROOM = (
    update(build)
    .where(build.c.id.in_(bindparam("builds", expanding=True)), build.c.state == State.QUEUED.value)
    .where(or_(build.c.blocked == "waits", and_(build.c.group.is_not(None), build.c.blocked.is_(None))))
    .values(blocked="new")
)
"""Who waits for approval takes nobody's place within limits; see `store.admission`."""

_WAITS = or_(approval.c.approved_at.is_(None), approval.c.ask_at.is_not(None))
_IN_FORCE: Select[Any] = (
    select(approval, build.c.state.label("build_state"), build.c.result, build.c.job_id, build.c.number)
    .add_columns(build.c.ref, build.c.branch, job.c.path.label("job"))
    .join(build, build.c.id == approval.c.build_id)
    .join(job, job.c.id == build.c.job_id)
    .where(_STANDS)
    .order_by(approval.c.id)
    .with_for_update(of=approval)
)
_GUARDED = (
    select(approval.c.repository_id, approval.c.repository, approval.c.pull_request)
    .where(approval.c.pull_request.in_(bindparam("numbers", expanding=True)), _STANDS)
    .distinct()
)


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
        connection.execute(_MAKE_ROOM, {"builds": list(waiting)})
    return waiting


def release(connection: Connection, build_id: int) -> int:
    """Let the held runs of a build into the queue, unless it waits to be admitted as well; how many."""
    admitted = exists().where(build.c.id == build_id, build.c.blocked.is_(None))
    free = update(run).where(run.c.build_id == build_id, _IS_HELD, admitted).values(state=State.QUEUED.value)
    return connection.execute(free).rowcount


def load_wait(connection: Connection, build_id: int) -> Row[Any] | None:
    """What of a build is to be approved, locked where the database can; None when it does not wait.

    That is also an approval in doubt: while GitHub does not answer, somebody else may approve.
    """
    _lock(connection, build.c.id == build_id)
    query: Select[Any] = select(approval).where(approval.c.build_id == build_id, _STANDS, _WAITS)
    query = query.order_by(approval.c.id.desc()).limit(1).with_for_update()
    found: Row[Any] | None = next(iter(connection.execute(query)), None)
    return found


def load_approvals(connection: Connection, build_id: int) -> list[Row[Any]]:
    """All that was ever decided of a build, newest first; at most a hundred."""
    query = select(approval).where(approval.c.build_id == build_id).order_by(approval.c.id.desc()).limit(100)
    return list(connection.execute(query))


def load_of_pull_request(connection: Connection, repository: Repository, number: int) -> list[Row[Any]]:
    """The rows in force of a pull request with their build and job, locked where the database can."""
    of_pull_request = and_(approval.c.pull_request == number, _is_of(repository))
    _lock(connection, build.c.id.in_(select(approval.c.build_id).where(of_pull_request, _STANDS)))
    query = _IN_FORCE.where(of_pull_request)
    return list(connection.execute(query))


def find_guarded(connection: Connection, numbers: Collection[int]) -> list[Row[Any]]:
    """Which pull requests of these numbers have rows in force: `repository_id`, `repository` and `pull_request`."""
    return list(connection.execute(_GUARDED, {"numbers": sorted(numbers)}))


def _lock(connection: Connection, builds: ColumnElement[bool]) -> None:
    """Have these builds to oneself. Who waited for an approval's row alone would miss the one that replaced it."""
    connection.execute(select(build.c.id).where(builds).order_by(build.c.id).with_for_update())


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
            checked_at=now,
            ask_at=None,
            doubt=None,
            approved_by_id=by.user_id,
            approved_by_login=by.login,
            token_name=by.token_name,
            token_id=by.token_id,
        )
    )


def revoke_approval(connection: Connection, number: int, now: float, why: str) -> None:
    """An approval no longer holds."""
    connection.execute(update(approval).where(approval.c.id == number).values(revoked_at=now, why=why, ask_at=None))


def doubt(connection: Connection, run_ids: Sequence[int], now: float) -> None:
    """Hold queued runs that were due while their approval was `UNSURE`, and have it asked about who approved them.

    The runs are locked already: who holds an approval may wait for them, so an approval that is being changed is not
    waited for. Its runs stay in the queue and are looked at again.
    """
    of_runs = select(run.c.build_id).where(run.c.id.in_(run_ids))
    free = select(approval.c.id, approval.c.build_id).where(approval.c.build_id.in_(of_runs), _STANDS)
    rows = connection.execute(free.with_for_update(skip_locked=True)).all()
    held = update(run).where(run.c.id.in_(run_ids), run.c.build_id.in_([row.build_id for row in rows]), _IS_QUEUED)
    connection.execute(held.values(state=State.HELD.value))
    ask = update(approval).where(approval.c.id.in_([row.id for row in rows]), approval.c.approved_at.is_not(None))
    connection.execute(ask.where(approval.c.ask_at.is_(None)).values(ask_at=now, asked=0))


def load_doubts(connection: Connection, now: float, limit: int) -> list[Row[Any]]:
    """The approvals of whose approvers it is due to ask whether they may still write; `token_gone`: they may not."""
    query = (
        select(approval, func.coalesce(_TOKEN_IS_GONE, False).label("token_gone"))
        .select_from(approval.outerjoin(token, token.c.id == approval.c.token_id))
        .where(approval.c.ask_at <= now, _STANDS)
        .order_by(approval.c.ask_at)
        .limit(limit)
    )
    return list(connection.execute(query))


def load_doubts_of(connection: Connection, build_ids: Sequence[int]) -> list[Row[Any]]:
    """The `approver` whose right to write is asked about, and why there is no answer yet, by build."""
    approver = func.coalesce(approval.c.approved_by_login, approval.c.token_name, "?").label("approver")
    query = select(approval.c.build_id, approver, approval.c.doubt, approval.c.ask_at)
    return list(
        connection.execute(query.where(approval.c.build_id.in_(build_ids), _STANDS, approval.c.ask_at.is_not(None)))
    )


def next_doubt(connection: Connection) -> float | None:
    """When the next of them is due."""
    at: float | None = connection.execute(
        select(approval.c.ask_at).where(approval.c.ask_at.is_not(None), _STANDS).order_by(approval.c.ask_at).limit(1)
    ).scalar()
    return at


def load_doubted(connection: Connection, number: int) -> Row[Any] | None:
    """Row `number` with its build and job, locked where the database can; None when it is not in doubt any more."""
    _lock(connection, build.c.id.in_(select(approval.c.build_id).where(approval.c.id == number)))
    query = _IN_FORCE.where(approval.c.id == number, approval.c.ask_at.is_not(None))
    return connection.execute(query).one_or_none()


def confirm(connection: Connection, number: int, now: float) -> None:
    """GitHub has just said that who approved may write."""
    values = {"checked_at": now, "ask_at": None, "doubt": None, "asked": 0}
    connection.execute(update(approval).where(approval.c.id == number).values(values))


def note_doubt(connection: Connection, number: int, why: str, again: float) -> None:
    """GitHub gave no answer, because of `why`; it is asked again at a moment."""
    values = {"doubt": why, "ask_at": again, "asked": approval.c.asked + 1}
    connection.execute(update(approval).where(approval.c.id == number, _STANDS).values(values))


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
