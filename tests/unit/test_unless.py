"""Work that another thing ends, and work that begins only after a while."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from hubwright.builder.later import Later
from hubwright.builder.unless import unless

pytestmark = pytest.mark.anyio


class EndedError(Exception):
    """What ends the work."""


async def wait_for_ever(seen: list[str]) -> str:
    try:
        await asyncio.Event().wait()
    finally:
        seen.append("cleared up")
    return "never"


async def test_what_is_not_ended_gives_its_value() -> None:
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()

    assert await unless(ending, asyncio.sleep(0, "done")) == "done"


async def test_the_end_cancels_the_work_and_nothing_else() -> None:
    """The caller's task goes on: what it waits for next must not be cancelled."""
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()
    seen: list[str] = []
    asyncio.get_running_loop().call_soon(ending.set_result, EndedError())

    with pytest.raises(EndedError):
        await unless(ending, wait_for_ever(seen))
    await asyncio.sleep(0)

    task = asyncio.current_task()
    assert task is not None
    assert (seen, task.cancelling()) == (["cleared up"], 0)


async def test_an_end_in_the_last_moment_cancels_nothing_later() -> None:
    """It is told by a callback that is on its way already when the work is done."""
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()

    async def end_and_return() -> str:
        ending.set_result(EndedError())
        return "done"

    assert await unless(ending, end_and_return()) == "done"
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_after_the_end_no_work_begins() -> None:
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()
    ending.set_result(EndedError())
    seen: list[str] = []

    with pytest.raises(EndedError):
        await unless(ending, wait_for_ever(seen))

    assert seen == []


async def test_work_that_breaks_while_it_is_ended_has_ended() -> None:
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()

    async def break_down() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("while clearing up")

    asyncio.get_running_loop().call_soon(ending.set_result, EndedError())
    with pytest.raises(EndedError):
        await unless(ending, break_down())


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()
    seen: list[str] = []
    task = asyncio.create_task(unless(ending, wait_for_ever(seen)))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cleared up"]


async def test_an_end_and_a_cancellation_at_once_are_a_cancellation() -> None:
    ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(unless(ending, wait_for_ever([])))
    await asyncio.sleep(0)
    ending.set_result(EndedError())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_stopped_in_time_never_begins() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def begin(which: asyncio.Event) -> None:
        which.set()

    stopped = Later(0.001, partial(begin, first))
    await stopped.stop()
    later = Later(0.005, partial(begin, second))
    await second.wait()
    await later.stop()

    assert not first.is_set()


async def test_what_has_begun_is_waited_for_or_cancelled() -> None:
    seen: list[str] = []
    begun, go = asyncio.Semaphore(0), asyncio.Event()

    async def work() -> None:
        begun.release()
        await go.wait()
        seen.append("ended")

    waited, cancelled = Later(0, work), Later(0, work)
    await begun.acquire()
    await begun.acquire()
    await cancelled.cancel()
    go.set()
    await waited.stop()

    assert seen == ["ended"]
