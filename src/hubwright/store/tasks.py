"""Loads as rows of `task`: a load has steps below it, and those may have steps of their own; each ends once.

Whoever holds a step writes what it found, the steps that follow from it and its end in one transaction, so a crash at
any moment leaves either all of that or a step that is done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.errors import NotFoundError
from hubwright.store import queues
from hubwright.store.schema import task
from hubwright.store.views import bounded
from hubwright.store.views_values import Page

Payload = Mapping[str, Any]

_HOLD = (
    update(task)
    .where(task.c.id == bindparam("row_key"), task.c.lease_owner == bindparam("owner"), task.c.state == "leased")
    .values(payload=bindparam("known"))
)


@dataclass(frozen=True, slots=True)
class Held:
    """A step under somebody's lease."""

    id: int
    owner: str
    queue: str
    root: int
    parent: int | None
    attempts: int
    payload: Payload


@dataclass(frozen=True, slots=True)
class Progress:
    """How a load stands: of `total` steps as far as known by now, `done` have ended well. Times are Unix seconds.

    `state` is queued, running, done or failed; `error` says why it failed, `note` what it waits for or has left out,
    `waits_until` when it goes on.
    """

    id: int
    state: str
    done: int
    total: int
    error: str | None
    note: str | None
    waits_until: float | None
    created_at: float
    finished_at: float | None
    payload: Payload


def read_held(row: Row[Any], owner: str) -> Held:
    """A claimed row."""
    root = row.id if row.root_id is None else row.root_id
    return Held(row.id, owner, row.queue, root, row.parent_id, row.attempts, row.payload)


