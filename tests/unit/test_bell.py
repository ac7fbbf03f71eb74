"""The bell loses no ring between a look and a wait, whoever rings from where."""

from __future__ import annotations

import asyncio
import threading

from hubwright.hub.bell import Bell


def test_a_ring_between_the_look_and_the_wait_is_not_missed() -> None:
    bell = Bell()

    async def go() -> None:
        seen = bell.count("t")
        bell.ring("t")
        assert await bell.wait("t", seen, 0)

    asyncio.run(go())


def test_nobody_rang() -> None:
    bell = Bell()

    async def go() -> None:
        bell.ring("another")
        assert not await bell.wait("t", bell.count("t"), 0.01)

    asyncio.run(go())
    assert not bell._waiting


def test_all_waiters_are_woken_from_any_thread_and_loop() -> None:
    bell = Bell()
    woken: list[bool] = []

    async def wait_for_it() -> None:
        woken.extend(await asyncio.gather(*(bell.wait("t", 0, 20) for _ in range(10))))

    loops = [threading.Thread(target=asyncio.run, args=(wait_for_it(),)) for _ in range(3)]
    for thread in loops:
        thread.start()
    while len(bell._waiting.get("t", ())) < 30:
        pass
    bell.ring("t")
    for thread in loops:
        thread.join()
    assert woken == [True] * 30


def test_a_mark_never_comes_back() -> None:
    """A topic that was forgotten and rings again must not look unchanged to one who waits since before."""
    bell = Bell()
    bell.ring("t")
    seen = bell.count("t")
    bell.forget("t")
    bell.ring("t")
    assert bell.count("t") != seen


def test_forgetting_wakes_and_keeps_nothing() -> None:
    bell = Bell()

    async def go() -> bool:
        waiting = asyncio.create_task(bell.wait("t", 0, 20))
        await asyncio.sleep(0)
        bell.forget("t")
        return await waiting

    assert asyncio.run(go())
    assert not bell._counts
    assert not bell._waiting


def test_one_who_goes_away_leaves_nothing_behind() -> None:
    bell = Bell()

    async def go() -> None:
        waiting = asyncio.create_task(bell.wait("t", 0, 20))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        bell.ring("t")

    asyncio.run(go())
    assert not bell._waiting
