"""Work that begins only after a while: most stages have ended before, and cost nothing but a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Later:
    """Begins `work` in a task of its own after so many seconds, unless it is stopped before."""

    def __init__(self, seconds: float, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """It begins no more; what has begun goes on to its end, and raises here what it raises."""
        self._timer.cancel()
        if self._task is not None:
            await self._task

    async def cancel(self) -> None:
        """It begins no more; what has begun is cancelled. Returns when it is over."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
