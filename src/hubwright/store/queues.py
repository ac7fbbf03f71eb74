"""Waiting work as rows: claim it under a lease, finish it, try it later, give it up. It needs no broker to be safe.

A row of a queue (`delivery`, `report`, `task`) is `waiting` until `next_try_at`, then `leased` to an owner until
`lease_until`, and ends `done` or `failed`. A lease that has run out is as good as waiting, so what a killed process
held is found again. Only the owner of the lease may end it: whoever lost it changes nothing, and is told so.

A task may have children: it can't be claimed before the last of them has ended, however that ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Table,
    Update,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.moments import Moment
from hubwright.store.schema import task

ERROR_LENGTH = 2000
"""Characters of an error that a row keeps."""


AT_ONCE = 0.0
"""Due whatever the clock says of whoever reads it: that of whoever wrote the row may have been an hour ahead."""


def claim(
    connection: Connection,
    table: Table,
    owner: str,
    now: float,
    *,
    lease_seconds: float,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
) -> list[Row[Any]]:
    """Lease up to `limit` due rows to `owner`, longest due first; whole rows, in order of their ids.

    Several may claim at once, in one process or many: no row is had twice. Each claim counts as an attempt.
    """
    lease = _claim_some(table, *where) if where else _claim_any(table)
    values = {"owner": owner, "now": now, "until": now + lease_seconds, "most": limit}
    return sorted(connection.execute(lease, values).all(), key=lambda row: int(row.id))


def _claim_some(table: Table, *where: ColumnElement[bool]) -> Any:
    now: BindParameter[float] = bindparam("now", type_=Moment())
    due = (
        select(table.c.id)
        .where(is_open(table), table.c.next_try_at <= now, _childless(table), *where)
        .order_by(table.c.next_try_at, table.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")  # a CTE is run once; an IN (SELECT … LIMIT) may be run again by PostgreSQL and lock more rows
    )
    return form_lease(table).where(table.c.id.in_(select(due.c.id))).returning(*table.c)


def form_lease(table: Table) -> Update:
    """The statement that leases rows to `owner` until `until`, and counts the attempt; which rows is the caller's."""
    until: BindParameter[float] = bindparam("until", type_=Moment())
    return update(table).values(
        state="leased",
        lease_owner=bindparam("owner"),
        lease_until=until,
        next_try_at=until,
        attempts=table.c.attempts + 1,
    )


@cache
def _claim_any(table: Table) -> Any:
    """Built once: that costs more than to run it."""
    return _claim_some(table)


def finish(connection: Connection, table: Table, row_id: int, owner: str, now: float) -> bool:
    """The work is done. False, and nothing changed, when `owner` no longer holds the row."""
    values = {"state": "done", "finished_at": now, "error": None, "lease_until": None}
    return _end(connection, table, row_id, owner, values)


def give_up(connection: Connection, table: Table, row_id: int, owner: str, now: float, error: str) -> bool:
    """The work can't be done, for the reason `error`. False, and nothing changed, when the lease is lost."""
    values = {"state": "failed", "finished_at": now, "error": error[:ERROR_LENGTH], "lease_until": None}
    return _end(connection, table, row_id, owner, values)


def retry_at(connection: Connection, table: Table, row_id: int, owner: str, at: float, error: str | None) -> bool:
    """Hand the row back, due at Unix time `at`; a task with children stays until they have ended.

    `error` says why it is tried again, None when nothing went wrong. False when the lease is lost.
    """
    values = {"state": "waiting", "next_try_at": at, "error": error and error[:ERROR_LENGTH], "lease_until": None}
    return _release(connection, table, row_id, owner, values)


def renew(connection: Connection, table: Table, row_id: int, owner: str, until: float) -> bool:
    """Hold the row until Unix time `until`. False when the lease is lost: stop working on it."""
    return _release(connection, table, row_id, owner, {"lease_until": until, "next_try_at": until})


def load_owners(connection: Connection, table: Table) -> set[str]:
    """Who holds rows of the queue."""
    held = select(table.c.lease_owner).where(is_open(table), table.c.state == "leased").distinct()
    return {owner for owner in connection.execute(held).scalars() if owner is not None}


