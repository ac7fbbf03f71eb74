"""The copy of GitHub: records become rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import Connection

from hubwright.domain.replica import Record

Way = Literal["webhook", "api"]


def keep_records(connection: Connection, records: Iterable[Record], *, via: Way, now: float) -> int:
    """Merge records into their rows; how many rows now tell something else than before.

    Rows that a record says nothing new of are not written, but for the time of their replication: of what an API answer
    is about always, of all else once a minute.
    """
    return 0
