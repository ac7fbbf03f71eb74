"""An event loop whose time jumps, and processes in it that can be killed, frozen and thawed.

Nothing waits: when no callback is ready the clock jumps to the next timer. There are no threads and no files to wait
for, so the same seed gives the same order of everything.
"""

from __future__ import annotations

import asyncio
import heapq
import traceback
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
"""Which simulated process the code that runs belongs to; tasks and timers inherit it."""


class Process:
    """A simulated process: killed, none of its code ever runs again, not even a `finally`; frozen, it runs later."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self._loop = loop
        self._parked: list[asyncio.Handle] = []
        self.tasks: list[asyncio.Task[Any]] = []  # held, or the garbage collector would run their `finally` blocks
        loop.processes.append(self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it as part of this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        task = self._loop.create_task(work, context=context)
        task.add_done_callback(self._note_failure)
        return task

    def _note_failure(self, task: asyncio.Task[Any]) -> None:
        if self.alive and not task.cancelled() and (error := task.exception()) is not None:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._loop.problems.append(f"{self.name} died of {error!r} in {where.filename}:{where.lineno}")

    def kill(self) -> None:
        """As SIGKILL."""
        self.alive = False

    def freeze(self) -> None:
        """As SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """As SIGCONT: what was due meanwhile is done now, in its order."""
        self.frozen = False
        if not self.alive:
            return
        parked, self._parked = self._parked, []
        self._loop.make_ready(parked)

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether its code may run now; that of a frozen process is kept, that of a dead one for the end."""
        if self.alive and not self.frozen:
            return True
        self._parked.append(handle)
        return False


class _Handle(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or process.admits(self):
            super()._run()  # type: ignore[misc]


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or process.admits(self):
            super()._run()  # type: ignore[misc]


class StuckError(Exception):
    """Nothing is left that could ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time is virtual; threads of an executor are calls that end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.processes: list[Process] = []
        self.problems: list[str] = []
        self.unfinished: dict[asyncio.Task[Any], None] = {}
        """In the order of their birth: `asyncio.all_tasks` is a set, whose order hangs on addresses in memory."""
        self._selector = self
        self.set_task_factory(_hold_task)
        self.set_exception_handler(self._note_problem)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def select(self, timeout: float | None) -> list[Any]:
        """As a selector, in which nothing ever happens: time goes on."""
        if timeout is None:
            raise StuckError
        self.now += timeout
        return []

    def make_ready(self, handles: list[asyncio.Handle]) -> None:
        """Have them run, unless they were cancelled meanwhile."""
        self._ready.extend(handles)  # type: ignore[attr-defined]

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """As every loop."""
        timer = _TimerHandle(when, callback, args, self, context)
        _push(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # noqa: ARG002
        """Done at once; the answer comes a little later."""
        future = self.create_future()
        try:
            answer = func(*args)
        except Exception as error:  # noqa: BLE001  handed on to who waits
            self.call_later(0.001, _settle, future, None, error)
        else:
            self.call_later(0.001, _settle, future, answer, None)
        return future

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> Any:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _note_problem(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.problems.append(f"{context['message']}: {error!r}")


def _push(heap: list[Any], timer: Any) -> None:
    heapq.heappush(heap, timer)


def _settle(future: asyncio.Future[Any], answer: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


def _hold_task(loop: asyncio.AbstractEventLoop, work: Any, *, context: Context | None = None) -> Any:
    assert isinstance(loop, VirtualLoop)
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
    loop.unfinished[task] = None
    task.add_done_callback(loop.unfinished.pop)
    process = (context.get(PROCESS) if context is not None else PROCESS.get()) if work is not None else None
    if process is not None:
        process.tasks.append(task)
    return task
