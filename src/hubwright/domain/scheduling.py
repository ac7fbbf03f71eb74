"""Who builds what: waiting runs and free builders, paired without input or output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

ANY_PLATFORM = "any"
"""The platform of a run that may be built anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeBuilder:
    """A connected builder and how many more runs it takes now."""

    name: str
    platform: str
    slots: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRun:
    """A queued run, by the platform's name or glob that it wants."""

    id: int
    platform: str


def fits(wanted: str, platform: str) -> bool:
    """Whether a builder of `platform` may take a run that wants `wanted`."""
    return wanted in (ANY_PLATFORM, platform) or fnmatchcase(platform, wanted)


def pair(waiting: Iterable[WaitingRun], free: Sequence[FreeBuilder]) -> list[tuple[int, str]]:
    """(run, builder) for as many runs as there are slots, in the order of `waiting`; the idlest builder goes first."""
    slots = {builder.name: builder.slots for builder in free}
    platforms = {builder.name: builder.platform for builder in free}
    pairs: list[tuple[int, str]] = []
    left = sum(slots.values())
    for run in waiting:
        if left <= 0:
            break
        able = [name for name, count in slots.items() if count > 0 and fits(run.platform, platforms[name])]
        if able:
            chosen = max(able, key=lambda name: slots[name])
            slots[chosen] -= 1
            left -= 1
            pairs.append((run.id, chosen))
    return pairs
