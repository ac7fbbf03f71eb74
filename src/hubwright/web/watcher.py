"""One watcher of `/api/v1/live`: what it asked for, and what it is sent, when it can take it.

It costs no memory that grows: facts come from the shared feed or the database, logs from their files, and both wait
until the watcher has taken what it was sent before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import orjson
from sqlalchemy.exc import DBAPIError
from starlette.websockets import WebSocket, WebSocketDisconnect

from hubwright.errors import MalformedError, NotFoundError, RefusedError
from hubwright.store.documents import write_fact
from hubwright.store.views import load_run
from hubwright.store.views_records import FactView
from hubwright.web.askers import folders_of, sees_fact
from hubwright.web.broadcast import FRESH, Broadcast, write_message
from hubwright.web.following import PAUSE, Follower
from hubwright.web.gate import Gate
from hubwright.web.site import Site
from hubwright.web.topics import MAX_TOPICS, Topic, read_topics

HEARTBEAT = 15.0
"""Seconds between two heartbeats, whatever else is sent."""

TAKEN_WITHIN = 30.0
"""Seconds in which a watcher has to take a message once all buffers are full; then it is given up."""

MAX_LOGS = 20
"""Logs that one watcher follows at once."""

MAX_REQUEST = 64 * 1024
"""Characters of one message from a watcher."""

REFUSED, GOING_AWAY, TRY_AGAIN = 1008, 1001, 1013
"""WebSocket close codes, https://www.iana.org/assignments/websocket/websocket.xhtml."""


