"""What happens to webhooks while the database is away: on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_parts import rows
from hubwright.hub.delivery_spool import PORTION, REFUSED, DeliverySpool, read_records
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming
from hubwright.store.writers import DatabaseBusyError

MB = 1024 * 1024


def item(number: int, *, body: bytes = b"{}") -> Incoming:
    return Incoming(f"guid-{number}", "push", "github", body, 1000.0 + number, {"x": "y"})


class World:
    """A spool, and its database, which can go away."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.database = Database(url)
        self.woken: list[int] = []
        self.spool = self._make()

    def open(self, bound: int = MB) -> DeliverySpool:
        """The spool as a new process finds it."""
        self.spool.close()
        self.spool = self._make(bound)
        return self.spool

    def _make(self, bound: int = MB) -> DeliverySpool:
        return DeliverySpool(self.folder, bound, self.database, lambda: 5.0, lambda: self.woken.append(1))

    def close(self) -> None:
        self.spool.close()
        self.database.close()

    def go_away(self) -> None:
        self.database.close()

    def come_back(self) -> None:
        self.database = self.spool._database = Database(self.url)

    def guids(self) -> list[str]:
        return [row.guid for row in rows(self.database, schema.delivery)]


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = World(tmp_path / "spool", database_url)
    yield made
    made.close()


def test_what_waits_is_handed_over_once_in_order_when_the_database_is_back(world: World) -> None:
    """R6: nobody has to ask GitHub for it again."""
    world.go_away()
    for number in range(3 * PORTION):
        world.spool.keep(item(number))
    assert world.spool.drain() == 6.0
    assert world.spool.holds

    world.come_back()
    assert world.spool.drain() is None

    assert world.guids() == [f"guid-{number}" for number in range(3 * PORTION)]
    (first, *_) = rows(world.database, schema.delivery)
    assert (first.event, first.source, first.received_at, first.headers, first.state) == (
        "push", "github", 1000.0, {"x": "y"}, "waiting",
    )  # fmt: skip
    assert world.woken
    assert not world.spool.holds
    assert not list(world.folder.glob("*.deliveries"))


def test_a_new_process_finds_what_the_killed_one_was_given(world: World) -> None:
    """R1, R6: and what it was just being given, it was not promised."""
    for number in range(5):
        world.spool.keep(item(number))
    with next(world.folder.glob("*.deliveries")).open("ab") as file:
        file.write(b"\x00\x00\x01\x00half of one")

    assert world.open().holds
    world.spool.keep(item(5))
    world.spool.drain()

    assert world.guids() == [f"guid-{number}" for number in range(6)]


def test_what_the_database_has_already_is_not_doubled(world: World) -> None:
    """R9: its answer was lost, or GitHub sent it again."""
    for number in (0, 1, 0):
        world.spool.keep(item(number))
    world.spool.drain()
    world.spool.keep(item(1))
    world.spool.drain()

    assert world.guids() == ["guid-0", "guid-1"]


def test_no_more_than_its_bound_is_taken_and_there_is_room_again_afterwards(world: World) -> None:
    world.open(bound=10_000)
    for number in range(9):
        world.spool.keep(item(number, body=b"x" * 1000))
    with pytest.raises(DatabaseBusyError, match="the spool has its 10000 bytes"):
        world.spool.keep(item(9, body=b"x" * 1000))
    world.spool.drain()
    world.spool.keep(item(10))
    world.spool.drain()

    assert len(world.guids()) == 10


def test_a_disk_that_can_not_be_written_is_said(world: World) -> None:
    world.folder.parent.joinpath("file").write_text("")
    world.spool._folder = world.folder.parent / "file" / "spool"

    with pytest.raises(DatabaseBusyError, match="the spool can't be written"):
        world.spool.keep(item(0))


def test_one_that_the_database_refuses_stops_none_behind_it(tmp_path: Path, postgres_url: str) -> None:
    """It is laid aside where people find it; SQLite takes texts of any length."""
    world = World(tmp_path / "spool", postgres_url)
    bad = Incoming("x" * 300, "push", "github", b"{}", 1.0)
    for one in (item(0), bad, item(1)):
        world.spool.keep(one)
    world.spool.drain()

    assert world.guids() == ["guid-0", "guid-1"]
    assert list(read_records(world.folder / REFUSED)) == [bad]
    world.close()


def test_many_threads_at_once_lose_nothing_while_it_is_handed_over(world: World) -> None:
    """R7: what comes while the database takes what waits is taken too, each once."""

    def send(first: int) -> None:
        for number in range(first, first + 100):
            world.spool.keep(item(number))

    threads = [threading.Thread(target=send, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        world.spool.drain()
    for thread in threads:
        thread.join()
    world.spool.drain()

    assert sorted(world.guids()) == sorted(f"guid-{number}" for number in range(400))
    assert not world.spool.holds
