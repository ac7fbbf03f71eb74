"""What the end of a build means for its branch: broken, still failing, fixed; since which build, and for how long.

A streak is a row of ends of one job on one branch that all say the same of the code, good or bad. Each end carries its
streak on, so that whoever tells people needs to look at no other build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hubwright.domain.results import Result

TELLING = (Result.SUCCESS, Result.FAILURE, Result.ERROR, Result.TIMEOUT)
"""Results that say how a branch stands; a skip or a cancellation says nothing of the code."""


class Turn(StrEnum):
    """What an end changes. The values are those of `notify.events` and of outgoing messages."""

    BROKEN = "broken"
    STILL_FAILING = "still-failing"
    FIXED = "fixed"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class End:
    """A build that has ended, at Unix time `at`."""

    build: int
    result: Result
    at: float


def carry_on(end: End, before: Mapping[str, Any] | None) -> dict[str, object] | None:
    """The streak that `end` belongs to, as JSON; None when the end says nothing of the code.

    `before` is what the end before said, of the same branch or of the same build: its `result`, and its `streak` if it
    had one. `since` and `since_at` are the first build of the streak and when that ended, `builds` how many there are;
    `good` is the last good build before a bad streak; `was` is the bad streak that a fixed one has ended.
    """
    if end.result not in TELLING:
        return None
    good = end.result is Result.SUCCESS
    was: Mapping[str, Any] = (before or {}).get("streak") or {}
    known = before is not None and before.get("result") in TELLING
    same = known and (before["result"] == Result.SUCCESS) is good if before is not None else False
    fresh: dict[str, object] = {"since": end.build, "since_at": end.at, "builds": 1}
    if same:
        again = was.get("newest") == end.build
        count = int(was.get("builds", 1)) + (not again)
        turn = Turn.SUCCESS if good else Turn.STILL_FAILING
        kept = {name: was[name] for name in ("since", "since_at", "good") if name in was}
        return {"turn": turn.value, **fresh, **kept, "builds": count, "newest": end.build}
    if good:
        ended = {"was": {name: was[name] for name in ("since", "since_at", "builds", "good", "newest") if name in was}}
        turned = Turn.FIXED if known else Turn.SUCCESS
        return {"turn": turned.value, **fresh, "newest": end.build, **(ended if known else {})}
    last_good = {"good": was["newest"]} if known and "newest" in was else {}
    return {"turn": Turn.BROKEN.value, **fresh, "newest": end.build, **last_good}
