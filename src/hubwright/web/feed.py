"""The newest facts, read once for all who follow them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from hubwright.store.views_lists import load_facts, load_last_fact
from hubwright.store.views_records import FactView
from hubwright.web.site import FACTS, Site

KEPT = 1000
"""Facts that are kept in memory, so that many readers cost one query."""

LOOK = 5.0
"""Seconds after which who waits looks by himself: another hub may have kept a fact."""


class Feed:
    """Facts behind any number, and a wait for more."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.bell = site.bell
        self._facts: deque[FactView] = deque(maxlen=KEPT)
        self._newest: int | None = None
        self._looked = -1.0
        self._seen = -1
        self._lock = asyncio.Lock()

    async def find_newest(self) -> int:
        """The number of the newest fact, nought when nothing has happened."""
        return await self._site.database.read(load_last_fact)

    def mark(self) -> int:
        """A mark to take before `load_after`, for `wait`."""
        return self._site.bell.count(FACTS)

    async def wait(self, mark: int) -> bool:
        """Until there may be more than at `mark`, at most `LOOK` seconds; whether the bell rang."""
        return await self._site.bell.wait(FACTS, mark, LOOK)

    async def load_after(self, sent: int, mark: int) -> Sequence[FactView]:
        """The facts behind `sent`, oldest first, a page of them; from memory where it reaches back that far."""
        async with self._lock:
            await self._refresh(mark)
        if self._newest is not None and sent >= self._newest:
            return ()
        if self._facts and self._facts[0].id <= sent + 1:
            return [fact for fact in self._facts if fact.id > sent]
        return await self._load(sent)

    async def _refresh(self, mark: int) -> None:
        """Read what is new since the bell rang last, and every `LOOK` seconds even if it did not."""
        now = asyncio.get_running_loop().time()
        if mark <= self._seen and now - self._looked < LOOK * 0.9:
            return
        self._seen, self._looked = mark, now
        if self._newest is None:
            self._newest = await self.find_newest()
        while fresh := await self._load(self._newest):
            self._facts.extend(fresh)
            self._newest = fresh[-1].id

    async def _load(self, after: int) -> tuple[FactView, ...]:
        return await self._site.database.read(lambda connection: load_facts(connection, after))
