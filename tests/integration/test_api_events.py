"""Facts as server-sent events: as they are committed, and from where a reader stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hubwright.web import feed
from hubwright.web.api import events
from hubwright.web.site import FACTS
from served import Served, served_site
from waiting import until


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site where something has happened already."""
    with served_site(tmp_path) as served:
        served.keep_fact("BuildQueued", build_id=1)
        served.keep_fact("BuildStarted", build_id=1)
        yield served


def follow(hub: Served, query: str = "", **headers: str) -> Any:
    return hub.client.stream("GET", f"/api/v1/events{query}", headers=headers)


def read_facts(answer: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


def test_facts_come_from_now_on(hub: Served) -> None:
    """A page shows the present from its rows; the stream tells what changes."""
    with follow(hub) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        assert [next(lines), next(lines)] == ["", "id: 2"]  # where to resume even if nothing happens
        hub.keep_fact("BuildFinished", build_id=1, data={"job": "j", "number": 1, "result": "success"})
        told = [next(lines) for _ in range(4)]
        assert told[:3] == ["", "event: fact", "id: 3"]
        fact = json.loads(told[3].removeprefix("data: "))
        assert (fact["kind"], fact["sentence"]) == ("BuildFinished", "j #1 finished: success.")


def test_a_reader_resumes_behind_the_last_fact(hub: Served) -> None:
    """`Last-Event-ID` after a lost connection, `after` by hand: nothing is missed."""
    with follow(hub, **{"Last-Event-ID": "1"}) as answer:
        assert next(read_facts(answer))["id"] == 2
    with follow(hub, "?after=0") as answer:
        facts = read_facts(answer)
        assert [next(facts)["id"], next(facts)["id"]] == [1, 2]


def test_a_build_page_hears_of_its_build(hub: Served) -> None:
    """And of no other."""
    with follow(hub, "?build=7") as answer:
        facts = read_facts(answer)
        until(lambda: FACTS in hub.site.bell._waiting, what="the reader's wait")
        hub.keep_fact("BuildQueued", build_id=6)
        hub.keep_fact("BuildQueued", build_id=7)
        assert next(facts)["build"] == 7


def test_many_facts_at_once_all_come_in_order(hub: Served) -> None:
    """More than one page of them, and more readers than one."""
    with follow(hub, "?after=2") as one, follow(hub, "?after=2") as other:
        hub.rows.keep_facts(700)
        hub.site.bell.ring(FACTS)
        for answer in (one, other):
            facts = read_facts(answer)
            assert [next(facts)["id"] for _ in range(700)] == list(range(3, 703))


def test_a_quiet_stream_shows_that_it_lives(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies cut connections that are silent for a minute; the comment is no event."""
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    monkeypatch.setattr(feed, "LOOK", 0.05)
    with follow(hub) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(8)][3:] == ["", ": ping", "", ": ping", ""]


def test_readers_that_leave_are_forgotten(hub: Served) -> None:
    """No task stays behind for a closed tab."""
    waiting = hub.site.bell._waiting
    with follow(hub):
        until(lambda: FACTS in waiting, what="the reader's wait")
    until(lambda: FACTS not in waiting, what="the reader's end")
