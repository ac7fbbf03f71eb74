"""`WS /api/v1/live`: facts, logs, queues and heartbeats, over a real WebSocket."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from hubwright.web import watcher
from served import Served, served_site
from waiting import until

Message = dict[str, Any]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site with a job, and a run that is running."""
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        served.rows.keep_build(1)
        served.rows.keep_run(1, 1, state="running")
        yield served


@contextmanager
def watching(hub: Served, *wishes: Message, **headers: str) -> Iterator[ClientConnection]:
    """A watcher that has said its wishes, with small buffers."""
    address = f"{hub.url.replace('http', 'ws')}/api/v1/live"
    with connect(address, additional_headers=headers, max_queue=2, compression=None, max_size=2**21) as socket:
        for wish in wishes:
            socket.send(json.dumps(wish))
        yield socket


def hear(socket: ClientConnection, *kinds: str) -> Message:
    """The next message of these kinds; others are passed over."""
    while (message := json.loads(socket.recv(timeout=20)))["type"] not in kinds:
        pass
    return dict(message)


def content(message: Message) -> bytes:
    return base64.b64decode(message["base64"]) if "base64" in message else str(message["text"]).encode()


def read_log(socket: ClientConnection, start: int = 0) -> tuple[bytes, Message]:
    """All that comes of a log until its end, which must follow without a gap; and the end."""
    got = b""
    while (message := hear(socket, "log", "end"))["type"] == "log":
        assert message["start"] == start + len(got)
        got += content(message)
        assert message["end"] == start + len(got)
    return got, message


def test_facts_of_what_one_subscribed_to_come_from_now_on(hub: Served) -> None:
    """Each once, whichever topics it belongs to; others' stay away."""
    hub.keep_fact("BuildQueued", build_id=1, job_id=1)
    with watching(hub, {"subscribe": ["job:team", "build:7", "builders"]}) as socket:
        assert hear(socket, "subscribed")["topics"] == ["job:team", "build:7", "builders"]
        hub.keep_fact("BuildStarted", build_id=3, data={"job": "teams/app"})
        hub.keep_fact("BuildStarted", build_id=7, data={"job": "team/app", "number": 7})
        hub.keep_fact("BuilderConnected", data={"builder": "oak", "platform": "linux"})
        told = [hear(socket, "fact") for _ in range(2)]
        assert [fact["sentence"] for fact in told] == ["team/app #7 started.", "Builder oak (linux) connected."]


def test_a_watcher_resumes_behind_the_last_fact_that_it_knows(hub: Served) -> None:
    """Also more facts than are kept in memory, and in their order."""
    hub.rows.keep_facts(2500)
    with watching(hub, {"subscribe": ["facts"], "after": 1}) as socket:
        assert hear(socket, "subscribed")["fact"] == 1
        assert [hear(socket, "fact")["id"] for _ in range(2499)] == list(range(2, 2501))
        hub.keep_fact("BuilderLost", data={"builder": "oak", "platform": "linux"})
        assert hear(socket, "fact")["id"] == 2501


def test_a_topic_added_later_may_begin_earlier(hub: Served) -> None:
    hub.keep_fact("BuildQueued", build_id=1)
    with watching(hub, {"subscribe": ["builders"]}, {"subscribe": ["builds"], "after": 0}) as socket:
        assert hear(socket, "fact")["id"] == 1
        socket.send(json.dumps({"unsubscribe": ["builds"]}))
        assert [hear(socket, "subscribed")["topics"] for _ in range(1)] == [["builders"]]
        hub.keep_fact("BuildStarted", build_id=1)
        hub.keep_fact("BuilderLost", data={"builder": "oak", "platform": "linux"})
        assert hear(socket, "fact")["kind"] == "BuilderLost"


