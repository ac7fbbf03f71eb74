"""What a monitoring system scrapes, in Prometheus' text format: a few small queries, no label that grows.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection, func, select, text

from hubwright.domain.facts import FactKind
from hubwright.domain.github_budget import Budget
from hubwright.domain.results import Result
from hubwright.domain.scheduling import Want, join_labels
from hubwright.reports.fleet_figures import load_figures, write_figures
from hubwright.store.database import Database
from hubwright.store.github_budget import load_budgets
from hubwright.store.schema import build, builder, delivery, fact
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_queue import count_runs
from hubwright.store.views_waiting import count_held, count_queues

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Reads the figures when asked. Finished builds are counted once from their table, then by facts that follow."""

    def __init__(
        self,
        database: Database,
        version: str,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._version = version
        self._clock = clock
        self._finished: Counter[str] = Counter()
        self._cursor: int | None = None
        self._lost = 0  # since the start
        self._lock = threading.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self) -> bytes:
        """The figures as text. Reads the database: call it in a thread."""
        with self._lock:
            return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing: the figures are only known when they are collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures, for the registry."""
        with self._database.reading() as connection:
            self._count_finished(connection)
            held = count_held(connection)
            figures = {
                "held": sum(held.values()),
                "queued": count_runs(connection, "queued"),
                "running": count_runs(connection, "running"),
            }
            connected = select(func.count()).where(builder.c.state == "connected")
            builders = connection.execute(connected).scalar_one()
            deliveries = connection.execute(select(func.count()).select_from(delivery).where(_OPEN)).scalar_one()
            queues = count_queues(connection)
            fleet = load_figures(connection)
            budgets = load_budgets(connection)
        yield _gauge("hubwright_build_info", "The hub's version.", {"version": self._version}, 1)
        runs = GaugeMetricFamily("hubwright_runs", "Runs that are not finished.", labels=["state"])
        for state, count in figures.items():
            runs.add_metric([state], count)
        yield runs
        yield from _queue_gauges(queues, self._clock())
        yield _held_gauge(held)
        builds = CounterMetricFamily("hubwright_builds_finished", "Builds that ended, by result.", labels=["result"])
        for result in Result:
            builds.add_metric([result.value], self._finished[result.value])
        yield builds
        yield _gauge("hubwright_builders_connected", "Builders with a connection.", {}, builders)
        yield from write_figures(*fleet)
        yield CounterMetricFamily("hubwright_builders_lost", "Builders that lost their runs.", value=self._lost)
        yield _gauge("hubwright_deliveries_waiting", "Webhooks not yet understood.", {}, deliveries)
        yield from _budget_gauges(budgets, self._clock())

    def _count_finished(self, connection: Connection) -> None:
        if self._cursor is None:
            self._cursor = connection.execute(select(func.max(fact.c.id))).scalar() or 0
            counted = select(build.c.result, func.count()).where(build.c.result.is_not(None)).group_by(build.c.result)
            self._finished.update({str(result): count for result, count in connection.execute(counted)})
            return
        columns = select(fact.c.id, fact.c.kind, fact.c.data)
        while rows := connection.execute(
            columns.where(fact.c.id > self._cursor).order_by(fact.c.id).limit(5 * MAX_PAGE)
        ).all():
            self._cursor = rows[-1].id
            self._finished.update(str(row.data.get("result")) for row in rows if row.kind == FactKind.BUILD_FINISHED)
            self._lost += sum(row.kind == FactKind.BUILDER_LOST for row in rows)


def _queue_gauges(queues: Mapping[Want, tuple[int, int, float | None]], now: float) -> Iterator[Metric]:
    """What waits, for autoscalers: a series for each platform and labels, at most `MAX_KINDS` of them."""
    names = ["platform", "labels"]
    waiting = GaugeMetricFamily("hubwright_queue_depth", "Runs that wait for a builder.", labels=names)
    running = GaugeMetricFamily("hubwright_queue_running", "Runs that builders work on.", labels=names)
    oldest = GaugeMetricFamily(
        "hubwright_queue_oldest_wait_seconds", "How long the first of the queue has waited.", labels=names
    )
    for want, (depth, busy, since) in queues.items():
        labels = [want.platform, join_labels(want.labels)]
        waiting.add_metric(labels, depth)
        running.add_metric(labels, busy)
        oldest.add_metric(labels, 0.0 if since is None else max(now - since, 0.0))
    yield from (waiting, running, oldest)


def _held_gauge(held: Mapping[Want, int]) -> Metric:
    gauge = GaugeMetricFamily(
        "hubwright_queue_held", "Runs that wait for approval, or within limits.", labels=["platform", "labels"]
    )
    for want, count in held.items():
        gauge.add_metric([want.platform, join_labels(want.labels)], count)
    return gauge


_OPEN = text("delivery.state IN ('waiting', 'leased')")  # as the partial index says it


def _budget_gauges(budgets: Mapping[str, Budget], now: float) -> Iterator[Metric]:
    """What GitHub still allows each credential: a token's fingerprint, or an installation."""
    labels = ["credential"]
    remaining = GaugeMetricFamily("hubwright_github_requests_remaining", "Requests left of the hour.", labels=labels)
    pauses = GaugeMetricFamily("hubwright_github_pause_seconds", "Until GitHub may be asked again.", labels=labels)
    for name, budget in budgets.items():
        if budget.figures is not None and budget.figures.reset_at > now:
            remaining.add_metric([name], budget.figures.remaining)
        pauses.add_metric([name], max(0.0, budget.paused_until - now))
    yield remaining
    yield pauses


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=list(labels))
    gauge.add_metric(list(labels.values()), value)
    return gauge
