"""The copy of GitHub's part of walk 2: what a delivery tells is kept beside what it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.replica import FollowUp, Reading
from hubwright.github.records import read_delivery
from hubwright.github.webhook import LEGACY_PUSH
from hubwright.store.replica import keep_records

NOTED = 10
"""Of what could not be read in a delivery, so much is logged."""

GITHUB = "github"
"""The source of webhooks."""

Follow = Callable[[Connection, Iterable[FollowUp], float], int]
"""Has loaded what deliveries leave open; how much is new."""

logger = structlog.get_logger()


def follow_nothing(_connection: Connection, _follow_ups: Iterable[FollowUp], _now: float) -> int:
    """Where the hub has no credentials to ask GitHub with."""
    return 0


def read_told(row: Row[Any], document: dict[str, Any]) -> Reading:
    """What a kept delivery tells of GitHub; nothing when it is a wish, the demo's push, or the document of 2008."""
    if row.source != GITHUB or row.event == LEGACY_PUSH:
        return Reading()
    told = read_delivery(row.event, document, row.received_at)
    for reason in told.left_out[:NOTED]:
        logger.warning("record_left_out", delivery=row.guid, event_name=row.event, reason=reason)
    return told


def keep_told(connection: Connection, told: Sequence[Reading], follow: Follow, now: float) -> None:
    """Keep what deliveries tell, and have loaded what they leave open."""
    keep_records(connection, (record for one in told for record in one.records), via="webhook", now=now)
    if follow_ups := dict.fromkeys(wish for one in told for wish in one.follow_ups):
        follow(connection, follow_ups, now)
