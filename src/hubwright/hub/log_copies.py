"""Logs that are not here: this hub copies them while they are wanted, so that its readers have the one path there is.

The log of a running run lies with the hub that its builder talks to, and is followed there to its end; that of an
ended one lies there until it is sealed in the object store. Copies are a cache: bounded, and gone with each start.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from sqlalchemy import Connection

from hubwright.domain.peer_words import PIECE, Question
from hubwright.errors import HubwrightError, NotFoundError, OutletError, StorageError
from hubwright.hub.followed_log import Fetch, FollowedLog
from hubwright.hub.log_seals import seal_keys
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.log_places import LogPlace, load_log_place
from hubwright.store.processes import load_addresses, load_other_addresses
from hubwright.store.writers import is_outage

PATIENCE = 5.0
"""Seconds that a reader waits for what is there already; what comes later he sees come."""

LONGEST_PAUSE = 5.0
"""Seconds between two tries to reach a hub, or the store, at most."""

TRIES = 60
"""Tries for a log that has ended, before it is left until somebody wants it again."""

LINGERS = 600.0
"""Seconds for which a copy stays that somebody has read."""

FOLLOWED = 1000  # at once, at most

log = structlog.get_logger(__name__)


class LogCopies:
    """Belongs to the event loop. `bound` are the bytes of whole copies that stay."""

    def __init__(
        self, database: Database, logs: Logs, storage: Storage, fetch: Fetch, bound: int, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._logs = logs
        self._storage = storage
        self._fetch = fetch
        self._bound = bound
        self._clock = clock
        self._following: dict[int, FollowedLog] = {}
        self._whole: OrderedDict[int, tuple[int, float]] = OrderedDict()  # run -> bytes, when it was wanted last
        self._held = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin, in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._logs.drop_copies()

    async def stop(self) -> None:
        """Copy no more."""
        self._loop = None
        tasks = [copy.task for copy in self._following.values() if copy.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def bring(self, run: int, patience: float = PATIENCE, *, growing: bool = False) -> bool:
        """Have here what there is of a run's log, all of it once the run has ended; whether that is so after `patience`
        seconds. What comes later comes too, and rings the log's bell.

        Who reads a `growing` log again and again takes what came last: the database is not asked each time.
        """
        if self._is_whole(run) or (growing and self._logs.is_open(run)):
            return True
        copy = self._following.get(run)
        if copy is None or not growing:
            if (place := await self._look(run)) is None:
                return True
            copy = self._begin(run)
            if place.finished:  # what came last may be on its way still
                copy.end()
        return await copy.settle(patience)

    def bring_now(self, run: int) -> bool:
        """As `bring`, for other threads: they wait."""
        if self._loop is None:
            return True
        return asyncio.run_coroutine_threadsafe(self.bring(run), self._loop).result()

    def keep(self, run: int) -> None:
        """This log of ours is sealed, and from now on a copy that may go; from any thread."""
        self._logs.make_copy(run)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._note_whole, run)

    def _begin(self, run: int) -> FollowedLog:
        if (copy := self._following.get(run)) is None:
            if len(self._following) >= FOLLOWED:
                raise StorageError("Too many logs of other hubs are read here at once: try again later.")
            copy = self._following[run] = FollowedLog(run)
            copy.task = asyncio.create_task(self._follow(copy))
        return copy

    async def _look(self, run: int) -> LogPlace | None:
        """Where the log is, None when it is here or nowhere."""
        place = await self._database.read(lambda connection: load_log_place(connection, run))
        if place is None or not place.begun or place.at == self._logs.place:
            return None
        if not place.finished and self._logs.is_open(run):
            return None  # when it has ended, its builder went elsewhere without our noticing
        if place.at is None and not self._logs.is_copy(run) and self._logs.size(run) >= max(place.size, 1):
            return None  # of a time when there was one hub
        return place

    async def _follow(self, copy: FollowedLog) -> None:
        failures = 0
        try:
            while failures < TRIES and (place := await self._find(copy.run)) is not None:
                copy.over = copy.over or place.finished
                try:
                    if await self._go_on(copy, place) and place.finished:
                        self._note_whole(copy.run)
                        return
                    failures = 0
                except (HubwrightError, OSError) as error:
                    if copy.good:
                        log.info("log_not_copied", run=copy.run, error=str(error))
                    failures = failures + 1 if place.finished else min(failures + 1, 4)
                    copy.fail(finished=place.finished)
                    await asyncio.sleep(min(0.1 * 2**failures, LONGEST_PAUSE))
        finally:
            del self._following[copy.run]
            copy.leave()
            if self._logs.is_copy(copy.run):
                self._logs.finish(copy.run)

    async def _find(self, run: int) -> LogPlace | None:
        """As `_look`; a database that is away is waited for."""
        while True:
            try:
                return await self._look(run)
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(LONGEST_PAUSE)

    async def _go_on(self, copy: FollowedLog, place: LogPlace) -> bool:
        """Copy what there is now; false when the builder came here meanwhile. Raises OutletError, StorageError."""
        if place.at is not None:
            return await self._ask_in_turn(copy, await self._load(load_addresses, place.at), place)
        if place.finished and copy.address and copy.mark:  # sealed while it was followed: the rest is still there
            try:
                return await self._copy_from(copy, copy.address, place)
            except (OutletError, NotFoundError):
                copy.address = ""
        if place.finished:
            with suppress(NotFoundError):
                return await self._copy_sealed(copy)
        others = await self._load(load_other_addresses, self._logs.place)
        return await self._ask_in_turn(copy, others, place)

    async def _load(self, load: Callable[[Connection, str], Sequence[str]], place: str) -> Sequence[str]:
        return await self._database.read(lambda connection: load(connection, place))

    async def _ask_in_turn(self, copy: FollowedLog, addresses: Sequence[str], place: LogPlace) -> bool:
        """Ask each hub; one that has nothing yet has as much as there is. Raises OutletError."""
        away: OutletError | None = None
        for address in addresses:
            try:
                return await self._copy_from(copy, address, place)
            except OutletError as error:
                away = error
            except NotFoundError:
                continue
        if away is not None:
            raise away
        if place.finished and (place.size or (place.at is not None and not addresses)):
            raise OutletError("No hub that is there has it, and it is not in the store.")
        if not self._begin_anew(copy, ""):
            return False
        copy.reach()
        if place.finished:
            self._logs.end_copy(copy.run, b"")
        else:
            await asyncio.sleep(1.0)
        return True

    async def _copy_from(self, copy: FollowedLog, address: str, place: LogPlace) -> bool:
        """Copy until the hub has no more for the moment. Raises OutletError; NotFoundError when it has a part only."""
        run, finished = copy.run, place.finished
        if (not self._logs.is_copy(run) or copy.address != address) and not self._begin_anew(copy, address):
            return False
        while True:
            start = self._logs.size(run)
            waits = not (finished or copy.over)
            piece = await copy.ask(self._fetch, Question(run, start, copy.mark, waits=waits), place.least)
            if not self._logs.is_copy(run):
                return False
            if piece is None:
                return True
            if piece.size < start:
                self._begin_anew(copy, address)
                continue
            if copy.mark not in {"", piece.mark}:
                await self._read_again(copy, start)
            copy.mark = piece.mark
            size = self._logs.append(run, start, piece.data, None if finished else self._clock())
            if size < piece.size:
                copy.reached.clear()
                continue
            if finished:
                self._logs.end_copy(run, await self._fetch_times(run, address))
            copy.reach()
            if finished or copy.over or not piece.data:
                return True

    def _begin_anew(self, copy: FollowedLog, address: str) -> bool:
        """False, and nothing done, when its builder is here: the database may not know so yet."""
        if self._logs.is_open(copy.run) and not copy.over:
            return False
        self._logs.begin_copy(copy.run)
        copy.mark, copy.address = "", address
        copy.reached.clear()
        return True

    async def _read_again(self, copy: FollowedLog, end: int) -> None:
        """Bytes of before have changed: a secret was covered."""
        for start in range(0, end, PIECE):
            piece = await self._fetch(copy.address, Question(copy.run, start))
            if self._logs.is_copy(copy.run):
                self._logs.overwrite(copy.run, start, piece.data[: end - start])

    async def _fetch_times(self, run: int, address: str) -> bytes:
        times = bytearray()
        while True:
            piece = await self._fetch(address, Question(run, len(times), kind="times"))
            times += piece.data
            if not piece.data or len(times) >= piece.size:
                return bytes(times)

    async def _copy_sealed(self, copy: FollowedLog) -> bool:
        """Raises NotFoundError when it is not sealed, StorageError."""
        log_key, times_key = seal_keys(copy.run)
        _, blocks = await self._storage.get(log_key)
        if not self._begin_anew(copy, ""):
            return False
        async for block in blocks:
            self._logs.append(copy.run, self._logs.size(copy.run), block)
        times = b""
        with suppress(NotFoundError):
            _, blocks = await self._storage.get(times_key)
            times = b"".join([block async for block in blocks])
        self._logs.end_copy(copy.run, times)
        copy.reach()
        return True

    def _is_whole(self, run: int) -> bool:
        if run not in self._whole or not self._logs.is_copy(run) or not self._logs.path(run).exists():
            return False
        size, _ = self._whole.pop(run)
        self._whole[run] = (size, asyncio.get_running_loop().time())
        return True

    def _note_whole(self, run: int) -> None:
        """A copy more; those that nobody has wanted for long make room."""
        now = asyncio.get_running_loop().time()
        self._held -= self._whole.pop(run, (0, 0.0))[0]
        size = self._logs.size(run)
        self._held += size
        self._whole[run] = (size, now)
        while self._held > self._bound:
            oldest, (size, wanted) = next(iter(self._whole.items()))
            if now - wanted < LINGERS:
                return
            del self._whole[oldest]
            self._held -= size
            if self._logs.is_copy(oldest):
                self._logs.remove(oldest)
