"""Lag and clock skew out of pings and pongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.hub.pulse import ENOUGH, KEPT, PATIENCE, Pulse
from hubwright.wire import Pong


def beat(pulse: Pulse, wall: float, lag: float, ahead: float) -> None:
    """One ping and its answer, by a builder whose clock is ahead."""
    ping = pulse.ask(wall, wall)
    pulse.hear(Pong(at=ping.at, clock=wall + lag / 2 + ahead), wall + lag, wall + lag)


@given(st.floats(0, 5), st.floats(-4000, 4000).filter(lambda ahead: abs(ahead) > 0.01))
def test_lag_and_skew_are_measured(lag: float, ahead: float) -> None:
    pulse = Pulse()
    assert (pulse.lag, pulse.skew, pulse.settled) == (None, None, False)
    for number in range(ENOUGH):
        beat(pulse, 1_000_000.0 + 10 * number, lag, ahead)
    assert pulse.settled
    assert pulse.lag == pytest.approx(lag, abs=1e-4)
    assert pulse.skew == pytest.approx(ahead, abs=1e-3)


def test_one_slow_answer_changes_nothing() -> None:
    pulse = Pulse()
    for number in range(KEPT):
        beat(pulse, 100.0 * number, 4.0 if number == 3 else 0.002, 7.0)
    assert pulse.lag == pytest.approx(0.002)
    assert pulse.skew == pytest.approx(7.0)


def test_a_jump_of_our_own_wall_clock_makes_no_lag() -> None:
    """R15."""
    pulse = Pulse()
    ping = pulse.ask(5000.0, 10.0)
    pulse.hear(Pong(at=ping.at, clock=5000.0), 5000.0 + 3600, 10.001)
    assert pulse.lag == pytest.approx(0.001)


def test_answers_to_nothing_are_not_believed() -> None:
    """S23: neither invented ones nor the same twice nor one that is too late."""
    pulse = Pulse()
    pulse.hear(Pong(at=1.0, clock=1.0), 1.0, 1.0)
    ping = pulse.ask(2.0, 2.0)
    pulse.hear(Pong(at=ping.at, clock=2.0), 2.0, 2.0)
    pulse.hear(Pong(at=ping.at, clock=9e9), 2.0, 2.0)
    assert (pulse.lag, pulse.skew) == (0.0, 0.0)
    old = pulse.ask(3.0, 3.0)
    pulse.ask(4.0 + PATIENCE, 4.0 + PATIENCE)
    pulse.hear(Pong(at=old.at, clock=3.0), 70.0, 70.0)
    assert pulse.lag == 0.0
