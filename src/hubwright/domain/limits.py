"""How much of a machine a run may use: what a recipe asks for, and what a builder allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

N = TypeVar("N", int, float)

_NAMES = ("memory", "pids", "cpu", "disk")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

SIZE = r"[1-9][0-9]{0,15}(?:[KMGT](?:i?B)?|B)?"
"""A size as people write it: `2GiB`, `512M`, `1048576`; powers of 1024."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a run may use; None: not limited.

    Bytes of memory, number of processes and threads, processors (2.5 = two and a half), bytes of files.
    """

    memory: int | None = None
    pids: int | None = None
    cpu: float | None = None
    disk: int | None = None

    def within(self, ceiling: Limits) -> Limits:
        """The smaller of each: nobody gets more than `ceiling`, whoever asks for less gets less."""
        return Limits(
            memory=_smaller(self.memory, ceiling.memory),
            pids=_smaller(self.pids, ceiling.pids),
            cpu=_smaller(self.cpu, ceiling.cpu),
            disk=_smaller(self.disk, ceiling.disk),
        )

    def exceeded(self, ceiling: Limits) -> tuple[str, ...]:
        """The names of those that ask for more than `ceiling` has."""
        pairs = {name: (getattr(self, name), getattr(ceiling, name)) for name in _NAMES}
        return tuple(name for name, (own, top) in pairs.items() if own is not None and top is not None and own > top)

    def to_json(self) -> dict[str, float]:
        """What is limited, as the wire has it."""
        said: dict[str, float | None] = {name: getattr(self, name) for name in _NAMES}
        return {name: value for name, value in said.items() if value is not None}


UNLIMITED = Limits()
"""Nobody has said anything."""


def read_limits(said: dict[str, float]) -> Limits:
    """The limits of `to_json`; what is not known or not above nought is left out."""
    good = {name: value for name, value in said.items() if value > 0}
    memory, pids, disk = good.get("memory"), good.get("pids"), good.get("disk")
    return Limits(
        memory=None if memory is None else int(memory),
        pids=None if pids is None else max(1, int(pids)),
        cpu=good.get("cpu"),
        disk=None if disk is None else int(disk),
    )


def read_size(text: str) -> int:
    """The bytes of a size that matches `SIZE`."""
    digits = text.rstrip("KMGTiB")
    return int(digits) * _UNITS[text[len(digits) :].rstrip("iB")]


def _smaller(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
