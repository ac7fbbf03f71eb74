"""What a change of the tables takes from a program that still works with those of before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa


def find_breaks(before: sa.MetaData, after: sa.MetaData) -> list[str]:
    """What a hub of the release before would stumble over; empty when the tables only grew. Both are reflected."""
    return sorted(_walk(before, after))


def _walk(before: sa.MetaData, after: sa.MetaData) -> Iterator[str]:
    for table in before.tables.values():
        if (now := after.tables.get(table.name)) is None:
            yield f"{table.name} is gone"
            continue
        for column in table.columns:
            yield from _compare(column, now.columns.get(column.name))
        for column in now.columns:
            if column.name not in table.columns and not _fills_itself(column):
                yield f"{column} must be given"
        yield from _find_new_rules(table, now)


def _compare(column: sa.Column[Any], now: sa.Column[Any] | None) -> Iterator[str]:
    if now is None:
        yield f"{column} is gone"
        return
    if column.nullable and not now.nullable:
        yield f"{column} must be given"
    if column.server_default is not None and now.server_default is None and not now.nullable:
        yield f"{column} has no default any more"
    if _is_narrower(column.type, now.type):
        yield f"{column} is {now.type!r} and was {column.type!r}"


def _is_narrower(was: sa.types.TypeEngine[Any], now: sa.types.TypeEngine[Any]) -> bool:
    """Another type counts as narrower, but for a longer text and a larger number."""
    if isinstance(was, sa.String) and isinstance(now, sa.String):
        return now.length is not None and (was.length is None or now.length < was.length)
    if isinstance(was, sa.Integer) and isinstance(now, sa.BigInteger):
        return False
    return repr(was) != repr(now)


def _fills_itself(column: sa.Column[Any]) -> bool:
    return column.nullable or column.server_default is not None or column.computed is not None


def _find_new_rules(table: sa.Table, now: sa.Table) -> Iterator[str]:
    """Rules over columns that were there before; a row that was right may not be one any more."""
    known = set(table.columns.keys())
    were = _rules(table)
    for kind, columns in _rules(now) - were:
        if columns <= known:
            yield f"{table.name} has a new rule: {kind} over {', '.join(sorted(columns))}"


def _rules(table: sa.Table) -> set[tuple[str, frozenset[str]]]:
    rules = {(type(one).__name__, frozenset(one.columns.keys())) for one in table.constraints}
    return rules | {("unique", frozenset(one.columns.keys())) for one in table.indexes if one.unique}
