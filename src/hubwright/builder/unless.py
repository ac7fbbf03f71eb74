"""Work that ends early when something else does: without a task of its own, for mostly there is nothing to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unless(ending: asyncio.Future[Any], work: Coroutine[Any, Any, T]) -> T:
    """The value of `work`, which is cancelled when `ending` is given its exception first; that is raised then.

    The task that calls this is cancelled and takes that back, as in `asyncio.timeout`.
    """
    if ending.done():
        work.close()
        raise ending.result()
    stop = _Stop(asyncio.current_task())
    ending.add_done_callback(stop)
    try:
        value = await work
    except BaseException:
        if stop.is_all():
            raise ending.result() from None
        raise
    if stop.is_all():  # the work has ended nonetheless
        raise ending.result()
    return value


class _Stop:
    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        if task is None:
            raise RuntimeError("only a task can be cancelled")
        self._task = task
        self._called = self._over = False

    def __call__(self, _: asyncio.Future[Any]) -> None:
        if not self._over:  # it may be on its way when the work is done
            self._called = True
            self._task.cancel()

    def is_all(self) -> bool:
        """The work is over: whether this alone has stopped it."""
        self._over = True
        return self._called and not self._task.uncancel()
