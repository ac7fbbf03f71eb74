"""What waiting work must do on every database: claimed once, ended once by its owner, never lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, delete, insert, select

from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.schema import delivery, report, task

T = TypeVar("T")

NOW = 1_700_000_000.0


def claim_tasks(connection: Connection, owner: str, now: float, limit: int = 10) -> list[int]:
    rows = queues.claim(connection, task, owner, now, lease_seconds=60, limit=limit, where=[task.c.queue == "q"])
    return [row.id for row in rows]


def add(connection: Connection, count: int, parent: int | None = None) -> list[int]:
    return [queues.add_task(connection, "q", {"n": number}, now=NOW, parent=parent) for number in range(count)]


def rolled_back(database: Database, work: Callable[[Connection], T]) -> T:
    """What `work` gives when its transaction then fails."""
    answers: list[T] = []

    def fail(connection: Connection) -> None:
        answers.append(work(connection))
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fail)
    return answers[0]


def state_of(database: Database, row_id: int) -> str:
    with database.reading() as connection:
        return str(connection.execute(select(task.c.state).where(task.c.id == row_id)).scalar_one())


@pytest.mark.parametrize("table", [delivery, report, task], ids=lambda table: table.name)
def test_every_waiting_table_is_claimed_retried_and_finished_alike(database: Database, table: object) -> None:
    values = {
        delivery: {"guid": "g", "event": "push", "received_at": NOW, "body": b"", "next_try_at": NOW},
        report: {"reporter": "r", "target": "t", "fact_id": 1, "body": {}, "next_try_at": NOW},
        task: {"queue": "q", "payload": {}, "created_at": NOW, "next_try_at": NOW},
    }[table]

    def work(connection: Connection) -> None:
        connection.execute(insert(table).values(values))
        assert queues.claim(connection, table, "a", NOW - 1, lease_seconds=60, limit=9) == []
        (row,) = queues.claim(connection, table, "a", NOW, lease_seconds=60, limit=9)
        assert (row.state, row.attempts, row.lease_owner, row.lease_until) == ("leased", 1, "a", NOW + 60)
        assert queues.retry_at(connection, table, row.id, "a", NOW + 5, "it rained")
        assert queues.next_due(connection, table) == NOW + 5
        (again,) = queues.claim(connection, table, "b", NOW + 5, lease_seconds=60, limit=9)
        assert (again.attempts, again.error) == (2, "it rained")
        assert queues.count_open(connection, table) == 1
        assert queues.finish(connection, table, row.id, "b", NOW + 6)
        assert queues.count_open(connection, table) == 0
        assert queues.next_due(connection, table) is None
        ended = connection.execute(select(table)).one()
        assert (ended.state, ended.finished_at, ended.error) == ("done", NOW + 6, None)

    database.write(work)


def test_claims_go_by_due_time_and_are_bounded(database: Database) -> None:
    first, second, third = database.write(lambda connection: add(connection, 3))
    assert database.write(lambda connection: claim_tasks(connection, "a", NOW, limit=2)) == [first, second]
    assert database.write(lambda connection: claim_tasks(connection, "b", NOW, limit=2)) == [third]
    assert database.write(lambda connection: claim_tasks(connection, "c", NOW, limit=2)) == []


def test_a_lease_that_ran_out_is_as_good_as_waiting_and_its_owner_changes_nothing(database: Database) -> None:
    """A killed process's rows are found again; when it was only slow, it is told, and ends nothing twice."""
    (row,) = database.write(lambda connection: add(connection, 1))
    assert database.write(lambda connection: claim_tasks(connection, "slow", NOW)) == [row]
    assert database.write(lambda connection: claim_tasks(connection, "next", NOW + 59)) == []
    assert database.write(lambda connection: claim_tasks(connection, "next", NOW + 60)) == [row]
    late = NOW + 61
    assert not database.write(lambda connection: queues.finish(connection, task, row, "slow", late))
    assert not database.write(lambda connection: queues.give_up(connection, task, row, "slow", late, "x"))
    assert not database.write(lambda connection: queues.retry_at(connection, task, row, "slow", late, "x"))
    assert not database.write(lambda connection: queues.renew(connection, task, row, "slow", late))
    assert state_of(database, row) == "leased"
    assert database.write(lambda connection: queues.finish(connection, task, row, "next", late))
    assert not database.write(lambda connection: queues.finish(connection, task, row, "next", late))


