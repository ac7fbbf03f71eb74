"""A hub has the logs that another one receives: over the real door between hubs, on one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from hubwright.domain.peer_words import Piece, Question
from hubwright.errors import OutletError, StorageError
from hubwright.hub import log_copies
from hubwright.hub.bell import Bell
from hubwright.hub.log_adoption import PAUSE, LogAdoption
from hubwright.hub.log_copies import LogCopies
from hubwright.hub.log_reading import AnyLogs
from hubwright.hub.log_seals import AGAIN, LogSeals, seal_keys
from hubwright.hub.logs import Logs
from hubwright.hub.sealing import Keys, make_key
from hubwright.outlets.peers import Peers
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.log_places import load_log_place, load_unsealed, take_logs
from hubwright.store.processes import Process, begin_process, end_process
from hubwright.store.schema import run
from hubwright.web.peers import make_peer_route
from hubwright.web.problems import PROBLEM_HANDLERS
from served import NOW, Rows, make_site, serve
from waiting import until

KEYS = Keys([make_key()])
RUN = 5


@dataclass
class World:
    """Hub a, which has its builders' logs and answers, and the folder of hub b."""

    database: Database
    rows: Rows
    a: Logs
    storage: str
    url: str
    folder: Path

    def end(self, number: int = RUN) -> None:
        """The run ends."""
        self.note(state="finished")
        self.a.finish(number)

    def note(self, **values: object) -> None:
        """Have that in the rows of all runs."""
        self.database.write(lambda connection: connection.execute(run.update().values(**values)))

    def there(self, place: str = "aa", address: str = "") -> None:
        """A hub is there: hub a, unless another is named."""
        told = {"owner": place, "kind": "hub", "address": address or self.url, "place": place}
        one = Process(**told, version="0", wire=2, started_at=NOW, seen_at=NOW)
        self.database.write(partial(begin_process, one=one))

    def seal(self, logs: Logs | None = None) -> None:
        """Hub a, unless the logs of another are named, seals what has ended."""
        logs = logs or self.a
        LogSeals(self.database, Storage(self.storage), logs, time.time, logs.make_copy).drain()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        bell = Bell()
        a = Logs(tmp_path / "a", bell, place="aa")
        stack.callback(a.close)
        site = stack.enter_context(make_site(tmp_path, logs=a, bell=bell, peer_keys=lambda: KEYS))
        url = stack.enter_context(serve(Starlette(routes=[make_peer_route(site)], exception_handlers=PROBLEM_HANDLERS)))
        rows = Rows(site.database)
        rows.keep_job()
        rows.keep_build(7)
        rows.keep_run(RUN, 7, state="running", log_at="aa")
        world = World(site.database, rows, a, f"file://{tmp_path}/sealed", url, tmp_path)
        world.there()
        yield world


class Reader:
    """Hub b, in an event loop. To a `slow` one no answer comes that has waited for more; `waits` tells of it."""

    def __init__(self, world: World, keys: Keys = KEYS, bound: int = 10**9, *, slow: bool = False) -> None:
        self.logs = Logs(world.folder / "b", Bell(), place="bb")
        self.peers = Peers(lambda: keys)
        self.waits = asyncio.Event()
        fetch = self._fetch_slowly if slow else self.peers.fetch
        self.copies = LogCopies(world.database, self.logs, Storage(world.storage), fetch, bound, lambda: NOW)

    async def _fetch_slowly(self, address: str, question: Question) -> Piece:
        if question.waits and question.start:
            self.waits.set()
            await asyncio.Event().wait()
        return await self.peers.fetch(address, question)

    async def __aenter__(self) -> Reader:
        self.copies.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.copies.stop()
        await self.peers.close()
        self.logs.close()

    async def sees(self, data: bytes, number: int = RUN) -> None:
        """Wait until that is the log, here."""
        await asyncio.to_thread(until, lambda: self.logs.read(number, 0, 10**7) == data, 10)


def played(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[World], None]:
    """Let pytest run an async test."""

    @wraps(test)
    def play(world: World) -> None:
        asyncio.run(test(world))

    return play


@played
async def test_a_copy_follows_the_log_to_its_end(world: World) -> None:
    """What was there is there at once, what comes comes too; in the end it is whole, with the times of its lines."""
    world.a.append(RUN, 0, b"one\n", now=NOW)
    async with Reader(world) as b:
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"one\n"
        world.a.append(RUN, 4, b"two\n", now=NOW + 60)
        await b.sees(b"one\ntwo\n")
        assert not b.logs.is_whole(RUN)
        world.end()
        await asyncio.to_thread(until, lambda: b.logs.is_whole(RUN), 10)
        assert b.logs.load_times(RUN, 0, 8) == world.a.load_times(RUN, 0, 8)


@played
async def test_a_secret_that_is_named_late_is_covered_in_copies_too(world: World) -> None:
    """Copied before it was known, and of a log longer than one answer."""
    filling = b"." * 1_100_000
    world.a.append(RUN, 0, b"key=s3cret\n" + filling)
    async with Reader(world) as b:
        assert await b.copies.bring(RUN)
        world.a.scrub(RUN, [(4, 6)])
        await b.sees(b"key=******\n" + filling)


