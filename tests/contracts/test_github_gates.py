"""The budget that all requests to GitHub pass: the same in one process, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hubwright.domain.github_budget import LONGEST_PAUSE, Ask, Figures, Limits, Priority
from hubwright.github.budget import BudgetGate, MemoryGate
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.store.database import Database
from hubwright.store.github_budget import FORGOTTEN_AFTER, load_budgets
from tables import fresh_postgres, with_tables

START = 1_800_000_000.0
READ, WRITE = Ask(), Ask(writes=True)
BULK = Ask(priority=Priority.BULK)
NOTE = Ask(writes=True, content=True)
EVEN = Limits(write_interval=1.0)


class Clock:
    """Unix time that moves only when told to."""

    now = START

    def __call__(self) -> float:
        return self.now


Make = Callable[[Limits], BudgetGate]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Make]:
    """Makes gates that share what they know: one in memory is shared by being the same."""
    if request.param == "memory":
        gates: dict[Limits, BudgetGate] = {}
        yield lambda limits: gates.setdefault(limits, MemoryGate(limits, clock))
        return
    if request.param == "sqlite":
        yield from _gates(with_tables(f"sqlite:///{tmp_path}/gate.db"), clock)
        return
    with fresh_postgres("postgresql") as url:
        yield from _gates(url, clock)


def _gates(url: str, clock: Clock) -> Iterator[Make]:
    """Two processes have a database object each; here they take turns."""
    opened = [Database(url), Database(url)]
    made: list[BudgetGate] = []

    def make(limits: Limits) -> BudgetGate:
        made.append(DatabaseGate(opened[len(made) % 2], limits, clock))
        return made[-1]

    try:
        yield make
    finally:
        for database in opened:
            database.close()


def figures(remaining: int, *, ends_in: float = 1800) -> Figures:
    return Figures(limit=5000, remaining=remaining, reset_at=START + ends_in)


def test_whoever_asks_first_may_ask(make: Make) -> None:
    gate = make(Limits())
    turn = gate.enter("t", READ)
    assert (turn.granted, turn.wait, turn.limits_before) == (True, 0.0, 0)
    assert gate.look("somebody else").figures is None


def test_after_a_limit_nobody_asks_until_it_is_over(make: Make, clock: Clock) -> None:
    """R17: asking on during a limit may get the integration banned; another token is not concerned."""
    gate, other = make(Limits()), make(Limits())
    gate.pause("t", 30)
    for ask in (READ, WRITE, BULK):
        assert other.enter("t", ask).wait == 30
    assert other.enter("u", READ).granted
    clock.now += 29.5
    assert not gate.enter("t", READ).granted
    clock.now += 0.5
    assert gate.enter("t", READ).granted


def test_limits_in_a_row_are_counted_until_an_answer(make: Make, clock: Clock) -> None:
    """Without a time from GitHub each pause is twice as long; those under way together are one."""
    gate, other = make(Limits()), make(Limits())
    for _ in range(3):
        gate.pause("t", 60)
        other.pause("t", 60)
        gate.note("t", None)  # was under way when the limit came
        clock.now += 60
    assert gate.enter("t", READ).limits_before == 3
    gate.note("t", None)
    assert gate.enter("t", READ).limits_before == 0


def test_a_build_asks_on_where_bulk_loads_wait(make: Make, clock: Clock) -> None:
    """The last fifth of the hour is for builds, a tenth of it also for what a person waits for."""
    gate = make(Limits())
    passed = {}
    for remaining in (1001, 1000, 501, 500, 1, 0):
        gate.note("t", figures(remaining))
        passed[remaining] = [priority.name for priority in Priority if gate.enter("t", Ask(priority=priority)).granted]
        clock.now += 1
    assert passed == {
        1001: ["BUILD", "SOON"],  # the first two have spent what was left for bulk
        1000: ["BUILD", "SOON"],
        501: ["BUILD"],
        500: ["BUILD"],
        1: ["BUILD"],
        0: [],
    }
    refused = gate.enter("t", READ)
    assert refused.wait == START + 1800 - clock.now
    assert "used up" in refused.reason
    clock.now = START + 1800
    assert gate.enter("t", BULK).granted


def test_what_is_under_way_counts(make: Make, clock: Clock) -> None:
    """Ten who ask at once with three left are not all let through."""
    gate, other = make(Limits()), make(Limits())
    gate.note("t", figures(3))
    assert [one.enter("t", READ).granted for one in (gate, other, gate, other, gate)] == [True] * 3 + [False] * 2
    other.note("t", figures(5000))
    clock.now += 1
    assert other.enter("t", READ).granted


def test_figures_of_other_resources_change_nothing(make: Make) -> None:
    """Searches have a limit of their own, thirty a minute."""
    gate = make(Limits())
    gate.note("t", replace(figures(0), resource="search"))
    assert gate.enter("t", BULK).granted


def test_writes_keep_their_distance_in_all_processes(make: Make, clock: Clock) -> None:
    """https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests"""
    gates = make(EVEN), make(EVEN)
    turns = [gates[number % 2].enter("t", WRITE) for number in range(5)]
    assert [turn.wait for turn in turns] == [0, 1, 2, 3, 4]
    assert gates[0].enter("t", READ).wait == 0
    clock.now += 7.5
    assert gates[1].enter("t", WRITE).wait == 0
    assert gates[0].enter("t", WRITE).wait == 1


def test_whoever_would_wait_long_is_sent_away(make: Make) -> None:
    """A thread must not be blocked for minutes; what is not granted takes no turn."""
    gate = make(EVEN)
    bulk_write = Ask(priority=Priority.BULK, writes=True)
    granted = [gate.enter("t", bulk_write).granted for _ in range(5)]
    assert granted == [True, True, True, False, False]
    waits = [turn.wait for turn in (gate.enter("t", WRITE) for _ in range(40)) if turn.granted]
    assert waits == [float(second) for second in range(3, 31)]


def test_writes_of_a_minute_and_of_an_hour_are_bounded(make: Make, clock: Clock) -> None:
    """80 and, of what notifies people, 500; a status notifies nobody."""
    gate = make(Limits(write_interval=0.0, points_per_minute=100_000))
    assert sum(gate.enter("t", WRITE).granted for _ in range(100)) == 80
    assert gate.enter("t", READ).granted
    sent = 0
    while gate.enter("t", NOTE).wait < 120:
        clock.now += 1
        sent = max(sent, sum(count for _, count in gate.look("t").content))
    assert sent == 500
    assert clock.now - START < 3600
    assert gate.enter("t", WRITE).granted


def test_points_of_a_minute_are_bounded(make: Make, clock: Clock) -> None:
    """A read is a point, a write five; bulk loads leave a fifth to builds."""
    gate = make(Limits(points_per_minute=100, write_interval=0.0))
    assert sum(gate.enter("t", BULK).granted for _ in range(100)) == 80
    late = gate.enter("t", BULK)
    assert (late.granted, late.wait) == (False, 61.0)
    assert gate.enter("t", WRITE).granted
    assert sum(gate.enter("t", READ).granted for _ in range(100)) == 15
    clock.now += late.wait
    assert gate.enter("t", BULK).granted


def test_a_clock_set_back_silences_nobody_for_ever(make: Make, clock: Clock) -> None:
    """R15: the clock may jump."""
    gate = make(Limits(points_per_minute=5))
    gate.note("t", figures(0))
    gate.enter("t", WRITE)
    gate.pause("t", 30)
    clock.now -= 86_400
    assert gate.enter("t", WRITE).granted
    gate.pause("t", LONGEST_PAUSE)
    assert not gate.enter("t", READ).granted


def test_many_threads_get_a_turn_each(make: Make) -> None:
    """No turn is given twice, whoever asks at the same time."""
    gates = make(EVEN), make(EVEN)
    waits: list[float] = []

    def ask(number: int) -> None:
        waits.extend(gates[number % 2].enter("t", WRITE).wait for _ in range(3))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(second) for second in range(24)]
    assert all(later - earlier >= 1 for earlier, later in pairwise(sorted(waits)))


def test_what_nobody_uses_is_forgotten(database: Database, clock: Clock) -> None:
    """A token that was changed for another leaves no row for ever; the rest can be read with SQL."""
    gate = DatabaseGate(database, Limits(), clock)
    gate.enter("old", READ)
    clock.now += FORGOTTEN_AFTER + 1
    gate.note("new", Figures(limit=5000, remaining=4000, reset_at=clock.now + 60))
    gate.enter("new", READ)
    with database.reading() as connection:
        kept = load_budgets(connection)
    assert list(kept) == ["new"]
    assert kept["new"].figures == Figures(limit=5000, remaining=3999, reset_at=clock.now + 60)
