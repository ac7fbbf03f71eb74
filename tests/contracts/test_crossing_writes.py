"""Writers of PostgreSQL that want the same rows the other way round: each is done, and nobody hears of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, update

from github_items import issue, label
from hubwright.domain.facts import Fact, FactKind
from hubwright.github.records import read_page
from hubwright.hub.loads import LOADS
from hubwright.hub.replica import Replica
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.replica import keep_records
from hubwright.store.reports import load_facts
from hubwright.store.schema import gh_label
from load_parts import ISSUES, Yard, open_yard

NOW = 1_800_000_000.0


@pytest.fixture
def databases(postgres_url: str) -> Iterator[tuple[Database, Database]]:
    """One database, open in two hubs."""
    with closing(Database(postgres_url)) as one, closing(Database(postgres_url)) as two:
        yield one, two


def read_labels(*numbers: int) -> Any:
    items = [label(number) for number in numbers]
    return read_page("label", items, parent={"repository_id": 1}, observed_at=NOW).records


@pytest.mark.parametrize("way", ["write", "write_apart"])
def test_the_victim_of_crossing_pages_is_done_again(databases: tuple[Database, Database], way: str) -> None:
    """Each keeps a page, then one that the other has kept already: PostgreSQL ends one of them, which begins anew."""
    databases[0].write(lambda it: keep_records(it, read_labels(1, 2), via="api", now=NOW))
    both = threading.Barrier(2)

    def keep(first: int, second: int, connection: Connection) -> int:
        for number in (first, second):
            keep_records(connection, read_labels(number), via="api", now=NOW + 100)
            renewed = update(gh_label).where(gh_label.c.id == label(number)["id"]).values(description=str(first))
            connection.execute(renewed)
            if number == first and not both.broken:
                with suppress(threading.BrokenBarrierError):
                    both.wait(10)
                both.abort()
        return first

    with ThreadPoolExecutor(2) as threads:
        crossing = zip(databases, ((1, 2), (2, 1)), strict=True)
        answers = [threads.submit(getattr(one, way), partial(keep, *pages)) for one, pages in crossing]

        assert [answer.result(30) for answer in answers] == [1, 2]


def test_who_tells_facts_waits_for_nothing_while_others_wait_for_him(databases: tuple[Database, Database]) -> None:
    """Facts are numbered under one lock for all: two writes that tell some and want the same row never cross."""
    databases[0].write(lambda it: keep_records(it, read_labels(1), via="api", now=NOW))
    begun: list[int] = []
    both = threading.Barrier(2)
    fact = Fact(kind=FactKind.BUILDER_JOINED, at=NOW)
    renew = update(gh_label).where(gh_label.c.id == label(1)["id"]).values(description="renewed")

    def tell_first(connection: Connection) -> None:
        begun.append(1)
        keep_facts(connection, [fact])
        both.wait(10)
        connection.execute(renew)

    def tell_last(connection: Connection) -> None:
        begun.append(2)
        connection.execute(renew)
        both.wait(10)
        keep_facts(connection, [fact])

    with ThreadPoolExecutor(2) as threads:
        for answer in [
            threads.submit(one.write, tell) for one, tell in zip(databases, (tell_first, tell_last), strict=True)
        ]:
            answer.result(30)
    assert sorted(begun) == [1, 2]
    with databases[0].reading() as connection:
        assert len(load_facts(connection, 0, 10)) == 2


def test_what_a_failed_write_told_is_not_told(databases: tuple[Database, Database]) -> None:
    """Facts of a group wait for its end, and those of a write that fails go with it, not with the next one."""
    told = Fact(kind=FactKind.BUILDER_JOINED, at=NOW)

    def fail(connection: Connection) -> None:
        keep_facts(connection, [told])
        raise ValueError("too bad")

    with pytest.raises(ValueError, match="too bad"):
        databases[0].write(fail)
    databases[0].write(lambda connection: keep_facts(connection, [told]))
    with databases[0].reading() as connection:
        assert len(load_facts(connection, 0, 10)) == 1


def test_two_hubs_load_the_same_pages_at_once(databases: tuple[Database, Database]) -> None:
    """Two loads of the same issues in other orders, while deliveries tell of them too: all end whole."""
    with open_yard(databases[0]) as yard:
        people = [issue(number)["user"] for number in range(1, 40)]
        items = [issue(number, user=people[-number % 39], assignees=people[:7]) for number in range(1, 701)]
        yard.github.list_at(ISSUES, items, by="number")
        other = Replica(databases[1], yard.client, "other", yard.clock, lambda _queue: None)
        loads = [yard.ask("issues"), yard.ask("issues", since="2020-01-01T00:00:00Z")]
        ending = threading.Event()

        def tell() -> None:
            while not ending.is_set():
                for at in range(0, 700, 50):
                    told = read_page("issue", reversed(items[at : at + 50]), parent={}, observed_at=NOW).records
                    databases[1].write(lambda it, told=told: keep_records(it, told, via="webhook", now=yard.clock()))

        with ThreadPoolExecutor(2) as threads:
            working = [threads.submit(drain_until, other, ending), threads.submit(tell)]
            try:
                ended = [finish(yard, number) for number in loads]
            finally:
                ending.set()
                for one in working:
                    one.result(30)
                other.close()

    assert ended == ["done", "done"]
    assert len(yard.alive()) == 700


def drain_until(replica: Replica, ending: threading.Event) -> None:
    while not ending.wait(0.01):
        replica.drain(LOADS)


def finish(yard: Yard, number: int) -> str:
    return yard.finish(number, 60).state
