"""Builds at a collector of OpenTelemetry: as the conventions have them, once each however often they are sent.

The collector is rotel, a real one; what it hands on is read with the messages of the protocol.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import cicd_attributes, vcs_attributes
from opentelemetry.semconv.attributes import error_attributes
from sqlalchemy import Connection, update

from build_lives import Clock, Lives
from collector_server import Telemetry, collector_at, read_attributes, receiving_otlp
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.outlets.otlp import Collector
from hubwright.reports.build_lines import LineWriter
from hubwright.reports.build_spans import SpanWriter
from hubwright.reports.relay import Relay
from hubwright.reports.search import is_bad
from hubwright.reports.traces import TraceReporter
from hubwright.store import schema
from hubwright.store.database import Database
from server_programs import free_port
from waiting import until

START = 1_800_000_000.0
OK, ERROR = 0, 2
INTERNAL, SERVER = 1, 2


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with receiving_otlp() as made:
        yield made


@pytest.fixture(scope="module")
def collector_url(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> Iterator[str]:
    with collector_at(free_port(), tmp_path_factory.mktemp("collector"), telemetry) as url:
        yield url


class Hub:
    """A database with builds that end, and a relay that tells the collector; all traces of one test are its own."""

    def __init__(self, database: Database, folder: Path, url: str, telemetry: Telemetry) -> None:
        self.lives = Lives(database, Clock(START))
        self.logs = Logs(folder / "logs", Bell())
        self.collector = Collector(url, "1.2.3", [("x-api-key", "hush")], timeout=5)
        self.spans = SpanWriter(f"https://{os.urandom(4).hex()}.example.org")
        lines = LineWriter(self.spans.ids, self.logs.read, self.logs.load_times, is_bad, 64)
        self.reporter = TraceReporter(database, self.collector, self.spans, lines)
        self.relay = Relay(database, [self.reporter], "hub", self.lives.clock, lambda _queue: None)
        self.relay.enroll()
        self.telemetry = telemetry

    def drain(self) -> None:
        self.relay.drain_facts()
        self.relay.drain_reports()

    def close(self) -> None:
        self.relay.close()
        self.collector.close()
        self.logs.close()

    def find(self, build: int, count: int) -> list[Any]:
        """The spans of a build's trace by the order in which they began, as soon as there are so many."""
        trace = bytes.fromhex(self.spans.ids.of_build(build))

        def look() -> list[Any]:
            found = [span for _, span in self.telemetry.spans() if span.trace_id == trace]
            assert len(found) <= count, [span.name for span in found]
            return found if len(found) == count else []

        return until(look, 20, f"{count} spans")


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """On SQLite alone: what is asked of the database here, others ask of both."""
    with closing(Database(sqlite_url)) as opened:
        yield opened


@pytest.fixture
def hub(database: Database, tmp_path: Path, collector_url: str, telemetry: Telemetry) -> Iterator[Hub]:
    made = Hub(database, tmp_path, collector_url, telemetry)
    yield made
    made.close()


def red(lives: Lives) -> int:
    """A build whose second stage fails, with tests."""
    build = lives.build("b" * 40)
    (run,) = lives.runs(build)
    lives.clock.now += 30
    lives.start(run)
    lives.clock.now += 60
    lives.end(run, 0, 2, passed=2, failed=1)
    return build


