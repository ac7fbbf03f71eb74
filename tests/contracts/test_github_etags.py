"""What GitHub answered before: kept by token, media type and address, within a bound; in memory and in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest
from sqlalchemy import func, select, update

from hubwright.github.etags import EtagCache, Kept, Key, MemoryEtags
from hubwright.hub.github_sharing import DatabaseEtags
from hubwright.store.database import Database
from hubwright.store.schema import github_answer

START = 1_800_000_000.0
KEY = Key("token", "application/json", "https://api.github.com/repos/o/r/issues?page=2")


class Clock:
    """Unix time that moves a little each time it is looked at."""

    now = START

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[[int], EtagCache]]:
    """Makes a cache of at most so many bytes."""
    if request.param == "memory":
        yield MemoryEtags
        return
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    database = Database(url)
    yield lambda most: DatabaseEtags(database, most, clock)
    database.close()


def body(size: int, seed: int = 0) -> bytes:
    """Bytes that can't be packed."""
    return Random(seed).randbytes(size)


def place(number: int) -> Key:
    return Key("token", "application/json", f"https://api.github.com/{number}")


def test_the_newest_answer_comes_back_as_it_was(make: Callable[[int], EtagCache]) -> None:
    cache = make(10_000_000)
    assert cache.find(KEY) is None
    cache.keep(KEY, Kept('W/"1"', "", b"[]"))
    cache.keep(KEY, Kept('W/"2"', '<https://api.github.com/x?page=3>; rel="next"', b'[{"title": "\xc3\xbc"}]' * 9999))
    assert cache.find(KEY) == Kept(
        'W/"2"', '<https://api.github.com/x?page=3>; rel="next"', b'[{"title": "\xc3\xbc"}]' * 9999
    )


@pytest.mark.parametrize(
    "other",
    [Key("another", KEY.accept, KEY.url), Key(KEY.tags, "text", KEY.url), Key(KEY.tags, KEY.accept, "http://x")],
)
def test_answers_to_others_are_not_found(make: Callable[[int], EtagCache], other: Key) -> None:
    """GitHub's ETags hold for one token only, and another one may not see the same."""
    cache = make(10_000_000)
    cache.keep(KEY, Kept('"1"', "", b"[]"))
    assert cache.find(other) is None


def test_the_longest_unused_go_first(make: Callable[[int], EtagCache], clock: Clock) -> None:
    """Whatever is asked, no more is kept than the bound and what is looked for between two looks at it."""
    cache = make(100_000)
    for number in range(60):
        cache.keep(place(number), Kept(f'"{number}"', "", body(5000, number)))
        clock.now += 7 * 3600
        assert cache.find(place(0)) is not None
    kept = [number for number in range(60) if cache.find(place(number)) is not None]
    assert kept[0] == 0
    assert kept[1:] == list(range(60 - len(kept) + 1, 60))
    assert 15 <= len(kept) <= 22


def test_answers_outlive_a_restart_and_serve_every_process(database: Database) -> None:
    """A second load after a restart costs nothing of the hour's limit."""
    DatabaseEtags(database, 10_000_000).keep(KEY, Kept('"1"', "", b"[1]"))
    assert DatabaseEtags(database, 10_000_000).find(KEY) == Kept('"1"', "", b"[1]")


def test_a_damaged_answer_is_none(database: Database) -> None:
    """R12: what a disk has bitten harms only itself; it is asked for anew."""
    cache = DatabaseEtags(database, 10_000_000)
    cache.keep(KEY, Kept('"1"', "", b"[1]"))
    database.write(lambda connection: connection.execute(update(github_answer).values(body=b"not zstd")))
    assert cache.find(KEY) is None
    cache.keep(KEY, Kept('"2"', "", b"[2]"))
    assert cache.find(KEY) == Kept('"2"', "", b"[2]")


def test_reading_writes_nothing(database: Database, clock: Clock) -> None:
    """A look at an answer is one read; that it was used is written down a few times a day."""
    cache = DatabaseEtags(database, 10_000_000, clock)
    cache.keep(KEY, Kept('"1"', "", b"[1]"))

    def used() -> float:
        with database.reading() as connection:
            return float(connection.execute(select(func.max(github_answer.c.used_at))).scalar_one())

    before = used()
    for _ in range(5):
        cache.find(KEY)
    assert used() == before
    clock.now += 7 * 3600
    cache.find(KEY)
    assert used() > before
