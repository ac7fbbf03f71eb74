"""Deliveries that were taken from their rows: what each holds, and which of them go together."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from sqlalchemy import Row

from hubwright.domain.replica import Reading
from hubwright.domain.repos import ApprovalComment, Event, PullRequestEvent, Push
from hubwright.errors import MalformedError
from hubwright.github.payloads import read_event
from hubwright.hub.backfill import BACKFILL, read_backfill
from hubwright.hub.followers import Circle
from hubwright.hub.wishes import MANUAL, read_manual
from hubwright.store.deliveries import read_body

MOVED = "moved"
"""The event of deliveries that the hub makes of heads which git has found elsewhere."""

PORTION = 1_000_000
"""Bytes of kept bodies, which are packed, that are read and written at a time."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery, what it asks for (None: that can't be read), and what it tells of GitHub.

    `circle` is that of its repository, where it was looked at a moment ago.
    """

    row: Row[Any]
    event: Event | None
    told: Reading
    circle: Circle | None = None

    @property
    def repository(self) -> str | None:
        """The name of the repository that it is about."""
        return self.event.repository.full_name if self.event is not None and self.event.repository is not None else None


def form_portions(rows: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """In their order, as many at a time as may be held and written together."""
    some: list[Row[Any]] = []
    size = 0
    for row in rows:
        size += len(row.body)
        if some and size > PORTION:
            yield some
            some, size = [], len(row.body)
        some.append(row)
    if some:
        yield some


def part_pulls(things: list[Taken]) -> list[list[Taken]]:
    """Who asks how a pull request stands comes after what was told of it has been kept."""
    parts: list[list[Taken]] = [[]]
    told: set[int] = set()
    for taken in things:
        if isinstance(taken.event, PullRequestEvent | ApprovalComment):
            if taken.event.number in told:
                parts.append([])
                told = set()
            told.add(taken.event.number)
        parts[-1].append(taken)
    return parts


def read_document(row: Row[Any]) -> dict[str, Any]:
    """The delivery's document. Raises MalformedError."""
    try:
        document = orjson.loads(read_body(row.body))
    except (zlib.error, ValueError) as error:  # a row that was damaged must not stop its queue
        raise MalformedError(f"The kept delivery can't be read: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedError("The kept delivery is not an object.")
    return document


def read_kept_event(row: Row[Any], document: dict[str, Any]) -> Event:
    """The event; what this hub asks of itself has a source that no webhook can claim. Raises MalformedError."""
    try:
        if row.source == MANUAL:
            return _read_own(row.event, document)
        return read_event(row.event, document)
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"The kept delivery can't be read: {error}.") from error


def _read_own(event: str, document: dict[str, Any]) -> Event:
    if event == BACKFILL:
        return read_backfill(document)
    return msgspec.convert(document, Push) if event == MOVED else read_manual(document)
