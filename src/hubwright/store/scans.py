"""When which of GitHub's listings was read last, and how far; which answers the rows were kept from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.errors import ParameterError
from hubwright.store.moments import Moment
from hubwright.store.schema import scan, scan_page
from hubwright.store.views import bounded
from hubwright.store.views_values import Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Scanned:
    """A listing that was read to its end; times are Unix seconds, `changed_until` is GitHub's (ISO 8601)."""

    listing: str
    scope: str
    began_at: float
    finished_at: float
    whole_at: float | None
    changed_until: str | None
    pages: int
    items: int
    vanished: int


def keep_scan(connection: Connection, scanned: Scanned) -> None:
    """Note it; what a scan of a part does not tell stays as it was."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {name: getattr(scanned, name) for name in Scanned.__slots__}
    kept = {name: value for name, value in values.items() if value is not None and name not in {"listing", "scope"}}
    statement = dialect.insert(scan).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["listing", "scope"], set_=kept))


def load_changed_until(connection: Connection, listing: str, scope: str) -> str | None:
    """Up to which of GitHub's times the listing is known; None when it was never read whole."""
    of = (scan.c.listing == listing, scan.c.scope == scope, scan.c.whole_at.is_not(None))
    return connection.execute(select(scan.c.changed_until).where(*of)).scalar()


def list_scans(connection: Connection, scope: str | None, limit: int, cursor: str | None = None) -> Page[Row[Any]]:
    """The scans of a scope, or of all; the latest first. Raises ParameterError for what is no cursor."""
    keys = (scan.c.finished_at, scan.c.listing, scan.c.scope)
    query = select(scan).order_by(*(key.desc() for key in keys)).limit(bounded(limit) + 1)
    if scope is not None:
        query = query.where(scan.c.scope == scope)
    if cursor is not None:
        finished_at, listing, of = _read_cursor(cursor)
        query = query.where(tuple_(*keys) < tuple_(literal(finished_at, Moment), listing, of))
    rows = connection.execute(query).all()
    shown, last = tuple(rows[: bounded(limit)]), rows[bounded(limit) - 1 : bounded(limit)]
    following = f"{last[0].finished_at!r}:{last[0].listing}:{last[0].scope}" if len(rows) > bounded(limit) else None
    return Page(shown, following)


def _read_cursor(cursor: str) -> tuple[float, str, str]:
    time, _, rest = cursor.partition(":")
    listing, colon, scope = rest.partition(":")
    if not colon or not re.fullmatch(r"\d{1,11}(\.\d{1,9})?", time):
        raise ParameterError("The cursor is not the `next` of a page of scans.", "cursor")
    return float(time), listing, scope


def keep_mark(connection: Connection, url: str, mark: str, now: float) -> None:
    """Note which answer of an address the rows were kept from, in the transaction that keeps them."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"address": _address(url), "mark": mark, "kept_at": now}
    renewed = {"mark": mark, "kept_at": now}
    connection.execute(
        dialect.insert(scan_page).values(values).on_conflict_do_update(index_elements=["address"], set_=renewed)
    )


def load_mark(connection: Connection, url: str) -> str | None:
    """From which answer of an address rows were kept last."""
    return connection.execute(select(scan_page.c.mark).where(scan_page.c.address == _address(url))).scalar()


def _address(url: str) -> str:
    return sha256(url.encode()).hexdigest()