def test_a_build_is_a_trace_of_itself_its_runs_and_their_stages(hub: Hub) -> None:
    """Through a real collector: kinds, parents, times, results and what the conventions require of each."""
    build = red(hub.lives)
    hub.drain()
    root, run, first, second = hub.find(build, 4)
    assert (root.name, root.kind, root.parent_span_id) == ("BUILD octo/hello", SERVER, b"")
    assert (run.name, run.kind, run.parent_span_id) == ("linux", INTERNAL, root.span_id)
    assert [(stage.name, stage.parent_span_id) for stage in (first, second)] == [
        ("build", run.span_id),
        ("test", run.span_id),
    ]
    assert [span.status.code for span in (root, run, first, second)] == [ERROR, ERROR, OK, ERROR]
    assert root.start_time_unix_nano < run.start_time_unix_nano <= first.start_time_unix_nano
    assert root.end_time_unix_nano == run.end_time_unix_nano == int(hub.lives.clock.now - 1) * 10**9
    assert read_attributes(root.attributes) == {
        "cicd.pipeline.name": "octo/hello", "cicd.pipeline.action.name": "BUILD", "cicd.pipeline.result": "failure",
        "error.type": "failure", "hubwright.build.number": 1, "hubwright.build.event": "push",
        "hubwright.build.trust": "trusted",
    }  # fmt: skip
    said = read_attributes(run.attributes)
    assert said.pop("hubwright.run.wait") == pytest.approx(31)
    (number,) = hub.lives.runs(build)
    assert said == {
        "cicd.pipeline.task.name": "linux", "cicd.pipeline.task.run.id": str(number),
        "cicd.pipeline.task.run.url.full": f"{hub.spans._public_url}/builds/{build}/runs/{number}",
        "cicd.pipeline.task.run.result": "failure", "error.type": "failure", "cicd.worker.id": "anvil",
        "cicd.worker.name": "anvil", "hubwright.run.attempt": 1,
        "hubwright.tests.total": 3, "hubwright.tests.failed": 1,
    }  # fmt: skip
    assert read_attributes(second.attributes)["cicd.pipeline.task.type"] == "test"
    assert read_attributes(second.attributes)["process.exit.code"] == 2
    assert read_attributes(second.attributes)["cicd.pipeline.task.run.url.full"].endswith(f"/runs/{number}#stage-1")


def test_what_all_spans_share_is_said_of_their_source(hub: Hub) -> None:
    build = red(hub.lives)
    hub.drain()
    root = hub.find(build, 4)[0]
    (source,) = [source for source, span in hub.telemetry.spans() if span.span_id == root.span_id]
    assert source == {
        "service.name": "hubwright", "service.version": "1.2.3", "cicd.pipeline.name": "octo/hello",
        "cicd.pipeline.run.id": str(build), "cicd.pipeline.run.url.full": f"{hub.spans._public_url}/builds/{build}",
        "vcs.provider.name": "github", "vcs.owner.name": "octo", "vcs.repository.name": "hello",
        "vcs.repository.url.full": "https://github.com/octo/hello", "vcs.ref.head.name": "main",
        "vcs.ref.head.revision": "b" * 40, "vcs.ref.head.type": "branch",
    }  # fmt: skip


def test_every_name_that_is_not_ours_is_of_the_conventions(hub: Hub) -> None:
    """Checked against the names that OpenTelemetry's own package has; another spelling would be found by nobody."""
    known = {
        value
        for module in (cicd_attributes, vcs_attributes, error_attributes)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    } | {"service.name", "service.version", "process.exit.code"}
    build = red(hub.lives)
    hub.drain()
    hub.find(build, 4)
    for source, span in hub.telemetry.spans():
        names = {*source, *read_attributes(span.attributes)}
        assert {name for name in names if not name.startswith("hubwright.")} <= known


def test_what_is_sent_again_has_the_same_numbers_and_a_rerun_is_another_span_of_the_trace(hub: Hub) -> None:
    """Whoever is killed between the answer and the commit sends again: backends know spans by their numbers."""
    build = red(hub.lives)
    hub.drain()
    first = {span.span_id for span in hub.find(build, 4)}
    ended = hub.lives.clock.now
    hub.reporter.send("builds", [{"build": build, "at": ended, "result": "failure"}], {})
    assert {span.span_id for span in hub.find(build, 8)} == first
    hub.lives.clock.now += 86_400
    hub.lives.rerun(build)
    hub.reporter.send("builds", [{"build": build, "at": ended, "result": "failure"}], {})  # late: it builds again
    assert {span.span_id for span in hub.find(build, 12)} == first
    hub.lives.live(build, 0, 0)
    hub.drain()
    again = hub.find(build, 16)[12:]
    assert not first & {span.span_id for span in again}
    assert read_attributes(again[0].attributes)["cicd.pipeline.result"] == "success"
    assert again[0].start_time_unix_nano > (ended + 86_400) * 10**9


