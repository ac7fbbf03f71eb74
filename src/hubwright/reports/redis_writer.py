"""Writing into Redis: one process at a time, whole steps only, and a mark that tells how far the facts are told.

The mark lies in Redis itself, beside what it speaks of: whoever empties Redis, or puts an old copy of it back, takes
the mark along, and what is missing is told again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import WatchError

from hubwright.reports.redis_keys import Keys

LEASE = 30.0
"""Seconds after which another process takes over from one that was killed."""

FORM = 1
"""The form of what is kept; another one is built anew."""

Command = tuple[str | int | float | bytes, ...]


def read_text(value: bytes | str) -> str:
    """What Redis answers, as text."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


class LostLeaseError(Exception):
    """Another process writes; nothing of this step was written."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The last fact that was told, and when it became true: a number alone could be another database's."""

    fact: int
    at: float | None


class Writer:
    """The one who writes, as long as it has the lease. `owner` names this process. Raises RedisError."""

    def __init__(self, client: Redis, keys: Keys, owner: str) -> None:
        self._client = client
        self._keys = keys
        self._owner = owner

    def take(self) -> bool:
        """Have the lease; whether it was to be had."""
        if self._client.set(self._keys.lease, self._owner, nx=True, px=int(LEASE * 1000)):
            return True
        return self._client.get(self._keys.lease) == self._owner.encode()

    def give_back(self) -> None:
        """Let others write at once."""
        try:
            self.write([("DEL", self._keys.lease)])
        except LostLeaseError:
            return

    def load_mark(self) -> Mark | None:
        """How far the facts are told; None when nothing is told, or in another form."""
        text = self._client.get(self._keys.mark)
        try:
            read: dict[str, Any] = json.loads(text) if isinstance(text, bytes) else {}
            return Mark(int(read["fact"]), read["at"]) if read.get("form") == FORM else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, commands: Sequence[Command], mark: Mark | None = None) -> None:
        """All of these, or none: none when the lease is lost, which raises LostLeaseError."""
        lease = self._keys.lease
        pipe: Any
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(lease)
            if pipe.get(lease) != self._owner.encode():
                raise LostLeaseError
            pipe.multi()
            pipe.execute_command("PEXPIRE", lease, int(LEASE * 1000))
            for command in commands:
                pipe.execute_command(*command)
            if mark is not None:
                pipe.execute_command("SET", self._keys.mark, self._write_mark(mark))
            try:
                pipe.execute()
            except WatchError as error:
                raise LostLeaseError from error

    @staticmethod
    def _write_mark(mark: Mark) -> str:
        return json.dumps({"form": FORM, "fact": mark.fact, "at": mark.at})
