"""How many runs a builder takes at a time: a number that grows with waiting work and shrinks when it is not needed.

Pure: what the machine says and the time come in as arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

MOST_SLOTS = 256
"""A builder has at most so many."""

GROW_PAUSE = 2.0
"""Seconds between two steps up: what the step before costs is to show in the load first."""

LITTLE_MEMORY = 0.1
"""Share of the memory that must be free for another slot."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `least` to `most` slots."""

    least: int
    most: int

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to decide."""
        return self.least == self.most


def read_bounds(text: str) -> Bounds:
    """`4`, or `0..8`. ValueError with a sentence for anything else."""
    found = re.fullmatch(r"(\d{1,4})(?:\.\.(\d{1,4}))?", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no number of slots: one like 4, or bounds like 0..8, are expected.")
    least = int(found[1])
    most = int(found[2] or least)
    if not least <= most or not 1 <= most <= MOST_SLOTS:
        raise ValueError(
            f"{text!r} is no number of slots: the bounds must rise, to 1 at least and {MOST_SLOTS} at most."
        )
    return Bounds(least, most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """A slot may be idle for `patience` seconds; none is added while more than `busy` of the processors are in use."""

    patience: float = 60.0
    busy: float = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What decides: runs on this builder, runs that wait for one like it, shares of processors used and memory free."""

    running: int
    waiting: int
    busy: float = 0.0
    memory: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """How many there are now, when one was added, and since when not all have been needed (None: they are)."""

    bounds: Bounds
    number: int
    grown_at: float = float("-inf")
    idle_since: float | None = None


def first_slots(bounds: Bounds, running: int = 0) -> Slots:
    """What a builder begins with that holds so many runs already."""
    return Slots(bounds=bounds, number=min(max(bounds.least, running), bounds.most))


def next_slots(slots: Slots, now: float, seen: Situation, rules: Rules) -> Slots:
    """The slots after a look at the situation; at most one more or one less.

    One more when all are taken, work waits, and the machine has room. One less when one has been idle for long
    and nothing waited. Never beyond the bounds, and never fewer than there are runs (up to the upper bound).
    """
    floor = min(max(slots.bounds.least, seen.running), slots.bounds.most)
    if slots.number < floor:
        return replace(slots, number=floor, grown_at=now, idle_since=None)
    if seen.running >= slots.number or seen.waiting:
        slots = replace(slots, idle_since=None)
        return replace(slots, number=slots.number + 1, grown_at=now) if _may_grow(slots, now, seen, rules) else slots
    if slots.idle_since is None:
        return replace(slots, idle_since=now)
    if now - slots.idle_since >= rules.patience and slots.number > floor:
        return replace(slots, number=slots.number - 1, idle_since=now)
    return slots


def _may_grow(slots: Slots, now: float, seen: Situation, rules: Rules) -> bool:
    """A first slot is always allowed: a machine that is busy with other things must not keep a build for ever."""
    roomy = seen.busy <= rules.busy and seen.memory >= LITTLE_MEMORY
    return (
        seen.waiting > 0
        and seen.running >= slots.number < slots.bounds.most
        and now - slots.grown_at >= GROW_PAUSE
        and (roomy or slots.number == 0)
    )
