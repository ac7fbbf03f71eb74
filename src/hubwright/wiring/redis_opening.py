"""Redis beside the hub, for those who set an address: its client is an extra, and loaded for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hubwright.config import Settings
from hubwright.hub.bell import Bell, LoudBell
from hubwright.hub.logs import Logs
from hubwright.wiring.extras import load_redis_parts
from hubwright.wiring.parts import Parts

REDIS = "redis"
"""The queue of the read model; no rows wait in it, its mark is in Redis."""


class RedisLife(Protocol):
    """The read model and the channels of one hub."""

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue."""

    def start(self) -> None:
        """Begin to publish."""

    def stop(self) -> None:
        """End."""


def open_redis(settings: Settings, parts: Parts, logs: Logs, bell: Bell) -> RedisLife | None:
    """The read model and the channels; None without an address. Raises SettingsError for one that is none."""
    if settings.redis_url is None or not isinstance(bell, LoudBell):
        return None
    made: RedisLife = load_redis_parts().make_redis_parts(settings, parts, logs, bell)
    return made
