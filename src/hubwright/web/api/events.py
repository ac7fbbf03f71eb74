"""`/api/v1/events`: facts as they are committed, as server-sent events; a page needs this one stream.

An event's kind is `fact`, its `id` the fact's (`Last-Event-ID` resumes there), its data the fact as the API shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

import orjson
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.documents import write_fact
from hubwright.store.views import MAX_PAGE
from hubwright.web.api.answers import MAX_NUMBER
from hubwright.web.askers import sees_fact
from hubwright.web.feed import Feed
from hubwright.web.following import PAUSE
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.streams import HEARTBEAT, PING, RETRY, STREAMED, EventStream, write_event
from hubwright.web.topics import MAX_TOPICS, Topic, read_topics


class Events:
    """The route that streams facts."""

    def __init__(self, feed: Feed, gate: Gate) -> None:
        self._feed = feed
        self._gate = gate

    def make_router(self) -> Routes:
        """The route, for the API."""
        router = Routes(tags=["hub"])
        router.add_api_route("/events", self.stream_facts, methods=["GET"], responses=STREAMED)
        return router

    async def stream_facts(
        self,
        request: Request,
        build: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Facts of this build only.")] = None,
        topic: Annotated[
            list[str],
            Query(
                max_length=MAX_TOPICS,
                description="`builds`, `build:ID`, `run:ID`, `jobs`, `job:PATH`, `builders`; else all.",
            ),
        ] = [],  # noqa: B006  FastAPI takes the default of a list so
        after: Annotated[
            int | None, Query(ge=0, le=MAX_NUMBER, description="The last fact known; now if left out.")
        ] = None,
    ) -> Response:
        """Facts as server-sent events, from now on or after the one given."""
        topics = read_topics([*topic, *([] if build is None else [f"build:{build}"])])
        await self._gate.check_topics(request, topics)
        resumed = request.headers.get("last-event-id", "")
        if resumed.isdecimal() and len(resumed) < 16:
            after = int(resumed)
        events = self._follow(request, after, topics)
        return EventStream(events, request, self._gate.check_reader, self._feed.bell)

    async def _follow(self, request: Request, after: int | None, topics: list[Topic]) -> AsyncGenerator[bytes]:
        sent = await self._feed.find_newest() if after is None else after
        yield RETRY + b"id: %d\n\n" % sent
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while True:
            mark = self._feed.mark()
            facts = await self._feed.load_after(sent, mark)
            if facts:
                sent = facts[-1].id
                shown = [fact for fact in facts if not topics or any(topic.has(fact) for topic in topics)]
                shown = [fact for fact in shown if sees_fact(request, fact.data)]
                if shown:
                    yield b"".join(write_event("fact", orjson.dumps(write_fact(fact)), fact.id) for fact in shown)
                    quiet_since = loop.time()
                await asyncio.sleep(0 if len(facts) >= MAX_PAGE else PAUSE)
            else:
                await self._feed.wait(mark)
            if loop.time() - quiet_since >= HEARTBEAT:
                yield PING
                quiet_since = loop.time()
