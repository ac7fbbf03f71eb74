"""A stream of events ends in order when its hub stops, so that its reader goes on at another one at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import pytest
from starlette.requests import Request

from hubwright.hub.bell import STOPPING, Bell
from hubwright.web.streams import EventStream

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.3"}}


class Reader:
    """What a server does for a response; it leaves when it is told to."""

    def __init__(self) -> None:
        self.bodies: list[MutableMapping[str, Any]] = []
        self.began = asyncio.Event()
        self.leaves = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            self.bodies.append(message)
            self.began.set()


async def allow(_request: Request) -> None:
    """Everybody may read."""


async def follow(*, ends: bool) -> AsyncGenerator[bytes]:
    yield b"one"
    if not ends:
        await asyncio.Event().wait()


async def read(bell: Bell, reader: Reader, *, ends: bool) -> None:
    stream = EventStream(follow(ends=ends), Request(SCOPE), allow, bell)
    async with asyncio.timeout(30):
        await stream(SCOPE, reader.receive, reader.send)


def words(reader: Reader) -> list[tuple[bytes, bool]]:
    return [(message["body"], message["more_body"]) for message in reader.bodies]


WHOLE = [(b"one", True), (b"", False)]


@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_ends_as_a_whole_answer_when_its_events_end_or_the_hub_stops(ends: bool) -> None:
    """A cut answer would be an error to proxies, and the server would wait for it until its patience ends."""

    async def play() -> Reader:
        bell, reader = Bell(), Reader()
        reading = asyncio.create_task(read(bell, reader, ends=ends))
        await reader.began.wait()
        if not ends:
            bell.ring(STOPPING)
        await reading
        return reader

    assert words(asyncio.run(play())) == WHOLE


def test_who_comes_while_the_hub_stops_is_sent_on() -> None:
    """The bell has rung already: the stream does not hang until the server's patience ends."""

    async def play() -> Reader:
        bell, reader = Bell(), Reader()
        bell.ring(STOPPING)
        await read(bell, reader, ends=False)
        return reader

    assert words(asyncio.run(play()))[-1] == (b"", False)


def test_nothing_is_sent_to_who_has_left() -> None:
    """The last word is for those who listen."""

    async def play() -> Reader:
        bell, reader = Bell(), Reader()
        reading = asyncio.create_task(read(bell, reader, ends=False))
        await reader.began.wait()
        reader.leaves.set()
        await reading
        return reader

    assert words(asyncio.run(play())) == WHOLE[:1]