@played
async def test_what_is_sealed_needs_no_hub(world: World) -> None:
    """The hub that had it is gone, and its disk; it notices nothing itself of the seal."""
    world.a.append(RUN, 0, b"all of it\n", now=NOW)
    world.end()
    await asyncio.to_thread(world.seal)
    assert world.a.is_copy(RUN)
    assert world.a.read(RUN, 0, 99) == b"all of it\n"
    assert sorted(path.name for path in (world.folder / "sealed").rglob("5.*")) == sorted(
        key.rpartition("/")[2] for key in seal_keys(RUN)
    )
    with world.database.reading() as connection:
        place = load_log_place(connection, RUN)
    assert place is not None
    assert place.at is None
    world.database.write(partial(end_process, owner="aa"))
    async with Reader(world) as b:
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"all of it\n"
        assert b.logs.load_times(RUN, 0, 10) == world.a.load_times(RUN, 0, 10)


@played
async def test_what_the_hub_before_sealed_in_the_same_folder_is_shown_once(world: World) -> None:
    """It lived on for a moment beside this one, which had cleared the folder of copies by then: R1, nothing doubled."""
    async with Reader(world) as b:
        before = Logs(b.logs.root, Bell(), place="bb")
        before.append(RUN, 0, b"all of it\n")
        world.note(state="finished", log_at="bb", log_size=10)
        await asyncio.to_thread(world.seal, before)
        before.close()
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"all of it\n"


@played
async def test_what_is_asked_for_at_the_end_is_whole(world: World) -> None:
    """A copy that is followed lags by the way between hubs; who knows of the end gets what is still on its way, too.

    Here that way takes for ever: the question that waits for more is not answered.
    """
    world.a.append(RUN, 0, b"key=s3cret\n", now=NOW)
    async with Reader(world, slow=True) as b:
        assert await b.copies.bring(RUN)
        await b.waits.wait()
        world.a.append(RUN, 11, b"the last line\n")
        world.a.scrub(RUN, [(4, 6)])
        assert await b.copies.bring(RUN, growing=True)
        assert b.logs.read(RUN, 0, 99) == b"key=s3cret\n"
        world.end()
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"key=******\nthe last line\n"
        assert b.logs.is_whole(RUN)


@played
async def test_a_log_is_not_empty_because_its_hub_is_away(world: World) -> None:
    """Stopped before it could seal: nobody has the log until it is back."""
    world.a.append(RUN, 0, b"all of it\n", now=NOW)
    world.end()
    world.database.write(partial(end_process, owner="aa"))
    async with Reader(world) as b:
        assert not await b.copies.bring(RUN)
        world.there()
        await b.sees(b"all of it\n")
        await asyncio.to_thread(until, lambda: b.logs.is_whole(RUN), 10)
        assert await b.copies.bring(RUN)


@played
async def test_a_part_that_was_left_at_a_hub_is_not_the_log(world: World) -> None:
    """Its builder went on to a third hub, and ended there; that one and the store are away now."""
    world.a.append(RUN, 0, b"the beginning\n", now=NOW)
    world.end()
    world.note(log_at=None, log_size=1000)
    async with Reader(world) as b:
        assert not await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b""


@played
async def test_who_missed_that_its_builder_left_shows_the_whole_log_nevertheless(world: World) -> None:
    """A cut that hides it: for this hub the builder is still there, and half of the log."""
    world.a.append(RUN, 0, b"one\ntwo\n", now=NOW)
    async with Reader(world) as b:
        b.logs.receive(RUN)
        b.logs.append(RUN, 0, b"one\n")
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"one\n"
        world.end()
        assert await b.copies.bring(RUN)
        assert b.logs.read(RUN, 0, 99) == b"one\ntwo\n"


@played
async def test_a_hub_that_was_away_for_a_moment_is_believed_again(world: World) -> None:
    """Lines that come without a pause are no reason to call the copy bad for ever."""
    world.a.append(RUN, 0, b"one\n", now=NOW)
    world.note(log_at="elsewhere")
    world.there(place="elsewhere", address="http://127.0.0.1:9")
    async with Reader(world, slow=True) as b:
        assert not await b.copies.bring(RUN)
        world.note(log_at="aa")
        await b.waits.wait()
        assert b.logs.read(RUN, 0, 99) == b"one\n"
        assert await b.copies.bring(RUN)


@played
async def test_a_log_whose_builder_comes_is_no_copy_any_more(world: World) -> None:
    """Before the database knows it: its own bytes are not overwritten by what the other hub still has."""
    world.a.append(RUN, 0, b"told to a, with ******\n")
    async with Reader(world) as b:
        assert await b.copies.bring(RUN)
        b.logs.clear(RUN)
        b.logs.receive(RUN)
        world.a.ring(RUN)  # whoever follows looks again, and the row still names the other hub
        await asyncio.to_thread(until, lambda: not b.copies._following, 10)
        b.logs.append(RUN, 0, b"told to b\n")
        await asyncio.to_thread(world.database.write, partial(take_logs, numbers=[RUN], place="bb"))
        assert await b.copies.bring(RUN)
        assert (b.logs.read(RUN, 0, 99), b.logs.is_copy(RUN)) == (b"told to b\n", False)


