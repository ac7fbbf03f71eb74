"""Builds as traces: whose spans have which numbers, and how a stage's processes are told theirs.

The numbers are made from what is in the rows, so that whoever tells of a build, and however often, names the same
spans; a stage knows the number of its span before anybody has told of it. All of a build is one trace.

https://www.w3.org/TR/trace-context/
https://opentelemetry.io/docs/specs/otel/context/env-carriers/
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

TRACEPARENT = "TRACEPARENT"
"""The variable that a process finds its parent in."""

_VERSION, _SAMPLED = "00", "01"

Attributes = Mapping[str, str | int | float]
"""What is known of something, by the names of the semantic conventions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Something that took its time, from `start` to `end` (Unix seconds). `parent` is the number of the span around it.

    `served`: it was asked for from outside. `error` says in a sentence what went wrong.
    """

    trace: str
    id: str
    parent: str | None
    name: str
    start: float
    end: float
    attributes: Attributes = field(default_factory=dict)
    served: bool = False
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of a log: when it came (Unix seconds), the span that it belongs to, and what is known of it."""

    at: float
    text: str
    trace: str
    span: str
    attributes: Attributes = field(default_factory=dict)


class Timed(Protocol):
    """A run: when it came into the queue and when it ended, Unix seconds."""

    @property
    def queued_at(self) -> float:
        """When it came into the queue."""

    @property
    def finished_at(self) -> float | None:
        """When it ended; None while it goes on."""


Run = TypeVar("Run", bound=Timed)


def split_rounds(runs: Iterable[Run]) -> list[list[Run]]:
    """The runs of a build by the rounds that it went, oldest first.

    What came into the queue after all before it had ended was begun again by somebody. A run whose builder was lost is
    tried again in the moment in which it ends: that is the same round.
    """
    rounds: list[list[Run]] = []
    end = -math.inf
    for run in sorted(runs, key=lambda one: one.queued_at):
        if run.queued_at > end:
            rounds.append([])
        rounds[-1].append(run)
        end = max(end, math.inf if run.finished_at is None else run.finished_at)
    return rounds


@dataclass(frozen=True, slots=True)
class TraceIds:
    """The numbers, in hexadecimal digits. `hub` is the hub's public address: those of two hubs differ."""

    hub: str

    def of_build(self, build_id: int) -> str:
        """Of the trace of a build."""
        return self._make("trace", build_id, size=16)

    def of_round(self, build_id: int, first_run: int) -> str:
        """Of the span of a build; each time it is begun again is a round with another first run (0: it has no run)."""
        return self._make("build", build_id, first_run)

    def of_run(self, run_id: int) -> str:
        """Of the span of a run: one attempt on one platform."""
        return self._make("run", run_id)

    def of_stage(self, run_id: int, position: int) -> str:
        """Of the span of a stage of a run."""
        return self._make("stage", run_id, position)

    def write_traceparent(self, build_id: int, run_id: int, position: int) -> str:
        """What a stage's processes are given, so that their spans become children of the stage's."""
        return f"{_VERSION}-{self.of_build(build_id)}-{self.of_stage(run_id, position)}-{_SAMPLED}"

    def _make(self, *key: str | int, size: int = 8) -> str:
        text = "\n".join(map(str, (self.hub, *key)))
        return hashlib.sha256(text.encode()).digest()[:size].hex()
