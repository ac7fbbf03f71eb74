"""Versions of definitions: for each change of a job or folder the whole own document, by whom, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hubwright.errors import NotFoundError
from hubwright.store.schema import definition, folder, job
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_values import Page


class Kind(StrEnum):
    """What has versions."""

    JOB = "job"
    FOLDER = "folder"


_TABLES = {Kind.JOB: job, Kind.FOLDER: folder}


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes a definition (None: the hub itself), when in Unix seconds, and why."""

    author: str | None
    at: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A definition as it was from that change on; `path` is where it was then."""

    number: int
    path: str
    document: dict[str, Any]
    author: str | None
    reason: str
    at: float


def keep_version(
    connection: Connection, kind: Kind, subject_id: int, path: str, document: Mapping[str, Any], change: Change
) -> int:
    """Add a version of the job or folder with this number of ours; the version's own number, 1 for the first.

    Numbers have no gaps: the row of the job or folder is locked until the transaction ends.
    """
    table = _TABLES[kind]
    counted = update(table).where(table.c.id == subject_id).values(version=table.c.version + 1)
    number: int = connection.execute(counted.returning(table.c.version)).scalar_one()
    connection.execute(
        insert(definition).values(
            kind=kind.value,
            subject_id=subject_id,
            path=path,
            number=number,
            document=dict(document),
            author=change.author,
            reason=change.reason,
            at=change.at,
        )
    )
    return number


def load_versions(
    connection: Connection, kind: Kind, subject_id: int, limit: int = 50, cursor: int | None = None
) -> Page[Version]:
    """The versions of a job or folder, the newest first; the cursor is a number."""
    limit = bounded(limit)
    query = select(*_COLUMNS).where(definition.c.kind == kind.value, definition.c.subject_id == subject_id)
    if cursor is not None:
        query = query.where(definition.c.number < cursor)
    rows = load_rows(connection, query.order_by(definition.c.number.desc()).limit(limit + 1))
    items = tuple(Version(**row) for row in rows[:limit])
    return Page(items, items[-1].number if len(rows) > limit else None)


def load_version(connection: Connection, kind: Kind, subject_id: int, number: int) -> Version:
    """One version. Raises NotFoundError."""
    query = select(*_COLUMNS).where(definition.c.kind == kind.value, definition.c.subject_id == subject_id)
    rows = load_rows(connection, query.where(definition.c.number == number))
    if not rows:
        raise NotFoundError(f"There is no version {number} of this {kind.value}.")
    return Version(**rows[0])


_COLUMNS = [definition.c[name] for name in ("number", "path", "document", "author", "reason", "at")]