@played
async def test_only_who_has_the_key_is_told_and_believed(world: World) -> None:
    """A stranger is refused, and what a stranger would answer is no log."""
    world.a.append(RUN, 0, b"private\n")
    async with Reader(world, Keys([make_key()])) as b:
        with pytest.raises(OutletError):
            await b.peers.fetch(world.url, Question(RUN, 0))
        assert not await b.copies.bring(RUN, patience=1.0)
        assert b.logs.read(RUN, 0, 99) == b""
    for headers in ({}, {"Authorization": "Bearer admin-secret"}, {"Authorization": "Hub 0.0"}):
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(world.url + Question(RUN, 0).target, headers=headers)
        assert answer.status_code == 401
        assert b"private" not in answer.content


@played
async def test_a_question_is_good_for_its_bytes_only(world: World) -> None:
    """Who has seen one on its way can't ask for another run with its proof."""
    other = Question(RUN + 1, 0)
    proof = KEYS.prove(b"question\n" + Question(RUN, 0).target.encode())
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(world.url + other.target, headers={"Authorization": f"Hub {proof}"})
    assert answer.status_code == 401


def test_logs_of_a_time_with_one_hub_are_sealed_too(world: World) -> None:
    """They name no folder. What another hub has sealed already is not replaced by the part of it that lies here."""
    for number in (11, 12, 13):
        world.rows.keep_run(number, 7, platform=f"p{number}", state="finished")
    for number, text in ((RUN, b"goes on"), (11, b"of old times\n"), (12, b"a part")):
        world.a.append(number, 0, text)
        world.a.finish(number)
    storage = Storage(world.storage)
    asyncio.run(storage.put(seal_keys(12)[0], pieces(b"a part and the rest")))
    adoption = LogAdoption(world.database, storage, world.a, lambda: NOW)
    assert adoption.drain() == NOW + PAUSE
    assert adoption.drain() is None
    world.seal()
    assert [world.a.is_copy(number) for number in (RUN, 11, 12)] == [False, True, False]
    world.database.write(partial(end_process, owner="aa"))

    async def play() -> None:
        async with Reader(world) as b:
            for number, text in ((11, b"of old times\n"), (12, b"a part and the rest")):
                assert await b.copies.bring(number)
                assert b.logs.read(number, 0, 99) == text

    asyncio.run(play())


def test_what_the_store_took_before_it_went_away_is_sealed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs are sealed together; the rest is tried again later, and a run that said nothing waits for no store."""
    for number in (RUN, 11, 12):
        if number != RUN:
            world.rows.keep_run(number, 7, platform=f"p{number}", state="running", log_at="aa")
        if number != 11:
            world.a.append(number, 0, b"said\n")
        world.end(number)
    storage = Storage(world.storage)
    put = storage.put_whole

    async def put_few(key: str, content: bytes) -> None:
        if key == seal_keys(12)[0]:
            raise StorageError("The store went away.")
        await put(key, content)

    monkeypatch.setattr(storage, "put_whole", put_few)
    assert LogSeals(world.database, storage, world.a, lambda: NOW, world.a.make_copy).drain() == NOW + AGAIN
    assert [world.a.is_copy(number) for number in (RUN, 12)] == [True, False]
    with world.database.reading() as connection:
        assert load_unsealed(connection, "aa") == [12]
    world.seal()
    assert world.a.is_copy(12)


def test_threads_read_what_lies_elsewhere(world: World) -> None:
    """Such as the bot, that shows the lines that say most."""
    world.a.append(RUN, 0, b"one\ntwo\n")

    async def play() -> tuple[int, bytes]:
        async with Reader(world) as b:
            logs = AnyLogs(b.logs, b.copies.bring_now)
            return await asyncio.to_thread(logs.size, RUN), await asyncio.to_thread(logs.read, RUN, 4, 3)

    assert asyncio.run(play()) == (8, b"two")


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


def test_copies_stay_within_their_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that nobody has wanted for long go first; they come again when they are wanted."""
    monkeypatch.setattr(log_copies, "LINGERS", 0.0)
    numbers = (RUN, 11, 12)
    for number in numbers:
        if number != RUN:
            world.rows.keep_run(number, 7, platform=f"p{number}", state="running", log_at="aa")
        world.a.append(number, 0, b"x" * 1000)
    for number in numbers:
        world.end(number)
    world.seal()

    async def play() -> list[int]:
        async with Reader(world, bound=2500) as b:
            for number in numbers:
                assert await b.copies.bring(number)
            kept = [number for number in numbers if b.logs.is_copy(number)]
            assert await b.copies.bring(RUN)
            assert b.logs.size(RUN) == 1000
            return kept

    assert asyncio.run(play()) == [11, 12]