def test_a_log_is_sent_live_to_its_end(hub: Served) -> None:
    """Whole characters, whatever the parts in which they were written; bytes that are no text as well."""
    hub.site.logs.append(1, 0, "grün ✓\n".encode())
    with watching(hub, {"subscribe": ["run:1"]}) as socket:
        assert content(hear(socket, "log")) == "grün ✓\n".encode()
        hub.site.logs.append(1, 10, "é".encode()[:1])
        hub.site.logs.append(1, 11, "é".encode()[1:] + b"\xff\x00\n")
        hub.finish_run(1)
        got, end = read_log(socket, 10)
        assert got == "é".encode() + b"\xff\x00\n"
        assert (end["run"], end["state"], end["result"], end["end"]) == (1, "finished", "success", 15)


def test_a_log_resumes_at_any_byte(hub: Served) -> None:
    """Who lost the connection says how far it came."""
    log = os.urandom(400_000)
    hub.site.logs.append(1, 0, log)
    hub.finish_run(1)
    with watching(hub, {"subscribe": ["run:1"], "from": {"run:1": 123_457}}) as socket:
        assert read_log(socket, 123_457)[0] == log[123_457:]


def test_a_slow_reader_is_served_from_the_file(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """R7: 12 MB are written while it takes nothing; the hub holds none of them, and it gets every byte."""
    sent: list[int] = []
    send = watcher.Watcher._send

    async def counted(self: watcher.Watcher, frame: str) -> None:
        await send(self, frame)
        sent.append(len(frame))

    monkeypatch.setattr(watcher.Watcher, "_send", counted)
    with watching(hub, {"subscribe": ["run:1"]}) as socket:
        hear(socket, "subscribed")
        line = b"x" * 99 + b"\n"
        for index in range(12):
            hub.site.logs.append(1, index * 1_000_000, line * 10_000)
        hub.finish_run(1)
        assert sum(sent) < 8_000_000, "what it has not taken was not sent"
        got, end = read_log(socket)
    assert (len(got), end["end"]) == (12_000_000, 12_000_000)
    assert got == line * 120_000


def test_a_reader_that_takes_nothing_is_cut_off(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't hold a place for ever."""
    monkeypatch.setattr(watcher, "TAKEN_WITHIN", 0.2)
    hub.site.logs.append(1, 0, b"x" * 30_000_000)
    with watching(hub, {"subscribe": ["run:1"]}) as socket:
        socket.socket.settimeout(20)
        threading.Event().wait(1.0)  # it takes nothing meanwhile
        with pytest.raises(ConnectionClosed):
            until_closed(socket)


def test_a_heartbeat_comes_at_once_and_also_when_nothing_runs(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "HEARTBEAT", 0.05)
    with watching(hub) as socket:
        first, second = hear(socket, "heartbeat"), hear(socket, "heartbeat")
    assert (first["state"], first["running"], first["remaining"]) == ("idle", [], 0)
    assert second["fact"] == 0


def test_the_queue_is_told_as_a_whole(hub: Served) -> None:
    """Now, and again when it has changed."""
    hub.rows.keep_run(2, 1, platform="plan9")
    with watching(hub, {"subscribe": ["queue"]}) as socket:
        assert waiting(hear(socket, "queue"), "plan9") == 1
        hub.rows.keep_run(3, 1, platform="plan9")
        hub.keep_fact("BuildQueued", build_id=1)
        assert waiting(hear(socket, "queue"), "plan9") == 2


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ("{", "not JSON"),
        ("[]", "subscribe"),
        ('{"subscribe": "builds"}', "list of topics"),
        ('{"subscribe": ["moon"]}', "'moon' is no topic"),
        ('{"subscribe": ["run:x"]}', "no topic"),
        ('{"subscribe": ["run:" ]}', "no topic"),
        ('{"subscribe": [7]}', "'int' is no topic"),
        ('{"subscribe": ["builds"], "after": -1}', "below nought"),
        ('{"subscribe": ["builds"], "after": true}', "below nought"),
        ('{"subscribe": ["run:1"], "from": [1]}', "where logs begin"),
        (json.dumps({"subscribe": [f"build:{n}" for n in range(101)]}), "100 topics"),
        (json.dumps({"subscribe": [f"run:{n}" for n in range(21)]}), "20 logs"),
        ('{"subscribe": ["' + "x" * 70_000 + '"]}', "65536 characters"),
    ],
)
def test_a_wrong_wish_is_explained_and_costs_nothing(hub: Served, wish: str, word: str) -> None:
    with watching(hub) as socket:
        socket.send(wish)
        error = hear(socket, "error")
        assert (error["status"], word in error["message"]) == (400, True)
        socket.send('{"subscribe": ["builds"]}')
        assert hear(socket, "subscribed")["topics"] == ["builds"]


