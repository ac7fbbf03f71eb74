"""One connected builder: its connection, the runs that it holds, and what is durable of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hubwright.errors import WireError
from hubwright.hub.flights import Flight
from hubwright.hub.pulse import SKEWED, Pulse
from hubwright.hub.secrets import Vault
from hubwright.wire import WIRE_VERSION, Hello, Message, Pong, Vitals, write_message

PENDING = 512
"""Messages of one builder that may wait for the database; then it is not read from until some are durable."""

_WORDS = {"name": 100, "platform": 100, "instance": 64, "version": 40, "executor": 20}
"""Characters of what a builder says of itself, at most."""

_LABELS, _SLOTS, _RUNS = 64, 1000, 10_000


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """What sessions are told once: `heartbeat` in seconds, where artifacts go, and what is sent but never stored.

    `steady` gives seconds that never jump: all silence is measured by it.
    """

    heartbeat: float = 10.0
    steady: Callable[[], float] = time.monotonic
    uploads: str = ""
    vault: Vault | None = None  # None: no run gets a secret
    token_of: Callable[[str], str | None] | None = None  # the token for an owner's repositories; may take its time
    on_facts: Callable[[], None] = lambda: None  # called when facts may have been kept
    on_search: Callable[[], None] = lambda: None  # called when a build has ended that searches for culprits look at
    on_room: Callable[[], None] = lambda: None  # called when a run within limits has ended


class Channel(Protocol):
    """A builder's connection, whatever carries it."""

    async def send(self, frame: str) -> None:
        """Send a text frame; raises ConnectionError when the connection has ended."""

    async def close(self, reason: str) -> None:
        """End the connection."""


@dataclass(slots=True)
class Holding:
    """A run that the builder holds: what is durable of its messages and log.

    `since` is when it was given to the builder (Unix seconds), `limit` the bytes of log that it may have, `items` how
    many test cases and problems came.
    """

    lease: int
    since: float = 0.0
    limit: int = 2**62
    items: int = 0
    seq: int = 0
    log: int = 0
    acked_log: int = 0
    dirty: bool = False
    flight: Flight = field(default_factory=Flight)


@dataclass(eq=False)
class Session:
    """A connected builder. `heard_at` is by the steady clock; `noted`: the database knows how it stands."""

    hello: Hello
    channel: Channel
    token_id: int | None
    heard_at: float
    wish: str | None = None
    holdings: dict[int, Holding] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    draining: bool = False
    on_demand: bool = False  # it leaves because nothing waits
    told_to_drain: bool = False
    noted: bool = False
    ack_due: bool = False
    steady: Callable[[], float] = time.monotonic
    pending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PENDING))
    failure: BaseException | None = None
    vitals: Vitals | None = None  # the newest sample
    slots: int = field(init=False)
    told_waiting: int | None = None  # what it last heard of the queue

    def __post_init__(self) -> None:
        self.slots = self.hello.slots

    def free(self) -> int:
        """How many more runs it takes."""
        return 0 if self.draining or self.wish is not None else max(self.slots - len(self.holdings), 0)

    def hear_slots(self, slots: int) -> None:
        """Another number of runs at a time, within the bounds of its hello."""
        self.slots = min(max(slots, 0), max(self.hello.most_slots, self.hello.slots))
        self.noted = False

    async def ping(self, wall: float) -> None:
        """Ask for a sign of life. Raises ConnectionError."""
        await self.send(self.pulse.ask(wall, self.steady()))

    def hear_pong(self, pong: Pong, wall: float) -> None:
        """The sign of life; with enough of them lag and skew are worth noting."""
        settled = self.pulse.settled
        self.pulse.hear(pong, wall, self.steady())
        if self.pulse.settled and not settled:
            self.noted = False

    def hear_vitals(self, vitals: Vitals) -> None:
        """A sample; only what it says of runs that the builder holds counts."""
        self.vitals = vitals
        for one in vitals.runs:
            if self.holds(one.run, one.lease):
                self.holdings[one.run].flight.add(vitals, one)

    @property
    def ahead(self) -> float:
        """Seconds that are taken off the builder's times: nought unless its clock is plainly wrong."""
        skew = self.pulse.skew if self.pulse.settled else None
        return skew if skew is not None and abs(skew) >= SKEWED else 0.0

    def holds(self, run: int, lease: int) -> bool:
        """Whether it holds the run under that lease."""
        holding = self.holdings.get(run)
        return holding is not None and holding.lease == lease

    async def send(self, message: Message) -> None:
        """Tell the builder, unless it is too old to know such a message. Raises ConnectionError."""
        if message.since > self.hello.wire:
            return
        await self.channel.send(write_message(message))


def check_hello(hello: Hello) -> None:
    """Refuse what no builder of ours would say of itself. Raises WireError."""
    if abs(hello.wire - WIRE_VERSION) > 1:
        raise WireError(f"this hub speaks version {WIRE_VERSION} of the wire, the builder {hello.wire}: update it")
    for key, most in _WORDS.items():
        if not (word := getattr(hello, key)).isprintable() or not 0 < len(word) <= most:
            raise WireError(f"the builder's {key} must be printable and have 1 to {most} characters")
    if len(hello.labels) > _LABELS or not all(label.isprintable() and len(label) <= 100 for label in hello.labels):
        raise WireError(f"a builder has at most {_LABELS} labels, printable, of at most 100 characters each")
    if len(hello.runs) > _RUNS:
        raise WireError(f"a builder holds at most {_RUNS} runs")
    if not (0 if hello.most_slots else 1) <= hello.slots <= _SLOTS or not 0 <= hello.most_slots <= _SLOTS:
        raise WireError(f"a builder has 1 to {_SLOTS} slots, or none while it may add some")
