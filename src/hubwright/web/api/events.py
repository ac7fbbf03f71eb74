"""`/api/v1/events`: facts as they are committed, as server-sent events; a page needs this one stream.

An event's kind is `fact`, its `id` the fact's (`Last-Event-ID` resumes there), its data the fact as the API shows it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.views import MAX_PAGE
from hubwright.store.views_lists import load_facts, load_last_fact
from hubwright.store.views_values import FactView
from hubwright.web.api.answers import MAX_NUMBER
from hubwright.web.api.documents import write_fact
from hubwright.web.site import FACTS, Site
from hubwright.web.streams import HEARTBEAT, LOOK, PAUSE, PING, RETRY, STREAMED, EventStream, write_event

KEPT = 1000
"""Facts that are kept in memory, so that many readers cost one query."""


class Events:
    """The newest facts, read once for all readers, and the route that streams them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._facts: deque[FactView] = deque(maxlen=KEPT)
        self._newest: int | None = None
        self._looked = -1.0
        self._seen = -1
        self._lock = asyncio.Lock()

    def make_router(self) -> APIRouter:
        """The route, for the API."""
        router = APIRouter(tags=["hub"])
        router.add_api_route("/events", self.stream_facts, methods=["GET"], responses=STREAMED)
        return router

    async def stream_facts(
        self,
        request: Request,
        build: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Facts of this build only.")] = None,
        after: Annotated[
            int | None, Query(ge=0, le=MAX_NUMBER, description="The last fact known; now if left out.")
        ] = None,
    ) -> Response:
        """Facts as server-sent events, from now on or after the one given."""
        resumed = request.headers.get("last-event-id", "")
        if resumed.isdecimal() and len(resumed) < 16:
            after = int(resumed)
        return EventStream(self._follow(after, build))

    async def _follow(self, after: int | None, build: int | None) -> AsyncIterator[bytes]:
        sent = await self._site.database.read(load_last_fact) if after is None else after
        yield RETRY + b"id: %d\n\n" % sent
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while True:
            mark = self._site.bell.count(FACTS)
            facts = await self._load_after(sent, mark)
            if facts:
                sent = facts[-1].id
                shown = [fact for fact in facts if build is None or fact.build_id == build]
                if shown:
                    yield b"".join(write_event("fact", orjson.dumps(write_fact(fact)), fact.id) for fact in shown)
                    quiet_since = loop.time()
                await asyncio.sleep(0 if len(facts) >= MAX_PAGE else PAUSE)
                continue
            if not await self._site.bell.wait(FACTS, mark, LOOK) and loop.time() - quiet_since >= HEARTBEAT:
                yield PING
                quiet_since = loop.time()

    async def _load_after(self, sent: int, mark: int) -> list[FactView]:
        """The facts behind `sent`, from memory where it reaches back that far."""
        async with self._lock:
            await self._refresh(mark)
        if self._newest is not None and sent >= self._newest:
            return []
        if self._facts and self._facts[0].id <= sent + 1:
            return [fact for fact in self._facts if fact.id > sent]
        return list(await self._load(sent))

    async def _refresh(self, mark: int) -> None:
        """Read what is new since the bell rang last, and every `LOOK` seconds even if it did not."""
        now = asyncio.get_running_loop().time()
        if mark <= self._seen and now - self._looked < LOOK * 0.9:
            return
        self._seen, self._looked = mark, now
        if self._newest is None:
            self._newest = await self._site.database.read(load_last_fact)
        while fresh := await self._load(self._newest):
            self._facts.extend(fresh)
            self._newest = fresh[-1].id

    async def _load(self, after: int) -> tuple[FactView, ...]:
        return await self._site.database.read(lambda connection: load_facts(connection, after))
