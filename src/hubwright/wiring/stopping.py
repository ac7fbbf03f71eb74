"""Signals that end a program, heard in its event loop on every platform."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

STOPS = (signal.SIGTERM, signal.SIGINT)


def on_stop(loop: asyncio.AbstractEventLoop, react: Callable[[], object]) -> None:
    """Call `react` in the loop for SIGTERM and SIGINT. Windows' loops hear no signals, so there Python does."""
    for number in STOPS:
        try:
            loop.add_signal_handler(number, react)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(react))
