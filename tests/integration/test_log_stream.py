"""A run's log as server-sent events: live, resumed, slow, whole."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from hubwright.hub.logs import topic
from hubwright.web import following, streams
from hubwright.web.streams import MAX_EVENT
from served import Served, served_site
from waiting import until


class Event(NamedTuple):
    """An event as a browser gets it."""

    kind: str
    id: int
    data: dict[str, Any]

    @property
    def content(self) -> bytes:
        """The log bytes of a chunk."""
        return base64.b64decode(self.data["base64"]) if "base64" in self.data else self.data["text"].encode()


def read_events(answer: httpx2.Response) -> Iterator[Event]:
    """The events of a stream, as they come."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and "data" in fields:
            yield Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))
            fields = {}
        elif ": " in line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site whose run 1 is running."""
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        served.rows.keep_run(1, 1, state="running")
        yield served


def follow(hub: Served, query: str = "", **headers: str) -> Any:
    return hub.client.stream("GET", f"/api/v1/runs/1/log/stream{query}", headers=headers)


def collect(hub: Served, query: str = "", **headers: str) -> tuple[bytes, list[Event]]:
    with follow(hub, query, **headers) as answer:
        events = list(read_events(answer))
    return b"".join(event.content for event in events if event.kind == "chunk"), events


def test_a_finished_log_comes_whole_and_ends(hub: Served) -> None:
    """Broken UTF-8, carriage returns, nought bytes and blank lines come back byte by byte."""
    log = b"one\r\n\n\x00\xff\xfe\r50%\r100%\n" + "größe ✓".encode() + b"\x1b[31m" + bytes(range(256)) * 3000
    hub.write_log(1, log)
    hub.finish_run(1, "failure")
    got, events = collect(hub)
    assert got == log
    assert events[-1] == Event("end", len(log), {"state": "finished", "result": "failure"})


def test_headers_let_nothing_hold_it_back(hub: Served) -> None:
    """Neither caches nor nginx."""
    hub.finish_run(1)
    with follow(hub) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        assert "retry: 2000" in answer.read().decode()


def test_what_is_written_comes_at_once(hub: Served) -> None:
    """Opened in the middle of a stage: everything so far, then each line as it is written, then the end."""
    hub.write_log(1, b"before\n")
    with follow(hub) as answer:
        events = read_events(answer)
        assert next(events).content == b"before\n"
        for number in range(3):
            hub.write_log(1, b"line %d\n" % number)
            assert next(events).content == b"line %d\n" % number
        hub.finish_run(1)
        assert next(events).kind == "end"


def test_a_reader_that_was_away_goes_on_where_it_stopped(hub: Served) -> None:
    """`Last-Event-ID` is the byte offset; `from` asks for the same by hand."""
    hub.write_log(1, b"one\ntwo\n")
    hub.finish_run(1)
    assert collect(hub, **{"Last-Event-ID": "4"})[0] == b"two\n"
    assert collect(hub, "?from=4")[0] == b"two\n"
    assert collect(hub, "?from=999")[0] == b""
    assert collect(hub, **{"Last-Event-ID": "x"})[0] == b"one\ntwo\n"


def test_a_reader_that_asks_from_far_behind_the_end_gets_the_end(hub: Served) -> None:
    """The largest offset that a number can be is no error: a file system refuses it where we do not."""
    hub.write_log(1, b"one\n")
    hub.finish_run(1)
    assert [event.kind for event in collect(hub, f"?from={2**63 - 1}")[1]] == ["end"]


def test_a_fast_log_comes_in_batches(hub: Served) -> None:
    """A thousand small writes are not a thousand events: at most ten a second once it flows."""
    with follow(hub) as answer:
        events = read_events(answer)
        began = time.monotonic()

        def write() -> None:
            for number in range(1000):
                hub.write_log(1, b"line %d\n" % number)
                time.sleep(0.0005)  # the pace of a build, not a wait for anything
            hub.finish_run(1)

        writer = threading.Thread(target=write)
        writer.start()
        chunks = [event for event in events if event.kind == "chunk"]
        writer.join()
    assert b"".join(chunk.content for chunk in chunks) == b"".join(b"line %d\n" % number for number in range(1000))
    assert len(chunks) <= 2 + (time.monotonic() - began) * 10


def test_a_run_that_has_not_begun_is_waited_for(hub: Served) -> None:
    """The page is open before the builder is."""
    with follow(hub) as answer:
        events = read_events(answer)
        until(lambda: waiting(hub), what="the reader's wait")
        hub.write_log(1, b"first\n")
        assert next(events).content == b"first\n"


def test_no_run_is_a_problem(hub: Served) -> None:
    """404, not an endless stream."""
    assert hub.client.get("/api/v1/runs/9/log/stream").status_code == 404


def waiting(hub: Served) -> bool:
    """Whether somebody waits for the log of run 1."""
    return bool(hub.site.bell._waiting.get(topic(1)))


def test_a_reader_that_leaves_is_forgotten(hub: Served) -> None:
    """No task stays behind for a closed page."""
    with follow(hub):
        until(lambda: waiting(hub), what="the reader's wait")
    until(lambda: not waiting(hub), what="the reader's end")


def test_a_quiet_stream_shows_that_it_lives(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies cut connections that are silent for a minute; the comment is no event."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    monkeypatch.setattr(following, "LOOK", 0.05)
    with follow(hub) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(6)] == ["retry: 2000", "", ": ping", "", ": ping", ""]


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_slow_reader_costs_no_memory(hub: Served) -> None:
    """A reader that does not read must not make the hub hold the log for it; nothing is dropped either."""
    size = 32 * 1024 * 1024
    block = b"x" * 1023 + b"\n"
    for _ in range(size // (1 << 20)):
        hub.write_log(1, block * 1024)
    hub.finish_run(1)
    host, port = hub.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)))) as client:
        before = resident()
        client.sendall(b"GET /api/v1/runs/1/log/stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
        client.recv(1000)
        for _ in range(50):  # turns of the hub's loop in which it could run ahead of the reader
            assert hub.client.get("/livez").text == "ok"
        assert resident() - before < 16 * 1024 * 1024
    got, events = collect(hub)
    assert got == block * (size // 1024)
    assert max(len(json.dumps(event.data)) for event in events) <= MAX_EVENT + 100
