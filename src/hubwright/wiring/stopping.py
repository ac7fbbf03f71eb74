"""Signals that end a program, heard in its event loop on every platform."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

STOPS = (signal.SIGTERM, signal.SIGINT)


def on_stop(loop: asyncio.AbstractEventLoop, react: Callable[[], object]) -> None:
    """Call `react` in the loop for SIGTERM and SIGINT. Windows' loops hear no signals, so there Python does."""
    for number in STOPS:
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(react))
        else:
            loop.add_signal_handler(number, react)
