"""Builds in a search engine: all that there is to know, once each, whatever is sent twice or while nobody listens.

The engine is an emulator of OpenSearch (osmem-server), or a real one at $OPENSEARCH_URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch
from opensearchpy import OpenSearch
from sqlalchemy import insert, update

from build_lives import Clock, Lives
from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import OutletError, OutletRefusedError
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.outlets.search_engine import Document, SearchEngine
from hubwright.reports.relay import Relay
from hubwright.reports.search import SearchReporter, is_bad, make_template
from hubwright.reports.search_documents import FIELDS, Writer
from hubwright.reports.search_history import History, SearchHistory, read_history
from hubwright.store import schema
from hubwright.store.database import Database
from search_server import new_port, search_engine_at

PREFIX = "hw"
START = 1_800_000_000.0
PLAIN = {"accept": "application/json", "content-type": "application/json"}
"""Elasticsearch's client asks with a media type of its own, which the emulator does not know."""


@pytest.fixture(scope="module")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if known := os.environ.get("OPENSEARCH_URL"):
        yield known
        return
    with search_engine_at(new_port(), tmp_path_factory.mktemp("engine")) as url:
        yield url


class Library:
    """A database with builds that end, and the engine that is told of them by a relay."""

    def __init__(self, database: Database, folder: Path, url: str, prefix: str) -> None:
        self.lives = Lives(database, Clock(START))
        self.logs = Logs(folder / "logs", Bell())
        self.engine = SearchEngine(url, timeout=5)
        writer, template = Writer(prefix, "https://ci.example.org"), make_template(prefix)
        self.reporter = SearchReporter(
            database, self.engine, writer, template, self.logs.read, wants_log=is_bad, log_size=64
        )
        self.relay = Relay(database, [self.reporter], "hub", self.lives.clock, lambda _queue: None)
        self.relay.enroll()
        self.prefix = prefix

    def drain(self) -> None:
        self.relay.drain_facts()
        self.relay.drain_reports()

    def close(self) -> None:
        self.relay.close()
        self.engine.close()
        self.logs.close()

    def find(self, client: Any, kind: str) -> list[dict[str, Any]]:
        """All documents of a kind."""
        ask = client.transport.perform_request
        ask("POST", f"/{self.prefix}-{kind}-*/_refresh", headers=PLAIN)
        query = {"query": {"match_all": {}}, "size": 1000}
        answer = ask("POST", f"/{self.prefix}-{kind}-*/_search", headers=PLAIN, body=query)
        found = answer.body if isinstance(client, Elasticsearch) else answer
        return [hit["_source"] for hit in found["hits"]["hits"]]


@pytest.fixture
def library(database: Database, tmp_path: Path, engine_url: str) -> Iterator[Library]:
    opened = Library(database, tmp_path, engine_url, f"hw{os.urandom(4).hex()}")
    yield opened
    opened.close()


@pytest.fixture(params=["elasticsearch", "opensearch"])
def client(request: pytest.FixtureRequest, engine_url: str) -> Iterator[Any]:
    """Both official clients read what we have written."""
    made: Any = (OpenSearch if request.param == "opensearch" else Elasticsearch)(engine_url)
    yield made
    made.close()


