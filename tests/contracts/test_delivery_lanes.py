"""Deliveries of one repository are one process' at a time, and in their order, however claims interleave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, RootTransaction, delete, select

from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.delivery_lanes import AHEAD, claim_deliveries
from hubwright.store.schema import delivery

NOW = 1_800_000_000.0
LEASE = 30.0
OWNERS = ("a", "b", "c")
REPOSITORIES = ("octo/one", "octo/two", None)


def keep(database: Database, *repositories: str | None) -> list[int]:
    """One delivery of each, in this order; their numbers."""
    items = [
        Incoming(f"{name} {number}", "push", "github", b"{}", NOW, repository=name)
        for number, name in enumerate(repositories, count_deliveries(database))
    ]
    return [kept.id for kept in database.write(lambda connection: keep_deliveries(connection, items))]


def count_deliveries(database: Database) -> int:
    with database.reading() as connection:
        return len(connection.execute(select(delivery.c.id)).all())


def claim_in(connection: Connection, owner: str, now: float = NOW, limit: int = 8) -> list[int]:
    return [row.id for row in claim_deliveries(connection, owner, now, lease_seconds=LEASE, limit=limit)]


def claim(database: Database, owner: str, now: float = NOW, limit: int = 8) -> list[int]:
    return database.write(lambda connection: claim_in(connection, owner, now, limit))


def finish(database: Database, owner: str, *numbers: int) -> None:
    def work(connection: Connection) -> None:
        for number in numbers:
            assert queues.finish(connection, delivery, number, owner, NOW)

    database.write(work)


@contextmanager
def open_claim(database: Database, *, good: bool = True) -> Iterator[Connection]:
    """A transaction of another process, which has not ended yet; `good`: as it does then."""
    apart = database.engine.execution_options(isolation_level="READ COMMITTED")
    with apart.connect() as connection:
        transaction = connection.begin()
        yield connection
        if good:
            transaction.commit()
        else:
            transaction.rollback()


@pytest.fixture
def server(postgres_url: str) -> Iterator[Database]:
    """PostgreSQL, which alone several processes share."""
    with closing(Database(postgres_url, readers=len(OWNERS) + 1)) as opened:
        yield opened


def test_one_process_gets_all_in_order_and_within_its_bound(database: Database) -> None:
    first, other, second, nobodys = keep(database, "octo/one", "octo/two", "octo/one", None)
    assert claim(database, "a", limit=3) == [first, other, second]
    assert claim(database, "a", limit=3) == [nobodys]
    assert claim(database, "a", limit=3) == []
    with database.reading() as connection:
        row = connection.execute(select(delivery).where(delivery.c.id == first)).one()
    assert (row.state, row.attempts, row.lease_owner, row.lease_until) == ("leased", 1, "a", NOW + LEASE)
    assert row.repository == "octo/one"


def test_who_works_on_a_repository_gets_its_next_ones_and_nobody_else(server: Database) -> None:
    (first,) = keep(server, "octo/one")
    assert claim(server, "a") == [first]
    second, other, nobodys = keep(server, "octo/one", "octo/two", None)
    assert claim(server, "b") == [other, nobodys]
    assert claim(server, "b") == []
    assert claim(server, "a") == [second]
    finish(server, "a", first, second)
    (third,) = keep(server, "octo/one")
    assert claim(server, "b") == [third]


def test_a_claim_that_is_not_durable_yet_keeps_others_from_what_comes_behind(server: Database) -> None:
    """The second push came while the first was being claimed elsewhere: who sees it alone must leave it."""
    (first,) = keep(server, "octo/one")
    with open_claim(server) as elsewhere:
        assert claim_in(elsewhere, "a") == [first]
        second, other = keep(server, "octo/one", "octo/two")
        assert claim(server, "b") == [other]
    assert claim(server, "b") == []
    finish(server, "a", first)
    assert claim(server, "b") == [second]


def test_a_claim_that_came_to_nothing_gives_its_deliveries_back(server: Database) -> None:
    first, second = keep(server, "octo/one", "octo/one")
    with open_claim(server, good=False) as elsewhere:
        assert claim_in(elsewhere, "a") == [first, second]
        assert claim(server, "b") == []
    assert claim(server, "b") == [first, second]


def test_two_that_claim_at_once_share_what_is_there(server: Database) -> None:
    """Of many repositories each gets some: a batch that another is just claiming is stepped over."""
    numbers = keep(server, *(f"octo/r{number}" for number in range(16)))
    with open_claim(server) as elsewhere:
        assert claim_in(elsewhere, "a") == numbers[:8]
        assert claim(server, "b") == numbers[8:]


def test_what_a_killed_process_held_is_claimed_before_all_behind_it(server: Database) -> None:
    """Also where so much waits that a claim takes only a part of it."""
    (lost,) = keep(server, "octo/one")
    assert claim(server, "a") == [lost]
    fresh = keep(server, *["octo/one"] * (9 * AHEAD))
    assert claim(server, "b", NOW + LEASE - 1) == []
    assert claim(server, "b", NOW + LEASE) == [lost]
    assert claim(server, "b", NOW + LEASE) == fresh[:8]


def test_what_is_taken_back_from_a_process_that_is_gone_comes_first(server: Database) -> None:
    (lost,) = keep(server, "octo/one")
    assert claim(server, "a") == [lost]
    fresh = keep(server, *["octo/one"] * 9)
    server.write(lambda connection: queues.take_back(connection, delivery, "a"))
    assert claim(server, "b") == [lost, *fresh[:7]]


def test_what_is_tried_again_later_holds_nobody_up(server: Database) -> None:
    """A repository that does not answer now may answer for the next push; that is so at one hub, too."""
    (first,) = keep(server, "octo/one")
    assert claim(server, "a") == [first]
    server.write(lambda connection: queues.retry_at(connection, delivery, first, "a", NOW + 9, "it rained"))
    (second,) = keep(server, "octo/one")
    assert claim(server, "b") == [second]
    assert claim(server, "a", NOW + 9) == []  # unless b is still at it
    finish(server, "b", second)
    assert claim(server, "a", NOW + 9) == [first]


def test_tries_that_are_due_do_not_stop_a_full_queue(server: Database) -> None:
    """They stand behind what has not been tried yet, and must not be waited for by it."""
    (again,) = keep(server, "octo/one")
    assert claim(server, "a") == [again]
    server.write(lambda connection: queues.retry_at(connection, delivery, again, "a", NOW, "it rained"))
    fresh = keep(server, *["octo/one"] * (9 * AHEAD))
    claimed = [number for _ in range(40) for number in claim(server, "b", NOW + 1)]
    assert (claimed[:8], sorted(claimed)) == (fresh[:8], [again, *fresh])


def test_a_delivery_that_a_hub_of_the_release_before_has_kept_stops_nobody(server: Database) -> None:
    """Such hubs name no repository before they have understood it, and claim whatever is due."""
    old, new = keep(server, None, "octo/one")
    assert claim(server, "b") == [old, new]
    (behind,) = keep(server, "octo/one")
    rows = server.write(lambda connection: queues.claim(connection, delivery, "old", NOW, lease_seconds=LEASE, limit=9))
    assert [row.id for row in rows] == [behind]


class Claimers(RuleBasedStateMachine):
    """Three processes of which each claims, is slow to commit, works, fails and is killed, in any order."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.claims: dict[str, tuple[Connection, RootTransaction, list[Any]]] = {}
        self.held: dict[str, list[int]] = {owner: [] for owner in OWNERS}
        self.tried: set[int] = set()
        self.repository: dict[int, str | None] = {}
        self.database.write(lambda connection: connection.execute(delete(delivery)))

    @rule(names=st.lists(st.sampled_from(REPOSITORIES), min_size=1, max_size=5))
    def arrive(self, names: list[str | None]) -> None:
        for number, name in zip(keep(self.database, *names), names, strict=True):
            self.repository[number] = name

    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 3))
    def begin(self, owner: str, limit: int) -> None:
        if owner in self.claims:
            return
        connection = self.database.engine.connect().execution_options(isolation_level="READ COMMITTED")
        transaction = connection.begin()
        rows = claim_deliveries(connection, owner, self.now, lease_seconds=LEASE, limit=limit)
        self.claims[owner] = (connection, transaction, rows)
        self._check(owner, [row.id for row in rows])

    @rule(owner=st.sampled_from(OWNERS), good=st.booleans())
    def end(self, owner: str, *, good: bool) -> None:
        if owner not in self.claims:
            return
        connection, transaction, rows = self.claims.pop(owner)
        if good:
            transaction.commit()
            self.held[owner] += [row.id for row in rows]
            self._renew()
        else:
            transaction.rollback()
        connection.close()

    @rule(owner=st.sampled_from(OWNERS), good=st.booleans())
    def work(self, owner: str, *, good: bool) -> None:
        """The oldest that it has: understood, or to be tried again soon."""
        if not self.held[owner]:
            return
        number = self.held[owner].pop(0)
        if good:
            finish(self.database, owner, number)
        else:
            self.tried.add(number)
            at = self.now + 5
            self.database.write(
                lambda connection: queues.retry_at(connection, delivery, number, owner, at, "it rained")
            )

    @precondition(lambda self: not self.claims)
    @rule(owner=st.sampled_from(OWNERS), noticed=st.booleans())
    def die(self, owner: str, *, noticed: bool) -> None:
        """Its leases end, or are taken back; those of the others are renewed."""
        self.held[owner] = []
        if noticed:
            self.database.write(lambda connection: queues.take_back(connection, delivery, owner))
            return
        self.now += LEASE
        self._renew()

    @rule()
    def pass_time(self) -> None:
        self.now += 3
        self._renew()

    def _renew(self) -> None:
        def renew(connection: Connection) -> None:
            for owner, numbers in self.held.items():
                queues.renew_some(connection, delivery, numbers, owner, self.now + LEASE)

        self.database.write(renew)

    def _check(self, owner: str, claimed: list[int]) -> None:
        """Nobody else has an earlier one of the repository, and none waits that has never been tried in vain."""
        with self.database.reading() as connection:
            known = connection.execute(select(delivery)).all()
        mine = {*claimed, *self.held[owner]}
        others = {row.id for name, (_, _, rows) in self.claims.items() if name != owner for row in rows}
        others |= {number for name, numbers in self.held.items() if name != owner for number in numbers}
        assert not others & mine
        for number in claimed:
            name = self.repository[number]
            if name is None or number in self.tried:
                continue
            earlier = {row.id for row in known if row.repository == name and row.id < number and row.state != "done"}
            assert earlier - self.tried <= mine, (number, earlier)

    def teardown(self) -> None:
        """Nothing is lost: when all goes well again, each is claimed by somebody within two looks."""
        for owner in list(self.claims):
            self.end(owner, good=True)
        for owner in OWNERS:
            while self.held[owner]:
                self.work(owner, good=True)
        self.now += 2 * LEASE
        for _ in range(count_deliveries(self.database) + 1):
            for owner in OWNERS:
                self.begin(owner, 3)
                self.end(owner, good=True)
                while self.held[owner]:
                    self.work(owner, good=True)
        with self.database.reading() as connection:
            assert queues.count_open(connection, delivery) == 0


def test_whatever_is_claimed_committed_and_lost_the_order_of_a_repository_is_kept(server: Database) -> None:
    class OnServer(Claimers):
        database = server

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        OnServer,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            phases=[Phase.generate],  # to shrink an example would take minutes
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
