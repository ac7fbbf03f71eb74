"""The copy of GitHub: records become rows, and what vanished from GitHub gets a tombstone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import Connection

from hubwright.domain.replica import Record

Way = Literal["webhook", "api"]


def keep_records(connection: Connection, records: Iterable[Record], *, via: Way, now: float) -> int:
    """Merge records into their rows; how many rows now tell something else than before.

    Rows that a record says nothing new of are not written, but for the time of their replication: of what an API answer
    is about always, of all else once a minute.
    """
    return 0


def mark_scanned(connection: Connection, kind: str, scope: Mapping[str, Any], *, since: float, started: float) -> int:
    """Put a tombstone on what a whole listing no longer has; how many rows.

    `scope` are columns and their values that every listed row has (`{"repository_id": 7, "state": "open"}`): no other
    row is touched. Of those, rows are gone that were told of last before `started` (our clock, when the scan began).
    `since` is the `Date` of the scan's first answer: a document that GitHub writes later makes the row live again.
    """
    return 0
