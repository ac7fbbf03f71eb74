"""What a monitoring system scrapes, in Prometheus' text format: a few small queries, no label that grows.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from time import time

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Connection, func, select, text

from hubwright.domain.github_budget import Budget
from hubwright.domain.scheduling import Want, join_labels
from hubwright.reports.counted_figures import write_counted
from hubwright.reports.fleet_figures import load_figures, write_figures
from hubwright.reports.reporter_figures import write_lags
from hubwright.store.database import Database
from hubwright.store.figures import load_counts
from hubwright.store.github_budget import load_budgets
from hubwright.store.reports import load_lags
from hubwright.store.schema import delivery
from hubwright.store.views_queue import count_runs
from hubwright.store.views_waiting import count_held, count_queues

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MAX_CREDENTIALS = 100
"""Credentials of GitHub with series of their own: anybody may install an App that is public."""


class Metrics:
    """Reads the figures when asked. `folders` are watched for what their disks have left.

    `find_reporters` names those at work: others, of settings of before, are behind for ever.
    """

    def __init__(
        self,
        database: Database,
        version: str,
        clock: Callable[[], float] = time,
        *,
        folders: Mapping[str, Path] | None = None,
        find_reporters: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self._database = database
        self._version = version
        self._clock = clock
        self._folders = folders or {}
        self._find_reporters = find_reporters
        self._lock = threading.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """The figures as text. Reads the database: call it in a thread."""
        with self._lock:
            return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing: the figures are only known when they are collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures, for the registry."""
        now = self._clock()
        yield _gauge("hubwright_build_info", "The hub's version.", {"version": self._version}, 1)
        with self._database.reading() as connection:
            yield from _load_runs(connection, now)
            yield from write_figures(*load_figures(connection))
            yield from _load_deliveries(connection, now)
            yield from _write_budgets(load_budgets(connection), now)
            lags = load_lags(connection)
            counts = load_counts(connection)
        names = {lag.name for lag in lags} if self._find_reporters is None else set(self._find_reporters())
        yield from write_lags([lag for lag in lags if lag.name in names], now)
        yield from write_counted(counts, {"reporter": sorted(names)})
        yield _write_disks(self._folders)


def _load_runs(connection: Connection, now: float) -> Iterator[Metric]:
    held = count_held(connection)
    counts = {
        "held": sum(held.values()),
        "queued": count_runs(connection, "queued"),
        "running": count_runs(connection, "running"),
    }
    gauge = GaugeMetricFamily("hubwright_runs", "Runs that are not finished.", labels=["state"])
    for state, count in counts.items():
        gauge.add_metric([state], count)
    yield gauge
    yield from _write_queues(count_queues(connection), now)
    yield _write_held(held)


def _load_deliveries(connection: Connection, now: float) -> Iterator[Metric]:
    waiting = select(func.count(), func.min(delivery.c.received_at)).where(_OPEN)
    count, oldest = connection.execute(waiting).one()
    yield _gauge("hubwright_deliveries_waiting", "Webhooks not yet understood.", {}, count)
    age = 0.0 if oldest is None else max(now - oldest, 0.0)
    yield _gauge("hubwright_deliveries_oldest_wait_seconds", "How long the first of them has waited.", {}, age)


def _write_queues(queues: Mapping[Want, tuple[int, int, float | None]], now: float) -> Iterator[Metric]:
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


def _write_held(held: Mapping[Want, int]) -> Metric:
    gauge = GaugeMetricFamily(
        "hubwright_queue_held", "Runs that wait for approval, or within limits.", labels=["platform", "labels"]
    )
    for want, count in held.items():
        gauge.add_metric([want.platform, join_labels(want.labels)], count)
    return gauge


_OPEN = text("delivery.state IN ('waiting', 'leased')")  # as the partial index says it


def _write_budgets(budgets: Mapping[str, Budget], now: float) -> Iterator[Metric]:
    """What GitHub still allows each credential: a token's fingerprint, or an installation."""
    labels = ["credential"]
    remaining = GaugeMetricFamily("hubwright_github_requests_remaining", "Requests left of the hour.", labels=labels)
    limits = GaugeMetricFamily("hubwright_github_requests_limit", "Requests that an hour has.", labels=labels)
    pauses = GaugeMetricFamily("hubwright_github_pause_seconds", "Until GitHub may be asked again.", labels=labels)
    for name, budget in sorted(budgets.items())[:MAX_CREDENTIALS]:
        if budget.figures is not None and budget.figures.reset_at > now:
            remaining.add_metric([name], budget.figures.remaining)
            limits.add_metric([name], budget.figures.limit)
        pauses.add_metric([name], max(0.0, budget.paused_until - now))
    yield from (remaining, limits, pauses)


def _write_disks(folders: Mapping[str, Path]) -> Metric:
    """Of this hub alone, as the figures of its process are; a folder that is not there yet has none."""
    gauge = GaugeMetricFamily("hubwright_disk_free_bytes", "What the folder's disk has left.", labels=["folder"])
    for name, folder in folders.items():
        if folder.exists():
            gauge.add_metric([name], shutil.disk_usage(folder).free)
    return gauge


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=list(labels))
    gauge.add_metric(list(labels.values()), value)
    return gauge