def test_a_renewed_lease_holds(database: Database) -> None:
    (row,) = database.write(lambda connection: add(connection, 1))
    database.write(lambda connection: claim_tasks(connection, "a", NOW))
    assert database.write(lambda connection: queues.renew(connection, task, row, "a", NOW + 120))
    assert database.write(lambda connection: claim_tasks(connection, "b", NOW + 119)) == []
    assert database.write(lambda connection: claim_tasks(connection, "b", NOW + 120)) == [row]


def test_what_is_given_up_keeps_its_reason_within_bounds(database: Database) -> None:
    (row,) = database.write(lambda connection: add(connection, 1))
    database.write(lambda connection: claim_tasks(connection, "a", NOW))
    assert database.write(lambda connection: queues.give_up(connection, task, row, "a", NOW, "x" * 1_000_000))
    with database.reading() as connection:
        ended = connection.execute(select(task)).one()
    assert (ended.state, len(ended.error)) == ("failed", queues.ERROR_LENGTH)


def test_the_same_key_is_one_task(database: Database) -> None:
    """Also after it has ended: a doubled message or a second submitter does nothing twice."""

    def ask(connection: Connection) -> int:
        return queues.add_task(connection, "q", {}, now=NOW, key="load:1")

    first = database.write(ask)
    assert database.write(ask) == first
    database.write(lambda connection: claim_tasks(connection, "a", NOW))
    database.write(lambda connection: queues.finish(connection, task, first, "a", NOW))
    assert database.write(ask) == first
    with database.reading() as connection:
        assert queues.count_open(connection, task) == 0


def test_a_parent_waits_for_the_last_child_however_it_ends(database: Database) -> None:
    """The parent adds children while it runs and hands itself back; the last child to end makes it due at once."""
    (parent,) = database.write(lambda connection: add(connection, 1))
    database.write(lambda connection: claim_tasks(connection, "p", NOW))

    def spawn(connection: Connection) -> list[int]:
        children = add(connection, 2, parent=parent)
        assert queues.retry_at(connection, task, parent, "p", NOW, None)
        return children

    children = database.write(spawn)
    assert database.write(lambda connection: claim_tasks(connection, "c", NOW + 1)) == children
    with database.reading() as connection:
        assert queues.next_due(connection, task, [task.c.parent_id.is_(None)]) is None
    database.write(lambda connection: queues.finish(connection, task, children[0], "c", NOW + 2))
    database.write(lambda connection: queues.finish(connection, task, children[0], "c", NOW + 2))  # counts once
    assert database.write(lambda connection: claim_tasks(connection, "p", NOW + 3)) == []
    rolled_back(database, lambda connection: queues.finish(connection, task, children[1], "c", NOW + 4))
    assert database.write(lambda connection: claim_tasks(connection, "p", NOW + 4)) == []
    database.write(lambda connection: queues.give_up(connection, task, children[1], "c", NOW + 5, "no"))
    with database.reading() as connection:
        assert queues.next_due(connection, task) == NOW + 5
    assert database.write(lambda connection: claim_tasks(connection, "p", NOW + 5)) == [parent]


def test_a_parent_that_still_runs_keeps_its_lease_when_its_last_child_ends(database: Database) -> None:
    (parent,) = database.write(lambda connection: add(connection, 1))
    database.write(lambda connection: claim_tasks(connection, "p", NOW))
    (child,) = database.write(lambda connection: add(connection, 1, parent=parent))
    database.write(lambda connection: claim_tasks(connection, "c", NOW))
    database.write(lambda connection: queues.finish(connection, task, child, "c", NOW + 1))
    assert database.write(lambda connection: claim_tasks(connection, "other", NOW + 2)) == []
    assert database.write(lambda connection: queues.finish(connection, task, parent, "p", NOW + 3))


