"""Strips of a test's runs as numbers; the templates draw them as SVG."""

from __future__ import annotations

from typing import NamedTuple

from hubwright.domain.wording import Look, look_of, word_count, word_duration
from hubwright.store.test_strips import Mark, Strip
from hubwright.web.pages.charts import MIDDLE

_TALLEST, _DEEPEST = 32, 18
_TESTS = {
    "passed": look_of("finished", "success"),
    "failed": look_of("finished", "failure"),
    "error": look_of("finished", "failure"),
    "skipped": look_of("finished", "skip"),
}
_GAP = Look("gap", "Not reported", "·")


class Tick(NamedTuple):
    """A run of a test in its strip, as a bar; sizes in pixels."""

    mark: Mark
    look: Look
    x: int
    y: float
    height: float
    title: str


class Ticks(NamedTuple):
    """A small strip that only shows: a path for each kind of bar, and the words for who can't see them."""

    width: int
    paths: dict[str, str]
    title: str


def draw_ticks(strip: Strip) -> Ticks:
    """A test's runs from left (oldest) to right: failures are tall, passes half as tall, skips and gaps a line."""
    paths: dict[str, str] = {}
    failed = 0
    for place, mark in enumerate(reversed(strip.marks)):
        look = look_of_test(mark.result)
        failed += look.kind == "failure"
        height = {"failure": 14, "success": 8}.get(look.kind, 2)
        paths[look.kind] = paths.get(look.kind, "") + f"M{place * 7} {14 - height}h5v{height}h-5z"
    where = " ".join((strip.platform, *(f"{name}={value}" for name, value in strip.matrix.items())))
    newest = look_of_test(strip.marks[0].result).word.lower() if strip.marks else ""
    title = f"{where}: {failed} of the last {word_count(len(strip.marks), 'run')} failed, the newest: {newest}"
    return Ticks(max(len(strip.marks) * 7, 1), paths, title)


def draw_runs(strip: Strip) -> list[Tick]:
    """The same large: heights grow with the test's time, what failed hangs below the line."""
    longest = max((mark.seconds or 0.0 for mark in strip.marks), default=0.0) or 1.0
    ticks = []
    for place, mark in enumerate(reversed(strip.marks)):
        look = look_of_test(mark.result)
        good = look.kind != "failure"
        tallest = _TALLEST if good else _DEEPEST
        share = ((mark.seconds or 0.0) / longest) ** 0.5
        height = 2.0 if look.kind in {"skip", "gap"} else max(5.0, tallest * share)
        took = "" if mark.seconds is None else f", {word_duration(mark.seconds)}"
        title = f"#{mark.number} {look.word}{took}{', flaky' if mark.flaky else ''}"
        y = MIDDLE - 1 - height if good else MIDDLE + 1
        ticks.append(Tick(mark, look, place * 11, round(y, 1), round(height, 1), title))
    return ticks


def look_of_test(result: str | None) -> Look:
    """The look of a test's result; None: a run that has not reported it."""
    return _TESTS.get(result or "", _GAP)
