"""How long builders have been silent, by this hub's steady clock alone: a wall clock that jumps loses nobody (R15)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

GONE = frozenset({"away", "on_demand"})


class Noted(NamedTuple):
    """What the database says of a builder: `state`, and when some hub last noted it (only compared, never counted)."""

    state: str
    seen_at: float | None


class Silence:
    """Watches the builders that hold runs and are not connected to this hub. All times in steady seconds.

    A builder that another hub holds is noted there every `seen_every`; each new note is a sign of life. One that has
    left is silent since it was last heard, if that was here, else since this hub first found it away.
    """

    def __init__(self, lost_after: float, seen_every: float) -> None:
        self._lost_after = lost_after
        self._seen_every = seen_every
        self._since: dict[str, tuple[Noted | None, float]] = {}

    def find_lost(self, noted: Mapping[str, Noted | None], heard: dict[str, float], now: float) -> list[str]:
        """Who of these has been silent for too long. `heard`: when this hub last heard those that left it.

        None: the builder is noted nowhere. Who is not among `noted` is forgotten.
        """
        self._since = {name: self._follow(name, mark, heard, now) for name, mark in noted.items()}
        return [name for name, (mark, since) in self._since.items() if now - since >= self._patience(mark)]

    def _follow(self, name: str, mark: Noted | None, heard: dict[str, float], now: float) -> tuple[Noted | None, float]:
        if mark is not None and mark.state not in GONE:
            heard.pop(name, None)  # another hub hears it now
        before = self._since.get(name)
        if before is not None and before[0] == mark:
            return before
        return mark, min(heard.get(name, now), now)

    def _patience(self, mark: Noted | None) -> float:
        away = mark is None or mark.state in GONE
        return self._lost_after if away else self._lost_after + self._seen_every