def test_no_row_is_claimed_twice_by_claimers_at_once(database: Database) -> None:
    """Four owners with connections of their own, as four processes would be."""
    rows = database.write(lambda connection: add(connection, 120))
    had: list[int] = []

    def work(owner: str) -> None:
        own = Database(database.url, readers=1)
        while claimed := own.write(lambda connection: claim_tasks(connection, owner, NOW, limit=7)):
            had.extend(claimed)
            for row in claimed:
                assert own.write(lambda connection, row=row: queues.finish(connection, task, row, owner, NOW))
        own.close()

    threads = [threading.Thread(target=work, args=(f"owner{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(had) == Counter(rows)
    with database.reading() as connection:
        assert queues.count_open(connection, task) == 0


class Waiting(RuleBasedStateMachine):
    """Any order of adding, claiming, ending, losing leases: the queue agrees with a model that fits on a page."""

    database: Database

    @initialize()
    def begin(self) -> None:
        self.database.write(lambda connection: connection.execute(delete(task)))
        self.now = NOW
        self.open: dict[int, int | None] = {}
        self.parent: dict[int, int | None] = {}
        self.held: dict[int, tuple[str, float]] = {}
        self.claims = 0

    def children_of(self, row: int) -> int:
        return sum(self.parent[child] == row for child in self.open)

    def claimable(self) -> set[int]:
        held = {row for row, (_owner, until) in self.held.items() if until > self.now}
        return {row for row in self.open if row not in held and not self.children_of(row)}

    @rule()
    def add_one(self) -> None:
        (row,) = self.database.write(lambda connection: add(connection, 1))
        self.open[row], self.parent[row] = None, None

    @rule(data=st.data(), count=st.integers(1, 3))
    def add_children(self, data: st.DataObject, count: int) -> None:
        if parents := [row for row in self.open if self.parent[row] is None]:
            parent = data.draw(st.sampled_from(parents))
            for row in self.database.write(lambda connection: add(connection, count, parent)):
                self.open[row], self.parent[row] = None, parent

    @rule(limit=st.integers(1, 4))
    def claim_some(self, limit: int) -> None:
        self.claims += 1
        owner = f"o{self.claims}"
        claimed = self.database.write(lambda connection: claim_tasks(connection, owner, self.now, limit))
        assert set(claimed) <= self.claimable()
        assert len(claimed) == min(limit, len(self.claimable()))
        self.held |= dict.fromkeys(claimed, (owner, self.now + 60))

    @rule(data=st.data(), fate=st.sampled_from(["finish", "give_up", "retry"]))
    def end_one(self, data: st.DataObject, fate: str) -> None:
        if not self.held:
            return
        row = data.draw(st.sampled_from(sorted(self.held)))
        owner = self.held[row][0]

        def end(connection: Connection) -> bool:
            if fate == "finish":
                return queues.finish(connection, task, row, owner, self.now)
            if fate == "give_up":
                return queues.give_up(connection, task, row, owner, self.now, "no")
            return queues.retry_at(connection, task, row, owner, self.now, "again")

        assert self.database.write(end)
        assert not self.database.write(end)
        del self.held[row]
        if fate != "retry":
            del self.open[row]

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_counts_agree(self) -> None:
        with self.database.reading() as connection:
            assert queues.count_open(connection, task) == len(self.open)
            rows = connection.execute(select(task.c.id, task.c.children_left).where(task.c.state != "done")).all()
        assert all(row.children_left == self.children_of(row.id) for row in rows if row.id in self.open)


def test_any_order_of_events_agrees_with_a_model(database: Database) -> None:
    machine = type("WaitingHere", (Waiting,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
