"""Understanding lets a crowd at the doors pass, but not for ever."""

from __future__ import annotations

import threading
import time

import pytest

from hubwright.hub.pressure import BUSY, PATIENCE, SETTLED, Pressure


def _seconds_of(pressure: Pressure) -> float:
    begun = time.monotonic()
    pressure.yield_to_doors()
    return time.monotonic() - begun


def test_calm_doors_are_not_waited_for() -> None:
    pressure = Pressure()
    pressure.note(BUSY - 1)
    assert min(_seconds_of(pressure) for _ in range(20)) < PATIENCE / 2


def test_a_lasting_crowd_is_waited_for_only_so_long() -> None:
    pressure = Pressure()
    pressure.note(BUSY)
    assert _seconds_of(pressure) >= PATIENCE * 0.9


def test_who_waits_goes_on_when_the_doors_are_calm() -> None:
    pressure = Pressure()
    pressure.note(BUSY + 5)
    passed = threading.Event()

    def wait_twice() -> None:
        for _ in range(100):
            pressure.yield_to_doors()
        passed.set()

    waiting = threading.Thread(target=wait_twice)
    waiting.start()
    pressure.note(0)
    assert passed.wait(100 * PATIENCE / 4)
    waiting.join()


class _Crowd:
    """It comes back `times` while somebody waits for it to settle, and is answered at once; only then time passes."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.now = 100.0
        self.pressure = Pressure(lambda: self.now, self._pass)
        self._come()

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        if self.left:
            self.left -= 1
            self._come()

    def _come(self) -> None:
        self.pressure.note(BUSY)
        self.pressure.note(0)


@pytest.mark.parametrize(("times", "seconds"), [(0, SETTLED), (1, 2 * SETTLED), (3, 4 * SETTLED), (1000, PATIENCE)])
def test_doors_are_calm_when_the_crowd_does_not_come_back(times: int, seconds: float) -> None:
    """One commit answers a whole crowd, whose next requests are on their way: nobody being inside says nothing yet."""
    crowd = _Crowd(times)
    crowd.pressure.yield_to_doors()
    assert crowd.now == pytest.approx(100.0 + seconds)


def test_who_asks_long_after_the_crowd_waits_no_more() -> None:
    crowd = _Crowd(0)
    crowd.now += SETTLED
    crowd.pressure.yield_to_doors()
    assert crowd.now == 100.0 + SETTLED
