"""Who tells the world what happened: the promises between `relay` and every reporter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from hubwright.domain.facts import Fact


@dataclass(frozen=True, slots=True)
class Report:
    """What a fact gives to tell at `target` (a commit, a channel, an index); `body` is JSON for `send`."""

    target: str
    body: dict[str, Any] = field(default_factory=dict)


class Reporter(Protocol):
    """Tells one outside system what happened.

    The relay promises: every fact after the reporter's cursor is read, in order; every report is sent at least once,
    to one target in order and never twice at the same time, to different targets in parallel. A reporter that is slow
    or down delays nobody but itself.

    The reporter promises: `read_reports` is pure and quick; `send` ends by itself within minutes, may be called from
    several threads, and does no harm when it is repeated.
    """

    @property
    def name(self) -> str:
        """Which reporter this is, for ever: its cursor and its reports are kept under this name (40 characters)."""

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """The reports that the fact makes, none when it does not matter here; the same fact always makes the same."""

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        """Tell `target` what waits for it: all bodies at once, oldest first, so that the last may stand for all.

        `said` is the reporter's memory of this target: JSON that it may change in place, kept after each call however
        the call ended, empty at first. Raises RateLimitedError to pause this reporter, NotYetError to be called again
        after some seconds with what has come meanwhile, GitHubRefusedError when asking again won't help; after every
        other error it is called again, later.
        """


@runtime_checkable
class Recalling(Reporter, Protocol):
    """A reporter that can ask what was told: what was told and not written down is not told again."""

    def recall(self, target: str, said: dict[str, Any]) -> None:
        """Put into `said` what `target` has by now; called before each attempt but the first. Raises as `send`."""


@runtime_checkable
class Asking(Reporter, Protocol):
    """A reporter that asks the database what facts mean to it; what it has found may serve for all of a batch."""

    def begin_batch(self) -> None:
        """More facts are read now: forget what was found for those before. Called by who calls `read_reports`."""


@runtime_checkable
class Gathering(Reporter, Protocol):
    """A reporter none of whose targets is slower than the others, and which remembers nothing of them.

    So many targets are told in one call by one thread, and it is written at once that they were.
    """

    @property
    def together(self) -> int:
        """How many, at most."""

    def send_together(self, told: Mapping[str, Sequence[dict[str, Any]]]) -> Mapping[str, Exception]:
        """As `send` to each of these targets, with their bodies; what it would have raised, by target."""
