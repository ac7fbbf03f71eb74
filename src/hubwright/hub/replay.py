"""A stored delivery is understood again, as when a fault of ours has been mended since it came."""

from __future__ import annotations

from sqlalchemy import Connection

from hubwright.errors import ConflictError
from hubwright.hub.wishes import MANUAL
from hubwright.store.deliveries import load_failed, load_standing, put_back

ASKED_BY_PEOPLE = frozenset({"check_run", "check_suite", "issue_comment"})
"""Events by which people ask us to act: what they asked for is done once."""

MOST = 500
"""Deliveries that are replayed at once."""


def replay(connection: Connection, number: int, now: float) -> None:
    """Have the delivery understood again; its builds keep their triggers, so none is built twice.

    Raises NotFoundError, and ConflictError where it waits already or must not be done twice.
    """
    standing = load_standing(connection, number)
    if standing.state not in {"done", "failed"}:
        raise ConflictError(f"Delivery {number} waits to be understood already.")
    if standing.source == MANUAL:
        raise ConflictError(f"Delivery {number} is this hub's own question, no webhook: start a build instead.")
    if standing.event in ASKED_BY_PEOPLE and standing.state == "done":
        raise ConflictError(f"What a person asks for with {standing.event} is done once: press the button again.")
    put_back(connection, number, now)


def replay_failed(connection: Connection, now: float) -> int:
    """Have the oldest of those that failed understood again, at most `MOST`; how many."""
    numbers = load_failed(connection, MOST, MANUAL)
    for number in numbers:
        put_back(connection, number, now)
    return len(numbers)