def test_a_run_whose_builder_was_lost_and_its_second_attempt_are_of_one_round(hub: Hub) -> None:
    build = hub.lives.build("c" * 40)
    (run,) = hub.lives.runs(build)
    hub.lives.start(run)
    hub.lives.lose(run)
    hub.lives.live(build, 0, 0)
    hub.drain()
    spans = hub.find(build, 7)  # the stages of the first attempt were skipped
    runs = [span for span in spans if span.name == "linux"]
    results = [read_attributes(one.attributes)["cicd.pipeline.task.run.result"] for one in runs]
    assert results == ["error", "success"]
    assert {one.parent_span_id for one in runs} == {spans[0].span_id}


def test_a_build_that_never_had_a_run_is_a_span_that_says_why(hub: Hub) -> None:
    build = hub.lives.build("d" * 40, problem="The recipe has no stages.")
    hub.drain()
    (root,) = hub.find(build, 1)
    assert (root.status.code, root.status.message) == (ERROR, "The recipe has no stages.")


def test_lines_of_a_failed_run_belong_to_the_span_of_their_stage(hub: Hub) -> None:
    """Whole lines of the log's end without escapes, with when they came; none of a run that went well."""
    build = hub.lives.build("e" * 40)
    (run,) = hub.lives.runs(build)
    hub.lives.start(run)
    text = b"".join(b"\x1b[31mline %02d\x1b[0m\r\n" % number for number in range(20))
    hub.logs.append(run, 0, text, START + 7)
    hub.lives.end(run, 0, 2)

    def resize(connection: Connection) -> None:
        connection.execute(update(schema.run).where(schema.run.c.id == run).values(log_size=len(text)))
        stages = update(schema.stage).where(schema.stage.c.run_id == run)
        connection.execute(stages.where(schema.stage.c.position == 0).values(log_start=0, log_end=len(text) - 18))
        connection.execute(stages.where(schema.stage.c.position == 1).values(log_start=len(text) - 18, log_end=None))

    hub.lives.database.write(resize)
    hub.lives.live(hub.lives.build("f" * 40), 0, 0)
    hub.drain()
    trace = bytes.fromhex(hub.spans.ids.of_build(build))

    def look() -> list[Any]:
        return [line for _, line in hub.telemetry.lines() if line.trace_id == trace]

    lines = until(look, 20, "the lines")
    assert [line.body.string_value for line in lines] == ["line 17", "line 18", "line 19"]
    stages = [bytes.fromhex(hub.spans.ids.of_stage(run, position)) for position in (0, 0, 1)]
    assert [line.span_id for line in lines] == stages
    assert {line.time_unix_nano for line in lines} == {int(START + 7) * 10**9}
    offsets = [read_attributes(line.attributes)["log.record.uid"] for line in lines]
    assert offsets == [f"{run}-{text.index(b'line %02d' % number) - 5}" for number in (17, 18, 19)]


def test_a_collector_that_is_away_delays_only_itself_and_misses_nothing(
    database: Database, tmp_path: Path, telemetry: Telemetry
) -> None:
    """R26: it is stopped and started again on the same port; what ended meanwhile is all there."""
    port = free_port()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    hub = Hub(database, tmp_path, f"http://127.0.0.1:{port}", telemetry)
    try:
        builds = []
        with collector_at(port, tmp_path / "one", telemetry):
            builds.append(red(hub.lives))
            hub.drain()
            hub.find(builds[0], 4)
        for _ in range(3):
            builds.append(red(hub.lives))
            hub.drain()
            hub.lives.clock.now += 60
        with collector_at(port, tmp_path / "two", telemetry):
            hub.lives.clock.now += 3600
            hub.drain()
            assert [len(hub.find(build, 4)) for build in builds] == [4, 4, 4, 4]
    finally:
        hub.close()
