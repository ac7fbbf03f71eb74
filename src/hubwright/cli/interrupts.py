"""Ctrl-C that is never lost: Python drops a KeyboardInterrupt that meets a destructor or a callback."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType


class Interrupts:
    """While it is entered Ctrl-C raises KeyboardInterrupt as ever; one that was dropped is raised by the next pause."""

    def __init__(self) -> None:
        self._pressed = False

    def __enter__(self) -> Interrupts:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def pause(self, seconds: float) -> None:
        """Sleep. Raises KeyboardInterrupt when Ctrl-C was pressed meanwhile, or before and to no effect."""
        time.sleep(seconds)
        if self._pressed:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._pressed = True
        raise KeyboardInterrupt
