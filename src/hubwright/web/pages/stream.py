"""The one event stream of an open page: "facts" (look again) and "log" (so many lines by now), never data.

A reader who was cut off connects again and is told where things stand: nothing can be lost or come twice.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.views_history import load_newest_fact, load_newest_problem
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.log_lines import LogLines
from hubwright.web.site import FACTS
from hubwright.web.streams import EventStream

HEARTBEAT = 15.0
"""Seconds after which an idle stream says that it lives."""

OFTEN = 2.0
"""Seconds between two looks that a page may ask for, at least."""

CALM = 0.1
"""Seconds between two events, so that a build that puts out a million lines does not flood its readers."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the reader was told: the last fact and the last problem of its build, the bytes of its log."""

    news: tuple[int, int] = (0, 0)
    size: int = -1


class Stream:
    """`GET /fragments/stream[?build=ID][&run=ID][&every=SECONDS][&news=1]`.

    With `news` it also says "news" when something has happened elsewhere than in the build.
    """

    def __init__(self, frame: Frame, logs: LogLines) -> None:
        self._site = frame.site
        self._logs = logs
        self._check = frame.check_reader

    async def open(self, request: Request) -> Response:
        """The stream; it ends when the reader goes away, or may no longer read."""
        build, run, every = (read_number(request, name) for name in ("build", "run", "every"))
        events = self._events(build, run, every, news="news" in request.query_params)
        return EventStream(events, request, self._check, self._site.bell)

    async def _events(
        self, build: int | None, run: int | None, every: int | None, *, news: bool
    ) -> AsyncGenerator[bytes]:
        """With `every` the page is to look again after so many seconds too: it shows what no fact tells."""
        quiet = HEARTBEAT if every is None else min(max(every, OFTEN), HEARTBEAT)
        seen, last = _Seen(news=await self._newest(build)), await self._newest(None) if news else None
        yield b"retry: 1000\n\n"
        while True:
            facts, log = self._site.bell.count(FACTS), self._site.logs.count(run) if run else 0
            if run:
                await self._site.copies.bring(run, CALM, growing=True)
            newest = await self._newest(build)
            if newest != seen.news:
                yield b"event: facts\ndata:\n\n"
            elif news and last != (last := await self._newest(None)):
                yield b"event: news\ndata:\n\n"
            size = self._site.logs.size(run) if run else 0
            if run and size != seen.size:
                yield b"event: log\ndata: %d\n\n" % await asyncio.to_thread(self._logs.count, run)
            seen = _Seen(newest, size)
            await asyncio.sleep(CALM)
            if not await self._wait(facts, run, log, quiet):
                yield b": alive\n\n" if every is None else b"event: facts\ndata:\n\n"

    async def _newest(self, build: int | None) -> tuple[int, int]:
        def load(connection: Connection) -> tuple[int, int]:
            found = 0 if build is None else load_newest_problem(connection, build)
            return load_newest_fact(connection, build), found

        return await self._site.database.read(load)

    async def _wait(self, facts: int, run: int | None, log: int, quiet: float) -> bool:
        """Until a fact was kept or the log has grown; False after `quiet` seconds of silence."""
        waits = [asyncio.ensure_future(self._site.bell.wait(FACTS, facts, quiet))]
        if run:
            waits.append(asyncio.ensure_future(self._site.logs.wait(run, log, quiet)))
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return any(wait.result() for wait in done)
        finally:
            for wait in waits:
                wait.cancel()
                with suppress(asyncio.CancelledError):
                    await wait
