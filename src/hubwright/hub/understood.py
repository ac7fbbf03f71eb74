"""The outcome of understanding an event: what is to be written, and whether that is all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from hubwright.domain.repos import Event
from hubwright.hub.news import keep_event


@dataclass(frozen=True, slots=True)
class Understood:
    """What is to be written: `keep` does it and gives the outcome in words; `waits` says why it is not all yet.

    `limited`: builds may have to be admitted then.
    """

    keep: Callable[[Connection, float], str]
    waits: str | None = None
    limited: bool = False


def just_keep(event: Event, outcome: str) -> Understood:
    """What the event says of GitHub's own things is all there is to be written."""

    def keep(connection: Connection, now: float) -> str:
        keep_event(connection, event, now)
        return outcome

    return Understood(keep)
