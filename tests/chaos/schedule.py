"""What goes wrong when: drawn from a seed, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LENGTHS = (0.5, 2.0, 5.0, 15.0)
"""Seconds that faults last, give or take a half: mostly short, sometimes longer than anybody waits."""


@dataclass(frozen=True)
class Planned:
    """A fault: what happens to which part, how long after the begin of its episode, and for how long (seconds)."""

    kind: str
    target: str
    after: float
    seconds: float

    @property
    def name(self) -> str:
        """As people read it while it happens."""
        return f"{self.kind} {self.target}"

    @property
    def group(self) -> str:
        """As the report has it: what happened to what sort of part."""
        return name_group(self.kind, self.target)


def name_group(kind: str, target: str) -> str:
    """`kill hub` is the same for all hubs."""
    return f"{kind} {target.rstrip('-0123456789')}"


@dataclass(frozen=True)
class Episode:
    """One to three faults of different parts, which may overlap; before it all is quiet for `pause` seconds."""

    pause: float
    faults: tuple[Planned, ...]

    @property
    def seconds(self) -> float:
        """Until the last fault has ended."""
        return max(fault.after + fault.seconds for fault in self.faults)


def draw_episodes(seed: int, possible: Sequence[tuple[str, str]]) -> Iterator[Episode]:
    """Episodes without end of `possible` kinds with their targets.

    Each kind hits each sort of part before any comes again.
    """
    chance = random.Random(seed)
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in possible:
        groups.setdefault(name_group(*one), []).append(one)
    left: list[tuple[str, str]] = []
    while True:
        count = chance.choice((1, 1, 1, 2, 3))
        chosen: list[tuple[str, str]] = []
        while len(chosen) < count:
            if not left:
                left = [chance.choice(group) for group in chance.sample(list(groups.values()), len(groups))]
            if left[-1][1] in {target for _, target in chosen}:
                break  # the part has a fault in this episode already
            chosen.append(left.pop())
        latest = 0.0 if count == 1 else 4.0
        faults = [Planned(*one, chance.uniform(0, latest), _draw_length(chance)) for one in chosen]
        yield Episode(chance.uniform(0.5, 4), tuple(faults))


def _draw_length(chance: random.Random) -> float:
    return chance.choice(LENGTHS) * chance.uniform(0.5, 1.5)
