"""Understanding lets a crowd at the doors pass, but not for ever."""

from __future__ import annotations

import threading
import time

from hubwright.hub.pressure import BUSY, PATIENCE, Pressure


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