def red(lives: Lives) -> int:
    """A build that fails, with tests."""
    build = lives.build("b" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    lives.end(run, 0, 2, passed=2, failed=1)
    return build


def test_a_build_its_runs_stages_and_tests_are_found(library: Library, client: Any) -> None:
    build = red(library.lives)
    library.drain()
    (one,) = library.find(client, "build")
    assert (one["build"], one["result"], one["turn"], one["branch"]) == (build, "failure", "broken", "main")
    assert one["url"] == f"https://ci.example.org/builds/{build}"
    assert one["tests"] == {"total": 3, "passed": 2, "skipped": 0, "failed": 1}
    (run,) = library.find(client, "run")
    assert (run["platform"], run["attempt"], run["result"]) == ("linux", 1, "failure")
    stages = {stage["stage"]: stage.get("exit_code") for stage in library.find(client, "stage")}
    assert stages == {"build": 0, "test": 2}
    assert sorted(case["name"] for case in library.find(client, "test")) == ["f0", "t0", "t1"]


def test_what_is_sent_again_is_there_once_and_a_rerun_replaces_what_was_said(library: Library, client: Any) -> None:
    build = red(library.lives)
    library.drain()
    library.reporter.send("builds", [{"build": build}, {"build": build}], {})
    library.lives.clock.now += 40 * 86_400  # in another month
    library.lives.rerun(build)
    library.reporter.send("builds", [{"build": build}], {})  # it builds again: its next end tells
    (before,) = library.find(client, "build")
    assert before["result"] == "failure"
    library.lives.live(build, 0, 0)
    library.drain()
    (after,) = library.find(client, "build")
    assert (after["result"], after["turn"]) == ("success", "fixed")
    assert sorted(run["attempt"] for run in library.find(client, "run")) == [1, 2]


def test_what_runs_failed_with_is_counted_by_the_engine_too_and_stays_there(library: Library, client: Any) -> None:
    """Each run has its fingerprints; a rerun that fails in the same way counts, what is sent again does not."""
    build = red(library.lives)
    library.drain()
    library.lives.clock.now += 40 * 86_400
    library.lives.rerun(build)
    (again,) = library.lives.runs(build)
    library.lives.start(again)
    library.lives.end(again, 0, 2, passed=2, failed=1)
    library.drain()
    library.reporter.send("builds", [{"build": build}], {})
    failures = library.find(client, "failure")
    (fingerprint,) = {one["fingerprint"] for one in failures}
    assert sorted((one["known"], one["title"], one["failure_kind"], one["attempt"]) for one in failures) == [
        (1, "c: f0", "test", 1),
        (1, "c: f0", "test", 2),
    ]
    assert [one["fingerprint"] for one in library.find(client, "run")] == [[fingerprint], [fingerprint]]
    history = SearchHistory(library.engine, library.prefix)
    found = history.find(1)
    assert found is not None
    assert (found.times, found.months) == (2, (("2027-01", 1), ("2027-02", 1)))
    assert found.first_at == pytest.approx(START, abs=3600)
    assert history.find(2) == History(0, None, ())


def test_an_engine_that_is_away_has_no_history() -> None:
    with SearchEngine(f"http://127.0.0.1:{new_port()}", timeout=2) as nobody:
        assert SearchHistory(nobody, PREFIX).find(1) is None


@pytest.mark.parametrize("answer", [None, [], {}, {"hits": 3, "aggregations": {"months": {"buckets": [7, {}]}}}])
def test_an_answer_that_is_none_counts_as_nothing(answer: Any) -> None:
    assert read_history(answer) == History(0, None, ())


def test_the_end_of_the_log_of_a_failed_run_goes_along(library: Library, client: Any) -> None:
    """Whole lines without escapes, each with its place in the log; none of a run that went well."""
    build = red(library.lives)
    (run,) = library.lives.runs(build)
    text = b"".join(b"\x1b[31mline %02d\x1b[0m\r\n" % number for number in range(20))
    library.logs.append(run, 0, text)
    resize = update(schema.run).where(schema.run.c.id == run).values(log_size=len(text))
    library.lives.database.write(lambda connection: connection.execute(resize))
    library.drain()
    found = sorted(library.find(client, "log"), key=lambda line: line["offset"])
    assert [line["text"] for line in found] == ["line 17", "line 18", "line 19"]
    assert all(text[line["offset"] :].startswith(b"\x1b[31m" + line["text"].encode()) for line in found)


def test_every_field_of_every_document_is_in_the_template_and_of_its_type(library: Library) -> None:
    """The strict part: an engine forgives much, and refuses a document for one value of another type than before."""
    build = library.lives.build("c" * 40)
    (run,) = library.lives.runs(build)
    library.lives.start(run)
    library.lives.end(run, 2, passed=1, failed=1)
    told = {"severity": "error", "message": "x" * 9000, "file": "a.c", "line": 3, "code": "-W", "matcher": "gcc"}
    row = {"run_id": run, "position": 0, **told}
    library.lives.database.write(lambda connection: connection.execute(insert(schema.problem).values(row)))
    library.logs.append(run, 0, b"one\ntwo\n")
    resize = update(schema.run).where(schema.run.c.id == run).values(log_size=8)
    library.lives.database.write(lambda connection: connection.execute(resize))
    documents = list(library.reporter._write(build))
    kinds = {document.index.removeprefix(f"{library.prefix}-").rpartition("-")[0] for document in documents}
    assert kinds == {"build", "run", "stage", "problem", "test", "log", "failure"}
    assert len({(one.index, one.id) for one in documents}) == len(documents)
    for document in documents:
        assert document.index.endswith("-2027.01")
        body = orjson.loads(orjson.dumps(document.body))
        assert body["kind"] in kinds
        for name, value in body.items():
            assert _fits(FIELDS[name], value), (name, value)


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(value, list):
        return all(_fits(kind, one) for one in value)
    if kind == "date":
        return datetime.fromisoformat(value).tzinfo is not None
    types = {"long": int, "double": (int, float), "boolean": bool, "object": dict}
    fitting = types.get(kind if isinstance(kind, str) else "", str)
    return isinstance(value, fitting) and (kind == "boolean" or not isinstance(value, bool))


def test_an_engine_that_is_away_delays_only_itself_and_misses_nothing(database: Database, tmp_path: Path) -> None:
    """R26: it is stopped and started again on the same port; what ended meanwhile is all there."""
    port = new_port()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    library = Library(database, tmp_path, f"http://127.0.0.1:{port}", PREFIX)
    try:
        with search_engine_at(port, tmp_path / "one"):
            library.lives.live(library.lives.build("a" * 40), 0, 0)
            library.drain()
        for sha in "bcd":
            library.lives.live(library.lives.build(sha * 40), 0, 0)
            library.drain()
            library.lives.clock.now += 60
        with search_engine_at(port, tmp_path / "two") as url:
            library.lives.clock.now += 3600
            library.drain()
            client = OpenSearch(url)
            assert sorted(one["sha"][0] for one in library.find(client, "build")) == ["b", "c", "d"]
            client.close()
    finally:
        library.close()


def test_one_document_that_is_refused_harms_no_other(library: Library, client: Any) -> None:
    """A value that an engine can't put into a field is told in the log of the hub, not sent for ever."""
    index = f"{library.prefix}-build-2027.01"
    library.engine.put_template(*make_template(library.prefix))
    good = Document(index, "1", {"@timestamp": "2027-01-15T08:00:00Z", "kind": "build", "number": 1})
    bad = Document(index, "2", {"@timestamp": "2027-01-15T08:00:00Z", "kind": "build", "number": {"no": "number"}})
    refused = library.engine.keep([good, bad])
    assert len(refused) == 1
    assert refused[0].startswith("2: ")
    assert [one["number"] for one in library.find(client, "build")] == [1]


def test_whoever_is_no_engine_or_refuses_is_told_apart(engine_url: str) -> None:
    """Away: try again. Refused for good: given up, with the reason."""
    with SearchEngine(f"http://127.0.0.1:{new_port()}") as nobody, pytest.raises(OutletError, match="does not answer"):
        nobody.keep([Document("a", "1", {})])
    with SearchEngine(engine_url) as engine, pytest.raises(OutletRefusedError):
        engine.put_template("broken", {"index_patterns": [], "template": {"mappings": {"properties": 7}}})


def test_only_ends_of_builds_are_told() -> None:
    facts = [Fact(kind=kind, at=1.0, build_id=7) for kind in FactKind]
    engine = SearchEngine("http://127.0.0.1:9")
    reporter = SearchReporter(None, engine, Writer("p", "https://x"), make_template("p"))  # type: ignore[arg-type]
    told = [fact.kind for fact in facts if reporter.read_reports(fact)]
    engine.close()
    assert told == [FactKind.BUILD_FINISHED]
