"""One connected builder: its connection, the runs that it holds, and what is durable of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hubwright.wire import Hello, Message, write_message

PENDING = 512
"""Messages of one builder that may wait for the database; then it is not read from until some are durable."""


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """What sessions are told once: `heartbeat` in seconds, where artifacts go, and what is sent but never stored."""

    heartbeat: float = 10.0
    uploads: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    token_of: Callable[[str], str | None] | None = None  # the token for an owner's repositories; may take its time


class Channel(Protocol):
    """A builder's connection, whatever carries it."""

    async def send(self, frame: str) -> None:
        """Send a text frame; raises ConnectionError when the connection has ended."""

    async def close(self, reason: str) -> None:
        """End the connection."""


@dataclass(slots=True)
class Holding:
    """A run that the builder holds: what is durable of its messages and log."""

    lease: int
    seq: int = 0
    log: int = 0
    acked_log: int = 0
    dirty: bool = False


@dataclass(eq=False)
class Session:
    """A connected builder."""

    hello: Hello
    channel: Channel
    token_id: int | None
    heard_at: float
    holdings: dict[int, Holding] = field(default_factory=dict)
    lag: float | None = None
    draining: bool = False
    ack_due: bool = False
    pending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PENDING))
    failure: BaseException | None = None

    def free(self) -> int:
        """How many more runs it takes."""
        return 0 if self.draining else max(self.hello.slots - len(self.holdings), 0)

    async def send(self, message: Message) -> None:
        """Tell the builder."""
        await self.channel.send(write_message(message))