def test_a_run_that_is_not_there_is_told(hub: Served) -> None:
    with watching(hub, {"subscribe": ["run:99", "builds"]}) as socket:
        error = hear(socket, "error")
        assert (error["status"], error["topic"]) == (404, "run:99")


def test_pages_of_other_sites_may_not_watch(hub: Served) -> None:
    """S5, S33: a WebSocket is not bound to its origin by the browser; we have to look."""
    with pytest.raises(InvalidStatus) as refused, watching(hub, Origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    with watching(hub, Origin=hub.url) as socket:
        hear(socket, "heartbeat")


def test_who_may_not_read_may_not_watch(tmp_path: Path) -> None:
    with served_site(tmp_path, anonymous_read=False) as hub:
        with pytest.raises(InvalidStatus), watching(hub):
            pass
        with watching(hub, Authorization="Bearer admin-secret") as socket:
            hear(socket, "heartbeat")


def test_a_revoked_token_ends_its_watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S9: looked at with every heartbeat."""
    monkeypatch.setattr(watcher, "HEARTBEAT", 0.05)
    with served_site(tmp_path, anonymous_read=False) as hub:
        headers = {"Authorization": "Bearer admin-secret"}
        made = hub.client.post("/api/v1/tokens", json={"name": "wall", "role": "read"}, headers=headers).json()
        with watching(hub, Authorization=f"Bearer {made['token']}") as socket:
            hear(socket, "heartbeat")
            (known,) = hub.client.get("/api/v1/tokens", headers=headers).json()["items"]
            assert hub.client.delete(f"/api/v1/tokens/{known['id']}", headers=headers).is_success
            with pytest.raises(ConnectionClosed) as ended:
                until_closed(socket)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1008


def test_no_more_watch_than_allowed(tmp_path: Path) -> None:
    with served_site(tmp_path, max_watchers=1) as hub, watching(hub) as socket:
        hear(socket, "heartbeat")
        with watching(hub) as other, pytest.raises(ConnectionClosed) as ended:
            until_closed(other)
        assert "LIVE__WATCHERS" in str(ended.value)
        socket.close()
        until(lambda: stays(hub), what="the place that was left")


def test_many_watch_one_log(hub: Served) -> None:
    """All get all of it, in order."""
    with watching(hub, {"subscribe": ["run:1"]}) as one, watching(hub, {"subscribe": ["run:1"]}) as other:
        whole = b""
        for index in range(50):
            line = b"line %d\n" % index
            hub.site.logs.append(1, len(whole), line)
            whole += line
        hub.finish_run(1)
        assert read_log(one)[0] == whole
        assert read_log(other)[0] == whole


def waiting(message: Message, platform: str) -> int:
    """How many runs wait in the queue of a platform."""
    return int(next(queue["waiting"] for queue in message["queues"] if queue["platform"] == platform))


def until_closed(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=20)


def stays(hub: Served) -> bool:
    """Whether a new watcher is let in."""
    with watching(hub) as socket:
        try:
            return bool(hear(socket, "heartbeat"))
        except ConnectionClosed:
            return False
