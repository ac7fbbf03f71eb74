"""The audit log: every change that was asked for, by whom, from where, and how it was answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from hubwright.store.schema import audit
from hubwright.store.views_values import Page

MAX_ADDRESS = 500
"""Characters of an address that are kept."""

MAX_PAGE = 200

_ADD = insert(audit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One change; see the columns of the table. `id` is nought until it is kept."""

    at: float
    actor: str
    by: str
    role: str
    method: str
    action: str
    path: str
    status: int
    token_id: int | None = None
    address: str = ""
    id: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None is any. `below`: addresses that begin so. Times are Unix seconds."""

    actor: str | None = None
    token: int | None = None
    method: str | None = None
    action: str | None = None
    below: str | None = None
    status: int | None = None
    since: float | None = None
    until: float | None = None


def keep_entries(connection: Connection, entries: list[Entry]) -> list[None]:
    """Keep what was done. Names and addresses are cut where they are too long."""
    if entries:
        connection.execute(_ADD, [_row(entry) for entry in entries])
    return [None] * len(entries)


def load_entries(
    connection: Connection, wanted: AuditFilter, limit: int = 50, cursor: int | None = None
) -> Page[Entry]:
    """The entries, newest first; the cursor is a number."""
    exact = {
        audit.c.actor: wanted.actor,
        audit.c.token_id: wanted.token,
        audit.c.method: wanted.method,
        audit.c.action: wanted.action,
        audit.c.status: wanted.status,
    }
    query = select(*audit.c).where(*(column == value for column, value in exact.items() if value is not None))
    if wanted.below is not None:
        query = query.where(audit.c.path.startswith(wanted.below, autoescape=True))
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    if cursor is not None:
        query = query.where(audit.c.id < cursor)
    limit = max(1, min(limit, MAX_PAGE))
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit + 1)).mappings()
    found = tuple(Entry(**row) for row in rows)
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def _row(entry: Entry) -> dict[str, object]:
    row = asdict(entry)
    del row["id"]
    cuts = {"actor": 200, "action": 200, "path": MAX_ADDRESS, "address": 64, "method": 10}
    return row | {name: _clean(str(row[name]))[:length] for name, length in cuts.items()}


def _clean(text: str) -> str:
    """PostgreSQL takes no NUL, and no half of a pair of UTF-16."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
