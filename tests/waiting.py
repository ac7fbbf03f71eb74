"""Waiting for something to become true, with a deadline: no test sleeps and hopes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 30.0, what: str = "it") -> T:
    """Poll until `condition()` is true and give what it gave; fails with `what` after `seconds`."""
    began = time.monotonic()
    while not (answer := condition()):
        waited = time.monotonic() - began
        assert waited < seconds, f"{what} did not happen within {seconds} s"
        time.sleep(pause_after(waited))
    return answer


def pause_after(waited: float) -> float:
    """Seconds to the next question, a tenth of the wait: a hub asked a hundred times a second does little else."""
    return min(max(waited / 10, 0.01), 0.1)


def next_second() -> None:
    """GitHub's `Date` has whole seconds, and the fake's server renews it once a second: what it says next is newer."""
    begun = int(time.time())
    until(lambda: time.time() > begun + 2.2, 5, "the next second")
