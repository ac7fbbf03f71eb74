"""Rows of budgets: one for each credential, locked while a turn is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.github_budget import Budget, Figures, Window
from hubwright.store.schema import github_budget

T = TypeVar("T")

FORGOTTEN_AFTER = 30 * 86400.0
"""Seconds after which a credential that nobody uses any more is forgotten."""

_ZERO = 0.0
_OF = github_budget.c.name == bindparam("of")
_LOCK = select(github_budget).where(_OF).with_for_update()
_CHANGE = (
    update(github_budget)
    .where(_OF)
    .values({column: bindparam(column.name, type_=column.type) for column in github_budget.c if column.name != "name"})
)


def change_budget(connection: Connection, name: str, change: Callable[[Budget], tuple[Budget, T]], now: float) -> T:
    """Change a budget while nobody else can; `change` gets it and returns it anew, with what is returned here."""
    row = _lock(connection, name) or _add(connection, name, now)
    before = _read_budget(row)
    after, answer = change(before)
    if after != before:
        connection.execute(_CHANGE, {"of": name, **_write_budget(after), "updated_at": now})
    return answer


def load_budget(connection: Connection, name: str) -> Budget:
    """What is known of a credential."""
    row = connection.execute(select(github_budget).where(github_budget.c.name == name)).first()
    return Budget() if row is None else _read_budget(row)


def load_budgets(connection: Connection) -> dict[str, Budget]:
    """What is known, by the name of the credential."""
    rows = connection.execute(select(github_budget).order_by(github_budget.c.name))
    return {row.name: _read_budget(row) for row in rows}


def _lock(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(_LOCK, {"of": name}).first()


def _add(connection: Connection, name: str, now: float) -> Row[Any]:
    connection.execute(delete(github_budget).where(github_budget.c.updated_at < now - FORGOTTEN_AFTER))
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(github_budget).values(name=name, spent={}, updated_at=now)
    connection.execute(new.on_conflict_do_nothing())
    row = _lock(connection, name)
    assert row is not None  # noqa: S101  it was added, by us or by another
    return row


def _read_budget(row: Row[Any]) -> Budget:
    figures = None
    if row.hour_limit is not None and row.hour_remaining is not None and row.hour_ends_at is not None:
        figures = Figures(limit=row.hour_limit, remaining=row.hour_remaining, reset_at=row.hour_ends_at)
    return Budget(
        figures=figures,
        told_at=row.told_at or _ZERO,
        paused_until=row.paused_until or _ZERO,
        limits_met=row.limits_met,
        wrote_at=row.wrote_at or _ZERO,
        points=_read_window(row.spent, "points"),
        writes=_read_window(row.spent, "writes"),
        content=_read_window(row.spent, "content"),
    )


def _read_window(spent: dict[str, Any], name: str) -> Window:
    return tuple((slot, count) for slot, count in spent.get(name, ()))


def _write_budget(budget: Budget) -> dict[str, Any]:
    figures = budget.figures
    return {
        "hour_limit": figures and figures.limit,
        "hour_remaining": figures and figures.remaining,
        "hour_ends_at": figures and figures.reset_at,
        "told_at": budget.told_at or None,
        "paused_until": budget.paused_until or None,
        "limits_met": budget.limits_met,
        "wrote_at": budget.wrote_at or None,
        "spent": {"points": budget.points, "writes": budget.writes, "content": budget.content},
    }
