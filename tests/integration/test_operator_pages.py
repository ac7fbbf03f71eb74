"""What operators see of builders, queue and repositories; the rest has files of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert

from hubwright.hub.flights import Flight
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.views_builders import load_done
from hubwright.store.views_hooks import load_repositories
from hubwright.wire import Machine, Point, Usage, Vitals
from quiet_hub import WholeHub, open_whole_hub
from seed import Seed, serving
from served import NOW, Rows

ADMIN = {"Authorization": "Bearer the-admin-token-of-these-tests"}
EVIL = "<script>alert(1)</script>"


def fill(rows: Rows, runs: int) -> None:
    """A job whose runs a builder has ended, all but the last two: one runs, one waits."""
    rows.keep_job()
    rows.keep_build(1)
    for number in range(1, runs + 1):
        done = {"state": "finished", "result": "success", "started_at": NOW, "finished_at": NOW + number}
        state = done if number <= runs - 2 else {"state": "running" if number == runs - 1 else "queued"}
        rows.keep_run(number, 1, builder="oak" if number < runs else None, **state)


def test_the_runs_that_a_builder_has_ended_come_in_pages(database: Database) -> None:
    """Newest first, and only its own; what still runs is no history. On both databases."""
    fill(Rows(database), 7)
    with database.reading() as connection:
        first = load_done(connection, "oak", 3)
        rest = load_done(connection, "oak", 3, first.next)
        assert load_done(connection, "elm").items == ()
    assert [one.id for one in first.items + rest.items] == [5, 4, 3, 2, 1]
    assert (first.next, rest.next) == (3, None)
    assert (first.items[0].job, first.items[0].finished_at) == ("team/app", NOW + 5)


def test_a_repository_tells_what_was_delivered_last(database: Database) -> None:
    """Whatever letters the delivery was written in; a repository that tells nothing says so."""
    rows = Rows(database)
    for number, name in ((1, "octo/App"), (2, "octo/other")):
        rows.keep_job(number, f"j{number}", repository=name)
    row = {"body": b"", "state": "done", "next_try_at": NOW, "source": "github", "received_at": NOW}
    told = [{**row, "guid": event, "event": event, "repository": "Octo/APP"} for event in ("push", "star")]
    database.write(lambda connection: connection.execute(insert(schema.delivery), told))
    with database.reading() as connection:
        found = {one.name: one.news for one in load_repositories(connection).items}
    assert found == {"octo/App": ("star", NOW), "octo/other": None}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    flags = {"admin_token": ADMIN["Authorization"][7:], "queue.platform_limits": "linux-*=8"}
    with open_whole_hub(tmp_path_factory.mktemp("hub"), **flags) as opened:
        fill(opened.rows, 7)
        builder = {"name": "oak", "platform": "linux", "labels": [EVIL], "slots": 2, "state": "away"}
        builder |= {"version": "1", "executor": "process", "instance": "1"}
        opened.rows.keep(schema.builder, builder)
        yield opened


def test_a_builder_shows_what_it_runs_and_has_run(hub: WholeHub) -> None:
    """With the API saying the same."""
    page = hub.client.get("/builders/oak", headers=ADMIN).text
    assert page.index("/builds/1/runs/6") < page.index("Ended runs") < page.index("/builds/1/runs/5")
    assert EVIL not in page
    told = hub.client.get("/api/v1/builders/oak/runs?limit=2", headers=ADMIN)
    assert [one["id"] for one in told.json()["items"]] == [5, 4]
    assert "cursor=4" in told.links["next"]["url"]
    older = hub.client.get("/builders/oak?before=3", headers=ADMIN).text
    assert ("/builds/1/runs/2" in older, "/builds/1/runs/3" in older) == (True, False)


def test_the_queue_says_its_limits_and_cancels(hub: WholeHub) -> None:
    """The button is for who may write; cursors that are none are refused, not shown as an empty queue."""
    page = hub.client.get("/queue", headers=ADMIN).text
    assert "at most 8 on" in page
    assert 'action="/builds/1/cancel"' in page
    assert hub.client.get("/queue?after=nothing", headers=ADMIN).status_code == 422
    assert hub.client.post("/builds/1/cancel", headers=ADMIN).status_code == 303


def test_what_a_builder_measures_is_shown_as_bars_and_charts(tmp_path: Path) -> None:
    """Charts while it has a run, of which it measures each second; bars as soon as it has told anything."""
    seed = Seed(tmp_path)
    build = seed.build(seed.job("core/engine", "octo/engine"), 1, 60, state="running")
    seed.run(build, [], 60, state="running", result=None, builder="oak")
    for name in ("oak", "elm"):
        told = {"version": "1", "executor": "process", "instance": "1", "state": "connected", "seen_at": seed.now}
        seed.add("builder", name=name, platform="linux", labels=[], slots=2, **told)
    seed.close()
    machine = Machine(at=seed.now, memory=3 * 10**9, memory_total=4 * 10**9, disk_free=1, disk_total=10, cpu=42.0)
    points = deque([Point(machine=machine, usage=Usage(memory=10**6))] * 3)
    parts = {"vitals_of": lambda name: Vitals(machine=machine) if name == "oak" else None}
    parts["flight_of"] = lambda _run: Flight(points=points)
    with serving(tmp_path, **parts) as (address, _), httpx2.Client(base_url=address) as client:
        oak, elm, every = (client.get(path).text for path in ("/builders/oak", "/builders/elm", "/builders"))
    assert oak.count("<figure") == 3
    assert oak.count('class="gauge') == 3
    assert '<rect class="used" width="75"' in oak
    assert 'class="gauge full"' in oak
    assert ("<figure" in elm, "gauge" in elm) == (False, False)
    assert every.count('class="gauge"') == 1
