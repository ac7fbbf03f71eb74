"""Who builds what: waiting runs and free builders, paired without input or output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from typing import Protocol

ANY_PLATFORM = "any"
"""The platform of a run that may be built anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """What a run asks of a builder: a platform by name or glob, and all of these labels. Each want is a queue."""

    platform: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderKind:
    """What builders that may take the same runs have in common; labels sorted."""

    platform: str
    labels: tuple[str, ...] = ()


class Able(Protocol):
    """What is asked of a builder when a run is to be paired."""

    @property
    def platform(self) -> str:
        """Its platform's name."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What else it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FreeBuilder:
    """A connected builder and how many more runs it takes now."""

    name: str
    platform: str
    slots: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingRun:
    """A queued run and what it wants."""

    id: int
    want: Want


def join_labels(labels: Iterable[str]) -> str:
    """Labels as the database keeps them: sorted, each once, with commas between."""
    return ",".join(sorted(set(labels)))


def split_labels(text: str) -> tuple[str, ...]:
    """What `join_labels` has joined."""
    return tuple(text.split(",")) if text else ()


def fits(wanted: str, platform: str) -> bool:
    """Whether a builder of `platform` may take a run that wants the platform `wanted`."""
    return wanted in (ANY_PLATFORM, platform) or fnmatchcase(platform, wanted)


def suits(want: Want, builder: Able) -> bool:
    """Whether the builder may take a run that wants this: platform and every label."""
    return fits(want.platform, builder.platform) and set(want.labels) <= set(builder.labels)


def platforms_with(kinds: Iterable[BuilderKind], labels: Iterable[str]) -> list[str]:
    """The platforms, each once, on which there is a builder with all of these labels."""
    wanted = set(labels)
    return list(dict.fromkeys(kind.platform for kind in kinds if wanted <= set(kind.labels)))


class PlatformRoom:
    """How many more runs may start on platforms: limits and pauses of the whole hub, by name or glob of a platform.

    `running` counts the runs that go on by the platforms of their builders.
    """

    def __init__(self, limits: Mapping[str, int], running: Mapping[str, int], paused: Iterable[str] = ()) -> None:
        taken = {glob: sum(count for name, count in running.items() if fits(glob, name)) for glob in limits}
        self._left = {glob: limit - taken[glob] for glob, limit in limits.items()} | dict.fromkeys(paused, 0)

    def full(self, platform: str) -> str | None:
        """The name or glob whose limit is reached on this platform; None when one more run may start there."""
        return next((glob for glob, left in self._left.items() if left <= 0 and fits(glob, platform)), None)

    def left(self, platform: str) -> float:
        """How many more runs may start on this platform; infinity when nothing bounds them."""
        return max(0, min((left for glob, left in self._left.items() if fits(glob, platform)), default=inf))

    def take(self, platform: str) -> None:
        """One more run starts there."""
        for glob in self._left:
            if fits(glob, platform):
                self._left[glob] -= 1


def pair(
    waiting: Iterable[WaitingRun], free: Sequence[FreeBuilder], room: PlatformRoom | None = None
) -> list[tuple[int, str]]:
    """(run, builder) for as many runs as there are slots, in the order of `waiting`; the idlest builder goes first.

    With `room`, only on platforms that have some; it is used up.
    """
    platforms = {builder.name: builder.platform for builder in free}
    slots = {builder.name: builder.slots for builder in free}
    suited: dict[Want, list[str]] = {}
    pairs: list[tuple[int, str]] = []
    left = sum(slots.values())
    for run in waiting:
        if left <= 0:
            break
        if run.want not in suited:
            suited[run.want] = [builder.name for builder in free if suits(run.want, builder)]
        able = [name for name in suited[run.want] if slots[name] > 0]
        if room is not None:
            able = [name for name in able if room.full(platforms[name]) is None]
        if able:
            chosen = max(able, key=lambda name: slots[name])
            slots[chosen] -= 1
            left -= 1
            pairs.append((run.id, chosen))
            if room is not None:
                room.take(platforms[chosen])
    return pairs