class Watcher:
    """Serves one socket. `check` raises RefusedError once the watcher may no longer read."""

    def __init__(
        self,
        site: Site,
        broadcast: Broadcast,
        socket: WebSocket,
        check: Callable[[WebSocket], Awaitable[None]],
        gate: Gate,
    ) -> None:
        self._site = site
        self._broadcast = broadcast
        self._socket = socket
        self._check = check
        self._gate = gate
        self._topics: dict[str, Topic] = {}
        self._streams: dict[Topic, asyncio.Task[None]] = {}  # logs and queues, which are more than facts
        self._told = 0  # the last fact that all topics have been told of
        self._telling = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._tasks: asyncio.TaskGroup

    async def serve(self) -> None:
        """Until the watcher leaves, takes nothing any more, or is refused."""
        self._told = await self._broadcast.feed.find_newest()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._tell_facts())
                self._tasks.create_task(self._beat())
                await self._hear()
        except* RefusedError as refused:
            await self._close(REFUSED, str(refused.exceptions[0]))
        except* DBAPIError:
            await self._close(TRY_AGAIN, "the hub can't reach its database; connect again later")
        except* (WebSocketDisconnect, ConnectionError):
            await self._close(GOING_AWAY, "nothing was taken any more")

    async def _hear(self) -> None:
        """Do what the watcher asks, until it leaves: then WebSocketDisconnect is raised."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            try:
                await self._obey(_read_wish(message.get("text") or message.get("bytes") or ""))
            except (MalformedError, NotFoundError) as error:
                await self._send(write_message("error", status=error.status, message=str(error)))

    async def _obey(self, wish: dict[str, Any]) -> None:
        """`subscribe`, with `after` and `from`; `unsubscribe`. Raises MalformedError."""
        gone, wanted = (read_topics(_read_list(wish, key)) for key in ("unsubscribe", "subscribe"))
        after, starts = _read_number(wish, "after"), _read_starts(wish)
        for topic in gone:
            self._drop(topic)
        new = [topic for topic in wanted if topic.text not in self._topics]
        if len(self._topics) + len(new) > MAX_TOPICS:
            raise MalformedError(f"At most {MAX_TOPICS} topics on one connection.")
        if sum(topic.kind == "run" for topic in [*self._streams, *new]) > MAX_LOGS:
            raise MalformedError(f"At most {MAX_LOGS} logs on one connection: unsubscribe from one.")
        await self._gate.check_topics(self._socket, new)
        async with self._telling:
            begin = self._told if after is None else min(after, self._told)
            topics = [*self._topics, *(topic.text for topic in new)]
            await self._send(write_message("subscribed", topics=topics, fact=begin))
            await self._catch_up(begin, new)
            self._topics.update((topic.text, topic) for topic in new)
        for topic in new:
            if topic.kind == "run":
                self._streams[topic] = self._tasks.create_task(self._follow(topic, starts.get(topic.text, 0)))
            elif topic.kind == "queue":
                self._streams[topic] = self._tasks.create_task(self._tell_queues())

    def _drop(self, topic: Topic) -> None:
        self._topics.pop(topic.text, None)
        if (stream := self._streams.pop(topic, None)) is not None:
            stream.cancel()

    async def _catch_up(self, begin: int, topics: Sequence[Topic]) -> None:
        """What the new topics missed between `begin` and what the others know."""
        while topics and begin < self._told:
            facts = await self._broadcast.feed.load_after(begin, self._broadcast.feed.mark())
            if not facts:
                return
            await self._send_facts([fact for fact in facts if fact.id <= self._told], topics)
            begin = facts[-1].id

    async def _tell_facts(self) -> None:
        feed = self._broadcast.feed
        while True:
            mark = feed.mark()
            async with self._telling:
                facts = await feed.load_after(self._told, mark)
                if facts:
                    await self._send_facts(facts, tuple(self._topics.values()))
                    self._told = facts[-1].id
            if facts:
                await asyncio.sleep(PAUSE)
            else:
                await feed.wait(mark)

    async def _send_facts(self, facts: Sequence[FactView], topics: Sequence[Topic]) -> None:
        for fact in facts:
            if any(topic.has(fact) for topic in topics) and sees_fact(self._socket, fact.data):
                await self._send(write_message("fact", **write_fact(fact)))

    async def _beat(self) -> None:
        """Show that the connection lives, also when nothing runs; and look whether the watcher still may read."""
        while True:
            pulse = await self._broadcast.pulse.get()
            if folders_of(self._socket) is not None:  # what the hub does elsewhere is not there for it
                pulse = {"at": pulse["at"]}
            await self._send(write_message("heartbeat", fact=self._told, **pulse))
            await asyncio.sleep(HEARTBEAT)
            await self._check(self._socket)

    async def _tell_queues(self) -> None:
        """The queues, now and whenever they are others than before."""
        feed, told = self._broadcast.feed, None
        while True:
            mark = feed.mark()
            if (queues := await self._broadcast.queues.get()) != told:
                told = queues
                await self._send(write_message("queue", **queues))
            await asyncio.sleep(FRESH)
            await feed.wait(mark)

    async def _follow(self, topic: Topic, start: int) -> None:
        """A run's log from byte `start` to its end, and how the run ended."""
        try:
            run = await self._site.database.read(lambda connection: load_run(connection, topic.number))
        except NotFoundError as error:
            await self._send(write_message("error", topic=topic.text, status=error.status, message=str(error)))
        else:
            await self._send_log(Follower(self._site, run, start))
        self._streams.pop(topic, None)

    async def _send_log(self, follower: Follower) -> None:
        while not follower.ended:
            follower.pause = self._broadcast.pause()
            async for chunk in follower.catch_up():
                await self._send(self._broadcast.write_log(follower.run.id, chunk))
            if not follower.ended:
                await follower.wait()
        run = follower.run
        await self._send(write_message("end", run=run.id, state=run.state, result=run.result, end=follower.sent))

    async def _send(self, frame: str) -> None:
        """Send, one message at a time. Raises ConnectionError, at the latest after `TAKEN_WITHIN` seconds."""
        try:
            async with self._sending, asyncio.timeout(TAKEN_WITHIN):
                await self._socket.send_text(frame)
        except TimeoutError as error:
            raise ConnectionError("the watcher takes nothing any more") from error
        except RuntimeError as error:  # Starlette's word for a socket that was closed
            raise ConnectionError("the watcher has gone") from error

    async def _close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it has gone, or takes not even this
            async with asyncio.timeout(1.0):
                await self._socket.close(code, reason[:120])


def _read_wish(text: str | bytes) -> dict[str, Any]:
    if len(text) > MAX_REQUEST:
        raise MalformedError(f"A message has at most {MAX_REQUEST} characters.")
    try:
        wish = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"The message is not JSON: {error}.") from None
    if not isinstance(wish, dict) or not ("subscribe" in wish or "unsubscribe" in wish):
        raise MalformedError('Say {"subscribe": [topic, …]} or {"unsubscribe": [topic, …]}.')
    return wish


def _read_list(wish: dict[str, Any], key: str) -> list[object]:
    topics = wish.get(key, [])
    if not isinstance(topics, list):
        raise MalformedError(f"`{key}` is a list of topics.")
    return topics


def _read_number(wish: dict[str, Any], key: str) -> int | None:
    number = wish.get(key)
    if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
        raise MalformedError(f"`{key}` is a number, not below nought.")
    return number


def _read_starts(wish: dict[str, Any]) -> dict[str, int]:
    """From which byte on each log is wanted: `"from": {"run:12": 4096}`."""
    starts = wish.get("from", {})
    if not isinstance(starts, dict):
        raise MalformedError('`from` says where logs begin: {"run:12": 4096}.')
    return {topic: _read_number(starts, topic) or 0 for topic in starts}
