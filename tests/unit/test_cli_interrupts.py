"""Ctrl-C always ends a command that waits, wherever it met the interpreter."""

from __future__ import annotations

import os
import signal

import pytest

from hubwright.cli.interrupts import Interrupts


def test_a_ctrl_c_that_was_dropped_is_raised_by_the_next_pause() -> None:
    """`hubwright watch` once went on for ever: the signal had met a destructor of the HTTP client."""
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.pause(0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        # The one above stands for what the interpreter drops with "Exception ignored in ...".
        with pytest.raises(KeyboardInterrupt):
            interrupts.pause(0)
    assert signal.getsignal(signal.SIGINT) is before
