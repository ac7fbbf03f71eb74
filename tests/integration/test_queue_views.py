"""The queue as it is told: reasons, estimates, a queue for each platform; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from hubwright.domain.scheduling import Want
from hubwright.store import schema, views, views_waiting
from hubwright.store.database import Database
from served import NOW, Rows


@pytest.fixture
def rows(database: Database) -> Rows:
    """A job, and ways to add to it."""
    rows = Rows(database)
    rows.keep_job()
    return rows


def load(database: Database, work: Any, *arguments: Any) -> Any:
    with database.reading() as connection:
        return work(connection, *arguments)


def keep_builder(rows: Rows, name: str, **values: Any) -> None:
    common = {"labels": [], "version": "1", "executor": "process", "instance": "i", "platform": "linux", "slots": 1}
    rows.keep(schema.builder, {**common, "name": name, "state": "connected", "seen_at": NOW, **values})


def keep_past(rows: Rows, *seconds: float) -> None:
    """Finished runs on linux that took so long."""
    for number, took in enumerate(seconds, 100):
        rows.keep_build(number, state="finished", result="success")
        times = {"started_at": NOW, "finished_at": NOW + took}
        rows.keep_run(number, number, state="finished", result="success", **times)


def test_an_estimate_is_made_of_the_last_runs_of_the_same_job_and_platform(database: Database, rows: Rows) -> None:
    """Of what runs the rest, of what is ahead all of it; of another platform nobody knows."""
    keep_builder(rows, "oak")
    keep_builder(rows, "fern", platform="mac")
    keep_past(rows, 90.0, 100.0, 500.0)
    rows.keep_build(1)
    rows.keep_run(1, 1, state="running", builder="oak", leased_at=NOW)
    rows.keep_run(2, 1)
    rows.keep_run(3, 1)
    rows.keep_run(4, 1, platform="mac")
    rows.keep_run(5, 1, platform="mac")
    build = load(database, views.load_build, 1)
    waits = load(database, views_waiting.load_waits, build, NOW + 40)
    assert [waits[run].estimate for run in (2, 3, 4, 5)] == [60.0, 160.0, 0.0, None]
    assert waits[2].eligible == ("oak",)
    busy = waits[2].reasons[0]
    assert (busy.kind, busy.more["builders"][0]["running"][0]["run"]) == ("all_busy", 1)


def test_what_people_wish_of_a_builder_is_a_reason(database: Database, rows: Rows) -> None:
    keep_builder(rows, "oak", wish="paused")
    rows.keep_build(1)
    rows.keep_run(1, 1)
    ((_, waiting),) = load(database, views_waiting.load_waiting_runs, 200, NOW)
    assert waiting.sentence == "Builder oak is paused."


def test_queues_appear_by_themselves(database: Database, rows: Rows) -> None:
    """A platform that a recipe names, labels, a builder of a new platform: nobody sets anything up."""
    keep_builder(rows, "oak", slots=2)
    keep_builder(rows, "fern", platform="freebsd-15", state="away")
    rows.keep_build(1)
    rows.keep_run(1, 1, state="running", builder="oak", leased_at=NOW)
    rows.keep_run(2, 1, queued_at=NOW - 60)
    rows.keep_run(3, 1, queued_at=NOW - 30)
    rows.keep_run(4, 1, platform="haiku", labels="big,gpu")
    queues = {queue.want: queue for queue in load(database, views_waiting.load_queues, NOW)}
    assert set(queues) == {
        Want(platform="linux"),
        Want(platform="freebsd-15"),
        Want(platform="haiku", labels=("big", "gpu")),
    }
    linux = queues[Want(platform="linux")]
    assert (linux.waiting, linux.running, linux.oldest) == (2, 1, NOW - 60)
    assert (linux.builders, linux.connected, linux.slots, linux.free) == (("oak",), 1, 2, 1)
    assert linux.estimate is None
    freebsd = queues[Want(platform="freebsd-15")]
    assert (freebsd.builders, freebsd.connected, freebsd.estimate) == (("fern",), 0, None)
    assert load(database, views_waiting.count_queues) == {
        Want(platform="linux"): (2, 1, NOW - 60),
        Want(platform="haiku", labels=("big", "gpu")): (1, 0, NOW),
    }


def test_ten_thousand_waiting_runs_are_explained(database: Database, rows: Rows) -> None:
    """The last of the line too."""
    for number in range(20):
        keep_builder(rows, f"b{number}", platform=f"p{number % 4}", slots=4)
    keep_past(rows, 10.0)
    rows.keep_build(1)
    rows.keep_run(1, 1)
    with database.reading() as connection:
        (one,) = connection.execute(schema.run.select().where(schema.run.c.id == 1)).mappings()
    many = [
        {**one, "id": number, "platform": f"p{number % 5}", "labels": "gpu" if number % 7 == 0 else ""}
        for number in range(1000, 10_999)
    ]
    database.write(lambda connection: connection.execute(schema.run.insert(), many))
    rows.keep_build(2)
    rows.keep_run(20_000, 2, platform="p1")
    build = load(database, views.load_build, 2)
    waits = load(database, views_waiting.load_waits, build, NOW)
    queues = load(database, views_waiting.load_queues, NOW)
    assert waits[20_000].ahead > 1000
    assert sum(queue.waiting for queue in queues) == 10_001


def test_what_is_ahead_goes_by_turns(database: Database, rows: Rows) -> None:
    """A run that came later, of a job whose turn it is, is given out first; and so says the reason."""
    keep_builder(rows, "oak", slots=1)
    rows.keep_build(1)
    rows.keep_run(1, 1, turn=0.0)
    rows.keep_run(2, 1, turn=1.0)
    rows.keep_build(2)
    rows.keep_run(3, 2, turn=0.0)
    waits = load(database, views_waiting.load_waits, load(database, views.load_build, 1), NOW)
    assert {run: waiting.ahead for run, waiting in waits.items()} == {1: 0, 2: 2}
