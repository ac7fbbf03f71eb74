"""What is looked after so that no delivery is missed: hooks and heads, and the deliveries that did not arrive."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata, waiting, waiting_index

watch = Table(
    "watch",
    metadata,
    identity(),
    Column("what", String(10), nullable=False),  # hooks: their deliveries; heads: of branches and pull requests
    Column("place", String(300), nullable=False),  # as GitHub's API has it: /repos/octo/hello, /orgs/octo, /app
    Column("asked_at", Moment),  # when a person asked for a look
    Column("tried_at", Moment),  # when the last look began, whatever came of it
    Column("looked_at", Moment),  # the last look that saw all
    Column("told", Document, nullable=False),  # what it found, and where a look that was stopped goes on
    *waiting(),
    UniqueConstraint("what", "place"),
    waiting_index("watch"),
)

watched_head = Table(
    "watched_head",
    metadata,
    Column("watch_id", Identity, ForeignKey("watch.id"), primary_key=True),
    Column("ref", String(512), primary_key=True),  # refs/heads/… or refs/pull/N
    Column("sha", String(64), nullable=False),  # builds of it, if any were wanted, are there
    Column("seen_at", Moment, nullable=False),
)

missed_delivery = Table(
    "missed_delivery",
    metadata,
    Column("guid", String(200), primary_key=True),
    Column("watch_id", Identity, nullable=False, index=True),
    Column("endpoint", Text),  # where GitHub lists it; none: it was found by comparing heads
    Column("delivery_id", BigInteger),
    Column("event", String(100), nullable=False),
    Column("status_code", Integer),  # what was answered to GitHub; nought: nothing
    Column("delivered_at", Moment, nullable=False, index=True),
    Column("found_at", Moment, nullable=False),
    Column("asked", Integer, nullable=False, server_default="0"),  # times that GitHub was asked to send it again
    Column("next_try_at", Moment),  # none: nothing more is tried
    Column("recovered_at", Moment, index=True),
    Column("way", String(12)),  # redelivered, fetched or compared
    Column("error", Text),
)
