"""What builds write, and that builders live, on Redis channels while it happens.

A channel keeps nothing: a message tells which bytes of which log it has, and the log itself is there to be read. Logs
are read from their files again, so nothing is held in memory for a Redis that is away.
"""

from __future__ import annotations

import base64
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis import Redis
from redis.exceptions import RedisError

from hubwright.domain.backoff import backoff
from hubwright.reports.redis_keys import Keys
from hubwright.store import read_model
from hubwright.store.database import Database
from hubwright.store.documents import moment
from hubwright.store.views_queue import count_runs, load_builders, load_running
from hubwright.store.views_values import BuilderView
from hubwright.store.writers import is_outage

PAUSE = 0.1
"""Seconds between two messages of one log, at least."""

CHUNK = 64 * 1024
"""Log bytes of a message, at most."""

BEHIND = 1024 * 1024
"""Bytes that a log may be ahead of its channel, after an outage; what is older is only in the log."""

FOLLOWED = 1000
"""Logs whose place is remembered."""

HEARTBEAT = 15.0
"""Seconds between two signs of life."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LogFiles:
    """How logs are read: bytes of a run from an offset, at most so many; and the size."""

    read: Callable[[int, int, int], bytes]
    size: Callable[[int], int]


@dataclass(slots=True)
class _Followed:
    channels: tuple[str, ...]
    fields: dict[str, Any]
    sent: int


class RedisOutput:
    """A thread that publishes the output of the runs of this hub. `note` may be called from any thread."""

    def __init__(
        self, client: Redis, database: Database, keys: Keys, files: LogFiles, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._database = database
        self._keys = keys
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: set[int] = set()
        self._followed: OrderedDict[int, _Followed] = OrderedDict()
        self._beat_at = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis-output", daemon=True)

    def note(self, topic: str) -> None:
        """The bell has rung: for `log:RUN` there may be more to publish."""
        kind, _, run = topic.partition(":")
        if kind == "log" and run.isdigit():
            with self._lock:
                self._noted.add(int(run))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Publish what is noted, and end."""
        self._ending.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._ending.wait(PAUSE if failures == 0 else backoff(failures, 0.5, HEARTBEAT, random.random())):  # noqa: S311  no secret
            try:
                self.publish()
                failures = 0
            except RedisError:  # the view tells that it is away
                failures += 1
            except Exception as error:  # the thread must outlive every failure
                failures += 1
                log.warning("output_not_published", error=str(error), exc_info=not is_outage(error))

    def publish(self) -> None:
        """One round: every log that has grown, a sign of life when it is time. Raises RedisError."""
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + HEARTBEAT
            self._beat()
        with self._lock:
            noted, self._noted = self._noted, set()
        while noted:
            run = noted.pop()
            try:
                self._publish_log(run)
            except BaseException:
                with self._lock:
                    self._noted |= {run, *noted}
                raise

    def _publish_log(self, run: int) -> None:
        size, followed = self._files.size(run), self._followed.get(run)
        if followed is None or followed.sent > size:  # a new one, or it began anew
            followed = self._follow(run, max(0, size - CHUNK) if followed is None else 0)
        if followed is None or size == followed.sent:
            return
        if size - followed.sent > BEHIND:
            followed.sent = size - CHUNK
        block = self._files.read(run, followed.sent, CHUNK)
        message = _write_content(block, {**followed.fields, "start": followed.sent, "end": followed.sent + len(block)})
        for channel in followed.channels:
            self._client.publish(channel, message)
        followed.sent += len(block)
        if followed.sent < size:
            with self._lock:
                self._noted.add(run)

    def _follow(self, run: int, start: int) -> _Followed | None:
        with self._database.reading() as connection:
            place = read_model.load_place(connection, run)
        if place is None:
            return None
        fields = {"type": "log", "run": run}
        fields |= {"build": place.build, "platform": place.platform, "builder": place.builder}
        channels = [self._keys.build(place.job, place.number)]
        if place.builder is not None:
            channels.append(self._keys.node(place.builder))
        followed = self._followed[run] = _Followed(tuple(channels), fields, start)
        if len(self._followed) > FOLLOWED:
            self._followed.popitem(last=False)
        return followed

    def _beat(self) -> None:
        """One hub tells that builders live; those that are away say nothing."""
        if not self._client.set(self._keys.pulse, "1", nx=True, px=int((HEARTBEAT - 1) * 1000)):
            return
        at = moment(self._clock())
        with self._database.reading() as connection:
            running, remaining = load_running(connection), count_runs(connection, "queued")
            for builder in _walk(connection):
                state = "busy" if builder.running else "idle"
                told = {"builder": builder.name, "state": state, "status": builder.shown, "running": builder.running}
                self._client.publish(self._keys.node(builder.name), _write({"type": "heartbeat", "at": at, **told}))
        state = "building" if running or remaining else "idle"
        whole = {"type": "heartbeat", "at": at, "state": state, "running": running, "remaining": remaining}
        self._client.publish(self._keys.facts, _write(whole))


def _walk(connection: Any) -> Iterator[BuilderView]:
    cursor: Any = None
    while True:
        page = load_builders(connection, cursor=cursor)
        yield from (builder for builder in page.items if builder.state != "away")
        if (cursor := page.next) is None:
            return


def _write_content(block: bytes, fields: dict[str, Any]) -> bytes:
    """Log bytes as `text`, or `base64` where they are no UTF-8."""
    try:
        return _write({**fields, "text": block.decode("utf-8")})
    except UnicodeDecodeError:
        return _write({**fields, "base64": base64.b64encode(block).decode()})


def _write(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message)
