"""Small charts as numbers; the templates draw them as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import NamedTuple

from hubwright.domain.wording import Look, look_of, word_duration
from hubwright.store.views_values import BuildView

MIDDLE = 36
"""Where the strip's base line lies: good builds rise above it, others hang below, so that colour is not needed."""

_TALLEST = 32
_DEEPEST = 18


class Bar(NamedTuple):
    """A build in the strip; sizes in pixels."""

    build: int
    look: Look
    x: int
    y: float
    height: float
    title: str


def draw_strip(builds: Sequence[BuildView]) -> list[Bar]:
    """The builds, newest first, as bars from left (oldest) to right; heights grow with the logarithm of the time."""
    longest = max((log2(2 + _seconds(build)) for build in builds), default=1.0)
    bars = []
    for place, build in enumerate(reversed(builds)):
        look = look_of(build.state, build.result)
        good = look.kind in {"success", "running", "queued", "held"}
        height = max(4.0, (_TALLEST if good else _DEEPEST) * log2(2 + _seconds(build)) / longest)
        title = f"#{build.number} {look.word}, {word_duration(_seconds(build))}"
        y = MIDDLE - 1 - height if good else MIDDLE + 1
        bars.append(Bar(build.id, look, place * 11, round(y, 1), round(height, 1), title))
    return bars


def _seconds(build: BuildView) -> float:
    if build.started_at is None or build.finished_at is None:
        return 0.0
    return max(build.finished_at - build.started_at, 0.0)
