"""What all watchers of `/api/v1/live` share, so that many cost little more than one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection

from hubwright.store.views_queue import count_runs, load_running
from hubwright.store.views_waiting import load_queues
from hubwright.web.api.answers import moment
from hubwright.web.api.documents import write_queue
from hubwright.web.feed import Feed
from hubwright.web.following import PAUSE, Chunk
from hubwright.web.site import Site
from hubwright.web.streams import write_content

LOG_MESSAGES = 2500
"""Log messages a second, at most, to all watchers of a hub: the more they are, the longer the pauses of each."""

KEPT = 64
"""Log messages kept ready: watchers at a log's end all get the same."""

FRESH = 2.0
"""Seconds for which an answer is good for all."""

Answer = dict[str, Any]


class Shared:
    """An answer of the database, asked for once by all who want it within `FRESH` seconds."""

    def __init__(self, site: Site, load: Callable[[Connection, float], Answer]) -> None:
        self._site = site
        self._load = load
        self._asking: asyncio.Task[Answer] | None = None
        self._asked = 0.0

    async def get(self) -> Answer:
        """The answer, which is everybody's: not to be changed."""
        loop = asyncio.get_running_loop()
        if self._asking is None or loop.time() - self._asked >= FRESH:
            self._asked = loop.time()
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Answer:
        now = self._site.clock()
        return await self._site.database.read(lambda connection: self._load(connection, now))


class Broadcast:
    """The feed of facts, the heartbeat's and the queue's answers, and log messages written once for all."""

    def __init__(self, site: Site, feed: Feed) -> None:
        self.feed = feed
        self.pulse = Shared(site, load_pulse)
        self.queues = Shared(site, load_queues_now)
        self.watchers = 0
        self._frames: OrderedDict[tuple[int, int, int], str] = OrderedDict()

    def pause(self) -> float:
        """Seconds between two messages of a log to one watcher, never below `PAUSE`."""
        return max(PAUSE, self.watchers / LOG_MESSAGES)

    def write_log(self, run: int, chunk: Chunk) -> str:
        """A part of a log as a message."""
        key = (run, chunk.end - len(chunk.data), chunk.end)
        frame = self._frames.get(key)
        if frame is None:
            fields = {"type": "log", "run": run, "start": key[1], "end": chunk.end}
            frame = self._frames[key] = write_content(chunk.data, fields).decode()
            if len(self._frames) > KEPT:
                self._frames.popitem(last=False)
        return frame


def load_pulse(connection: Connection, now: float) -> Answer:
    """What a heartbeat tells: `{"at", "state": "building"|"idle", "running": [build…], "remaining": runs}`."""
    running, remaining = load_running(connection), count_runs(connection, "queued")
    state = "building" if running or remaining else "idle"
    return {"at": moment(now), "state": state, "running": running, "remaining": remaining}


def load_queues_now(connection: Connection, now: float) -> Answer:
    """What waits: `{"queues": […]}`, one for each platform, as `/api/v1/queue` has them."""
    return {"queues": [write_queue(queue) for queue in load_queues(connection, now)]}


def write_message(kind: str, /, **fields: Any) -> str:
    """A message: a JSON object with its `type`."""
    return orjson.dumps({"type": kind, **fields}).decode()
