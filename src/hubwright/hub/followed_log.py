"""A log of another hub that is being copied: how far the copy is, and the waiting for more of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from hubwright.domain.peer_words import Piece, Question
from hubwright.errors import NotFoundError


class Fetch(Protocol):
    """Asks the hub at an address; `outlets.peers.Peers.fetch`."""

    def __call__(self, address: str, question: Question) -> Awaitable[Piece]:
        """Raises NotFoundError, OutletError."""


@dataclass(slots=True, eq=False)
class FollowedLog:
    """The copy of one run's log. It belongs to the event loop.

    `reached` is set while all is here that was there when it was asked for last; `ended` once it was asked for after
    the run's end, so that nothing is left to come. `good` is whether that could be asked.
    """

    run: int
    mark: str = ""
    address: str = ""
    over: bool = False
    good: bool = True
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    _asking: asyncio.Timeout | None = None

    def end(self) -> None:
        """The run has ended: whoever waits for more looks now for the rest."""
        if not self.over:
            self.over = True
            if self._asking is not None:
                self._asking.reschedule(asyncio.get_running_loop().time())

    def reach(self) -> None:
        """All is here that was there."""
        self.good = True
        self.reached.set()

    def fail(self, *, finished: bool) -> None:
        """It could not be asked for; `finished` is whether the run had ended by then."""
        self.good = False
        self.reached.set()
        if finished:
            self.ended.set()

    def leave(self) -> None:
        """It is not copied any more."""
        self.reached.set()
        self.ended.set()

    async def settle(self, patience: float) -> bool:
        """Whether all is here that was there, at the end of a run that has ended; after `patience` seconds at most."""
        try:
            async with asyncio.timeout(patience):
                await (self.ended if self.over else self.reached).wait()
        except TimeoutError:
            return False
        return self.good

    async def ask(self, fetch: Fetch, question: Question, least: int) -> Piece | None:
        """The answer; None when the run's end has cut the waiting for it short.

        Raises OutletError; NotFoundError where there is no such log, or one of fewer bytes than `least`.
        """
        if not question.waits:
            piece = await fetch(self.address, question)
            if piece.size < least:
                raise NotFoundError(f"The hub at {self.address} has a part of the log of run {self.run}.")
            return piece
        try:
            async with asyncio.timeout(None) as self._asking:
                return await fetch(self.address, question)
        except TimeoutError:
            return None
        finally:
            self._asking = None
