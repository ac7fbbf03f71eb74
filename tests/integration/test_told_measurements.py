"""Metrics at a collector of OpenTelemetry: sums of all hubs, told by one of them each minute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.semconv._incubating.metrics import cicd_metrics
from sqlalchemy import NullPool, create_engine

from build_lives import Clock, Lives
from collector_server import Telemetry, collector_at, read_attributes, receiving_otlp
from hubwright.outlets.otlp import Collector
from hubwright.reports.measurer import Measurer
from hubwright.reports.metrics import Metrics
from hubwright.store.database import Database
from plan_reading import find_faults, recording
from server_programs import free_port
from waiting import until

CUMULATIVE = 2
EVERY = 60.0


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with receiving_otlp() as made:
        yield made


@pytest.fixture(scope="module")
def collector_url(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> Iterator[str]:
    with collector_at(free_port(), tmp_path_factory.mktemp("collector"), telemetry) as url:
        yield url


class Hub:
    """A database with builds, and as many measurers of it as the test wants."""

    def __init__(self, database: Database, url: str, telemetry: Telemetry) -> None:
        self.lives = Lives(database, Clock())
        self._collector = Collector(url, "1.2.3", timeout=5)
        self._telemetry = telemetry
        telemetry.came.clear()

    def measurer(self, owner: str = "one", url: str | None = None) -> Measurer:
        clock = self.lives.clock
        collector = self._collector if url is None else Collector(url, "1.2.3", timeout=1)
        metrics = Metrics(self.lives.database, "1.2.3", clock)
        made = Measurer(self.lives.database, collector, metrics, owner, clock, EVERY)
        made.enroll()
        return made

    def close(self) -> None:
        self._collector.close()

    def tell(self, *measurers: Measurer) -> None:
        """A minute passes, and all of them are drained."""
        self.lives.clock.now += EVERY
        for one in measurers:
            one.drain()

    def find(self, name: str, times: int = 1) -> list[Any]:
        """The metric, as often as it must have been told."""

        def look() -> list[Any]:
            found = [metric for metric in self._telemetry.metrics() if metric.name == name]
            assert len(found) <= times
            return found if len(found) == times else []

        return until(look, 20, f"{name}, {times} times")


@pytest.fixture
def hub(database: Database, collector_url: str, telemetry: Telemetry) -> Iterator[Hub]:
    made = Hub(database, collector_url, telemetry)
    yield made
    made.close()


def points(metric: Any) -> dict[tuple[str, ...], Any]:
    """The points of a metric by the values of their attributes."""
    data = getattr(metric, metric.WhichOneof("data"))
    return {tuple(read_attributes(point.attributes).values()): point for point in data.data_points}


def test_pipelines_and_workers_are_told_as_the_conventions_have_them(hub: Hub) -> None:
    """Names and units are those of OpenTelemetry's own package; sums since the beginning, of all that have ended."""
    measurer = hub.measurer()
    began = hub.lives.clock.now
    hub.lives.live(hub.lives.build("a" * 40), 0, 0)
    hub.lives.live(hub.lives.build("b" * 40), 0, 2)
    hub.lives.build("c" * 40)
    hub.lives.start(hub.lives.runs(hub.lives.build("d" * 40))[0])
    hub.tell(measurer)
    (duration,) = hub.find("cicd.pipeline.run.duration")
    assert duration.unit == "s"
    assert duration.histogram.aggregation_temporality == CUMULATIVE
    found = points(duration)
    assert {key: point.count for key, point in found.items()} == {
        ("octo/hello", "pending"): 2,
        ("octo/hello", "executing", "success"): 1,
        ("octo/hello", "executing", "failure", "failure"): 1,
    }
    assert {point.start_time_unix_nano for point in found.values()} == {int(began) * 10**9}
    (active,) = hub.find("cicd.pipeline.run.active")
    told = {key: point.as_double for key, point in points(active).items()}
    assert told == {("octo/hello", "pending"): 1, ("octo/hello", "executing"): 1}
    assert not active.sum.is_monotonic
    (errors,) = hub.find("cicd.pipeline.run.errors")
    assert {key: point.as_double for key, point in points(errors).items()} == {("octo/hello", "failure"): 1}
    assert errors.sum.is_monotonic
    (workers,) = hub.find("cicd.worker.count")
    assert set(points(workers)) == {("available",), ("busy",), ("offline",)}
    assert (active.unit, errors.unit, workers.unit) == ("{run}", "{error}", "{worker}")
    known = {value for name, value in vars(cicd_metrics).items() if name.startswith("CICD_")}
    assert {duration.name, active.name, errors.name, workers.name} <= known


def test_what_prometheus_is_shown_is_told_too(hub: Hub) -> None:
    measurer = hub.measurer()
    hub.tell(measurer)
    (runs,) = hub.find("hubwright_runs")
    assert set(points(runs)) == {("held",), ("queued",), ("running",)}
    shown = {re.sub("_total$", "", family.name) for family in measurer._metrics.collect() if family.samples}
    names = {metric.name for metric in hub._telemetry.metrics()}
    assert shown <= names


def test_one_of_all_hubs_tells_each_minute_and_an_end_counts_once(hub: Hub) -> None:
    """Two that told the same would be added up by who reads it; when it dies, another does."""
    one, other = hub.measurer("one"), hub.measurer("other")
    hub.lives.live(hub.lives.build("a" * 40), 0, 0)
    hub.tell(one, other)
    hub.tell(one, other)
    hub.tell(other)
    hub.tell(other)  # the one was killed, and has missed its time by half
    other.close()
    hub.tell(one, other)
    told = hub.find("cicd.pipeline.run.duration", 4)
    assert [points(one)["octo/hello", "executing", "success"].count for one in told] == [1, 1, 1, 1]


def test_a_collector_that_was_away_is_told_the_whole_sum(hub: Hub) -> None:
    """R26: it misses points in between, never a build; a hub that starts anew goes on counting."""
    away = hub.measurer("away", f"http://127.0.0.1:{free_port()}")
    hub.lives.live(hub.lives.build("a" * 40), 0, 0)
    hub.tell(away)
    hub.lives.live(hub.lives.build("b" * 40), 0, 0)
    away.close()
    hub.tell(hub.measurer())
    (duration,) = hub.find("cicd.pipeline.run.duration")
    assert points(duration)["octo/hello", "executing", "success"].count == 2


def test_what_it_asks_the_database_goes_by_an_index(hub: Hub) -> None:
    """It asks each minute, however long the history is."""
    measurer = hub.measurer()
    hub.lives.live(hub.lives.build("a" * 40), 0, 0)
    hub.lives.build("b" * 40)
    with recording() as recorder:
        hub.tell(measurer)
    hub.find("cicd.pipeline.run.active")
    asked = [one for some in recorder.asked.values() for one in some if "parent.path" in one.statement]
    assert len(asked) == 2
    asked += [one for some in recorder.asked.values() for one in some if "build.state <>" in one.statement]
    assert len(asked) == 3
    engine = create_engine(hub.lives.database.url, poolclass=NullPool)
    with engine.connect() as connection:
        assert [fault for one in asked for fault in find_faults(connection, one)] == []
