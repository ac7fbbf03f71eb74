"""What the runs of one test say together: how often it failed, on which commits it did both, where its failing began.

A test is flaky on a commit on which it failed and passed, whether a retry showed it or another run. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

_FAILED = frozenset({"failed", "error"})


class Try(Protocol):
    """A run of a test: `result` None when the run has not reported it. One that passed `flaky` failed before in it."""

    @property
    def sha(self) -> str:
        """The commit."""

    @property
    def result(self) -> str | None:
        """passed, failed, error or skipped."""

    @property
    def flaky(self) -> bool:
        """Of one that passed: it needed more than one attempt. Of one that failed: it is known to be flaky."""


@dataclass(frozen=True, slots=True)
class Flakiness:
    """Counts: `attempts` that decided, those of them that failed, commits tried, commits on which it did both."""

    attempts: int
    failures: int
    commits: int
    flaky: int

    @property
    def rate(self) -> float:
        """The share of commits on which it failed and passed; nought when none was tried."""
        return self.flaky / self.commits if self.commits else 0.0


class Start(NamedTuple):
    """Where failing began: its place among the tries, and whether a passed one before it proves it."""

    place: int
    proven: bool


def measure_flakiness(platforms: Iterable[Iterable[Try]]) -> Flakiness:
    """How a test fared: its tries on each platform, which are told apart, for one that fails only there is not flaky.

    What was skipped or not reported decides nothing; commits are counted on each platform.
    """
    attempts = failures = commits = flaky = 0
    for tries in platforms:
        seen: dict[str, set[bool]] = defaultdict(set)
        for one in tries:
            if one.result in _FAILED or one.result == "passed":
                failed = one.result in _FAILED
                attempts, failures = attempts + 1, failures + failed
                seen[one.sha] |= {failed, failed or one.flaky}
        commits, flaky = commits + len(seen), flaky + sum(len(both) > 1 for both in seen.values())
    return Flakiness(attempts, failures, commits, flaky)


def find_start(tries: Sequence[Try]) -> Start | None:
    """The first of the failed tries that reach to the newest one; None when the newest that decided passed.

    `tries`: newest first. Those that decided nothing are passed over.
    """
    place: int | None = None
    for at, one in enumerate(tries):
        if one.result in _FAILED:
            place = at
        elif one.result == "passed":
            return None if place is None else Start(place, proven=True)
    return None if place is None else Start(place, proven=False)