def take_back(connection: Connection, table: Table, owner: str) -> int:
    """Everything that `owner`, who is gone, still holds is due at once, before all that came later; how many rows."""
    held = (is_open(table), table.c.state == "leased", table.c.lease_owner == owner)
    return connection.execute(
        update(table).where(*held).values(state="waiting", next_try_at=AT_ONCE, lease_until=None)
    ).rowcount


def count_open(connection: Connection, table: Table, where: Sequence[ColumnElement[bool]] = ()) -> int:
    """How many rows have not ended."""
    return int(connection.execute(select(func.count()).select_from(table).where(is_open(table), *where)).scalar_one())


def next_due(connection: Connection, table: Table, where: Sequence[ColumnElement[bool]] = ()) -> float | None:
    """The Unix time at which the next row is due (a held row: at which its lease ends); None when none waits."""
    first = _first_due(table, *where) if where else _first_of_all(table)
    at: float | None = connection.execute(first).scalar()
    return at


def _first_due(table: Table, *where: ColumnElement[bool]) -> Any:
    return select(func.min(table.c.next_try_at)).where(is_open(table), _childless(table), *where)


@cache
def _first_of_all(table: Table) -> Any:
    return _first_due(table)


def add_task(
    connection: Connection,
    queue: str,
    payload: object,
    *,
    now: float,
    key: str | None = None,
    parent: int | None = None,
) -> int:
    """Add a task, due now; its id. The same key is the same task, whatever became of it, and is added once."""
    values = {
        "queue": queue,
        "payload": payload,
        "key": key,
        "parent_id": parent,
        "created_at": now,
        "next_try_at": now,
    }
    added = connection.execute(_insert_new(connection).values(values).returning(task.c.id)).scalar()
    if added is None:
        return int(connection.execute(select(task.c.id).where(task.c.key == key)).scalar_one())
    if parent is not None:
        connection.execute(update(task).where(task.c.id == parent).values(children_left=task.c.children_left + 1))
    return int(added)


def _insert_new(connection: Connection) -> Any:
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(task).on_conflict_do_nothing(index_elements=[task.c.key])


def is_open(table: Table) -> ColumnElement[bool]:
    """Whether a row has not ended, said in the words of the partial index, so that it is used."""
    return table.c.state.in_([literal_column("'waiting'"), literal_column("'leased'")])


def _childless(table: Table) -> ColumnElement[bool]:
    return table.c.children_left == 0 if "children_left" in table.c else true()


def _release(connection: Connection, table: Table, row_id: int, owner: str, values: dict[str, Any]) -> bool:
    given = {f"new_{name}": value for name, value in values.items()}
    statement = _release_statement(table, tuple(values))
    return connection.execute(statement, {"row_key": row_id, "owner": owner, **given}).rowcount == 1


@cache
def _release_statement(table: Table, columns: tuple[str, ...]) -> Any:
    held = (table.c.id == bindparam("row_key"), table.c.lease_owner == bindparam("owner"), table.c.state == "leased")
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
    return update(table).where(*held).values(values)


def _end(connection: Connection, table: Table, row_id: int, owner: str, values: dict[str, Any]) -> bool:
    """End a row once; in the same transaction its parent has one child less, and the last child makes it due."""
    ended = _release(connection, table, row_id, owner, values)
    if ended and table is task:
        connection.execute(_one_less(), {"row_key": row_id, "ended_at": values["finished_at"]})
    return ended


@cache
def _one_less() -> Any:
    parent = select(task.c.parent_id).where(task.c.id == bindparam("row_key")).scalar_subquery()
    freed = (task.c.state == "waiting") & (task.c.children_left == 1)
    due = case((freed, bindparam("ended_at", type_=Moment())), else_=task.c.next_try_at)
    one_less = {"children_left": task.c.children_left - 1, "next_try_at": due}
    return update(task).where(task.c.id == parent).values(one_less)


def renew_some(connection: Connection, table: Table, ids: Sequence[int], owner: str, until: float) -> int:
    """Hold those of the rows that `owner` still has until Unix time `until`; how many."""
    held = (table.c.id.in_(ids), table.c.lease_owner == owner, table.c.state == "leased")
    return connection.execute(update(table).where(*held).values(lease_until=until, next_try_at=until)).rowcount
