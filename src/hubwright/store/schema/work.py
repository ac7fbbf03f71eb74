"""Deliveries, facts, counts for the monitoring system, and the rows of waiting work, which `store.queues` claims."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata, waiting, waiting_index

delivery = Table(
    "delivery",
    metadata,
    identity(),
    Column("guid", String(200), nullable=False, unique=True),
    Column("event", String(100), nullable=False),
    Column("source", String(10), nullable=False, server_default="github"),
    Column("received_at", Moment, nullable=False),
    Column("headers", Document),  # those that tell what came and from which hook; no signatures
    Column("body", LargeBinary, nullable=False),  # JSON, zlib; `hubwright` pages and API show it plain
    Column("repository", String(201)),
    Column("outcome", Text),
    *waiting(),
    waiting_index("delivery"),
    Index("ix_delivery_received_at", "received_at", "source"),
    Index("ix_delivery_repository", func.lower(text("repository")), "id"),
    Index("ix_delivery_event", "event", "id"),
    Index("ix_delivery_failed", "id", sqlite_where=text("state = 'failed'"), postgresql_where=text("state = 'failed'")),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

fact = Table(
    "fact",
    metadata,
    identity(),
    Column("kind", String(30), nullable=False),
    Column("at", Moment, nullable=False),
    Column("job_id", Identity),
    Column("build_id", Identity, index=True),
    Column("run_id", Identity),
    Column("data", Document, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

reporter = Table(
    "reporter",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # the last fact handed over
)

figure = Table(
    "figure",
    metadata,
    Column("name", String(60), primary_key=True),  # of domain.figures.Kind
    Column("labels", String(300), primary_key=True),  # their values, with U+001F between
    Column("value", Float(53), nullable=False),  # only grows
)

report = Table(
    "report",
    metadata,
    identity(),
    Column("reporter", String(40), nullable=False),
    Column("target", Text, nullable=False),  # reports to one target go out in order
    Column("fact_id", Identity, nullable=False),
    Column("body", Document, nullable=False),
    *waiting(),
    UniqueConstraint("reporter", "target", "fact_id"),
    waiting_index("report"),
    Index("ix_report_failed", "id", sqlite_where=text("state = 'failed'"), postgresql_where=text("state = 'failed'")),
)

task = Table(
    "task",
    metadata,
    identity(),
    Column("queue", String(40), nullable=False),
    Column("key", String(400), unique=True),  # the same key is one task
    Column("payload", Document, nullable=False),
    Column("parent_id", Identity, ForeignKey("task.id"), index=True),
    Column("root_id", Identity, index=True),  # the load that it is part of
    Column("children_left", Integer, nullable=False, server_default="0"),  # fan-in: it waits until nought
    Column("created_at", Moment, nullable=False),
    *waiting(),
    waiting_index("task"),
)

duty = Table(  # what only one of several processes does at a time, such as speaking on IRC
    "duty",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("owner", String(100), nullable=False),
    Column("until", Moment, nullable=False),  # then another may take it over
)
