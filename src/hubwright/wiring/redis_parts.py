"""The read model in Redis and its channels, as living objects. Loaded only where an address is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from hubwright.config import Settings
from hubwright.errors import HubwrightError, SettingsError
from hubwright.hub.bell import LoudBell
from hubwright.hub.logs import Logs
from hubwright.reports.redis_builds import Terms
from hubwright.reports.redis_keys import Keys
from hubwright.reports.redis_output import LogFiles, RedisOutput
from hubwright.reports.redis_view import RedisView
from hubwright.store.database import Database
from hubwright.store.jobs import HUB
from hubwright.wiring.job_defaults import make_hub_layer
from hubwright.wiring.owners import make_owner
from hubwright.wiring.parts import Parts
from hubwright.wiring.redis_opening import REDIS

PATIENCE = 5.0
"""Seconds that Redis may take to answer."""

TAKE_OVER = 60.0
"""Seconds that a rebuild waits for those who write."""


@dataclass(frozen=True)
class RedisParts:
    """What one hub does with Redis."""

    client: Redis
    view: RedisView
    output: RedisOutput

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue."""
        return {REDIS: self.view.drain}

    def start(self) -> None:
        """Begin to publish."""
        self.output.start()

    def stop(self) -> None:
        """End, and close the connections."""
        self.output.stop()
        self.client.close()


def make_redis_parts(settings: Settings, parts: Parts, logs: Logs, bell: LoudBell) -> RedisParts:
    """The read model and the output of this hub's runs. Raises SettingsError."""
    client, terms = _open(settings), _make_terms(settings)
    output = RedisOutput(client, parts.database, terms.keys, LogFiles(logs.read, logs.size), time.time)
    bell.listener = lambda topic: None if _is_of_copy(logs, topic) else output.note(topic)
    return RedisParts(client, RedisView(client, parts.database, parts.owner, time.time, terms), output)


def _is_of_copy(logs: Logs, topic: str) -> bool:
    """Whether it rings for a log that another hub has, and publishes."""
    _, _, run = topic.partition(":")
    return run.isdigit() and logs.is_copy(int(run))


def rebuild_view(settings: Settings) -> int:
    """Build the read model anew, hubs may run meanwhile; how many stale keys went. Raises HubwrightError."""
    client = _open(settings)
    database = Database(settings.database_url, readers=1, given={HUB: make_hub_layer(settings)})
    view = RedisView(client, database, make_owner(), time.time, _make_terms(settings))
    deadline = time.monotonic() + TAKE_OVER
    try:
        while (stale := view.rebuild()) is None:
            if time.monotonic() > deadline:
                raise HubwrightError("Another process goes on writing into this Redis; try again later.")
            time.sleep(0.1)
    except RedisError as error:
        raise HubwrightError(f"Redis does not do as asked ({error}): look at REDIS_URL and at its server.") from error
    finally:
        database.close()
        client.close()
    return stale


def probe_redis(settings: Settings) -> str:
    """Ask Redis whether it is there and lets us in, in words. Raises HubwrightError."""
    try:
        with closing(_open(settings)) as client:
            client.ping()
    except RedisError as error:
        raise HubwrightError(f"Redis does not let us in: {error}") from error
    return "it answers and lets us in"


def _make_terms(settings: Settings) -> Terms:
    return Terms(
        public_url=settings.public_url,
        recent=settings.redis.recent,
        commits=settings.redis.commits,
        days=settings.retention.builds,
        keys=Keys(settings.redis.prefix or ""),
    )


def _open(settings: Settings) -> Redis:
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL is not set: give it an address like redis://HOST/0.")
    try:
        return Redis.from_url(
            settings.redis_url,
            protocol=2,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=30,
        )
    except ValueError as error:
        raise SettingsError(f"REDIS_URL is wrong: {error}.") from error