def keep_load(
    connection: Connection, queue: str, payload: Payload, key: str, now: float, *, due: float | None = None
) -> tuple[int, bool]:
    """Add a load, unless one with the same key has not ended; its number, and whether it is new."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "queue": queue,
        "payload": payload,
        "key": key,
        "created_at": now,
        "next_try_at": now if due is None else due,
    }
    statement = dialect.insert(task).values(values).on_conflict_do_nothing(index_elements=[task.c.key])
    added = connection.execute(statement.returning(task.c.id)).scalar()
    if added is not None:
        return int(added), True
    return int(connection.execute(select(task.c.id).where(task.c.key == key)).scalar_one()), False


def add_steps(
    connection: Connection, held: Held, payloads: Sequence[Payload], now: float, *, parent: int, children: int = 0
) -> list[int]:
    """Add steps below `parent`; their numbers. With `children` of their own to come, they wait for those."""
    if not payloads:
        return []
    more = update(task).where(task.c.id == parent).values(children_left=task.c.children_left + len(payloads))
    connection.execute(more)
    return _insert(connection, held, [(parent, payload) for payload in payloads], now, children)


def add_first_steps(connection: Connection, held: Held, steps: Sequence[tuple[int, Payload]], now: float) -> None:
    """Add the child that each parent, added with `children=1`, waits for."""
    if steps:
        _insert(connection, held, steps, now, 0)


def _insert(
    connection: Connection, held: Held, steps: Sequence[tuple[int, Payload]], now: float, children: int
) -> list[int]:
    fixed = {
        "queue": held.queue, "root_id": held.root, "created_at": now, "next_try_at": now, "children_left": children
    }  # fmt: skip
    rows = [{**fixed, "parent_id": parent, "payload": payload} for parent, payload in steps]
    statement = insert(task).returning(task.c.id, sort_by_parameter_order=True)
    return [int(number) for number in connection.execute(statement, rows).scalars()]


def hold(connection: Connection, held: Held, payload: Payload) -> bool:
    """Renew what the step knows. False when the lease is lost: then nothing may follow from it."""
    given = {"row_key": held.id, "owner": held.owner, "known": payload}
    return connection.execute(_HOLD, given).rowcount == 1


def release_key(connection: Connection, held: Held) -> None:
    """From now on the same load may be asked for again."""
    connection.execute(update(task).where(task.c.id == held.id).values(key=None))


def go_on(connection: Connection, held: Held, at: float, note: str | None = None) -> None:
    """The step is due again at Unix time `at`, or when its children have ended."""
    queues.retry_at(connection, task, held.id, held.owner, at, note)


def end(connection: Connection, held: Held, now: float, error: str | None = None) -> None:
    """The step is done, or has failed for the reason `error`."""
    if held.id == held.root:
        release_key(connection, held)
    if error is None:
        queues.finish(connection, task, held.id, held.owner, now)
    else:
        queues.give_up(connection, task, held.id, held.owner, now, error)


def count_steps(connection: Connection, number: int) -> int:
    """How many steps a load has, itself included."""
    return int(connection.execute(select(func.count()).select_from(task).where(is_below(number))).scalar_one())


def forget_steps(connection: Connection, number: int) -> None:
    """Drop what is below a load; it has told how many they were and what they found."""
    connection.execute(delete(task).where(task.c.root_id == number))


def load_children(connection: Connection, number: int) -> list[Row[Any]]:
    """State, error and payload of the steps directly below."""
    columns = (task.c.id, task.c.state, task.c.error, task.c.payload)
    return list(connection.execute(select(*columns).where(task.c.parent_id == number).order_by(task.c.id)))


def load_progress(connection: Connection, number: int) -> Progress:
    """How the load of that number stands. Raises NotFoundError."""
    row = connection.execute(select(task).where(task.c.id == number, task.c.root_id.is_(None))).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no load {number}; those that ended long ago are forgotten.")
    return _measure(connection, [row])[0]


def cancel_load(connection: Connection, number: int, now: float, why: str) -> bool:
    """End a load and what is left of its steps as failed, for the reason `why`; whether it had not ended by itself.

    Whoever holds one of them finds its lease lost: nothing follows from it any more.
    """
    ended = {"state": "failed", "finished_at": now, "error": why, "lease_until": None}
    open_load = (task.c.id == number, task.c.root_id.is_(None), task.c.state.in_(("waiting", "leased")))
    if connection.execute(update(task).where(*open_load).values(**ended, key=None)).rowcount == 0:
        return False
    steps = update(task).where(task.c.root_id == number, task.c.state.in_(("waiting", "leased")))
    connection.execute(steps.values(**ended, children_left=0))
    return True


def list_loads(connection: Connection, limit: int, cursor: int | None = None) -> Page[Progress]:
    """Loads, newest first."""
    limit = bounded(limit)
    newest = select(task).where(task.c.root_id.is_(None)).order_by(task.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        newest = newest.where(task.c.id < cursor)
    rows = connection.execute(newest).all()
    shown = tuple(_measure(connection, rows[:limit]))
    return Page(shown, shown[-1].id if len(rows) > limit else None)


def is_below(number: int) -> Any:
    """The condition that picks a load and its steps."""
    return or_(task.c.id == number, task.c.root_id == number)


def _measure(connection: Connection, loads: Sequence[Row[Any]]) -> list[Progress]:
    counts: dict[int, dict[str, int]] = {row.id: {row.state: 1} for row in loads}
    steps = select(task.c.root_id, task.c.state, func.count()).where(task.c.root_id.in_([row.id for row in loads]))
    for root, state, count in connection.execute(steps.group_by(task.c.root_id, task.c.state)):
        counts[root][state] = counts[root].get(state, 0) + count
    return [_judge(connection, row, counts[row.id]) for row in loads]


def _judge(connection: Connection, row: Row[Any], counts: Mapping[str, int]) -> Progress:
    done, total = counts.get("done", 0), sum(counts.values())
    if "steps" in row.payload:
        done = total = row.payload["steps"]
    if row.state in {"done", "failed"}:
        return _progress(row, row.state, done, total)
    state = "running" if done or total > 1 or row.state == "leased" else "queued"
    waiting = select(task.c.error, task.c.next_try_at).where(
        is_below(row.id), task.c.state == "waiting", task.c.error.is_not(None)
    )
    delayed = connection.execute(waiting.order_by(task.c.next_try_at).limit(1)).one_or_none()
    return _progress(row, state, done, total, *(delayed or (None, None)))


def _progress(
    row: Row[Any], state: str, done: int, total: int, note: str | None = None, waits_until: float | None = None
) -> Progress:
    error = row.error if state == "failed" else None
    return Progress(
        row.id, state, done, total, error, note, waits_until, row.created_at, row.finished_at, row.payload
    )  # fmt: skip
