"""R24: the hub is killed and starts again, and every builder comes back at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx2
from bench.crowd import Crowd, make_tokens

from hub_process import HubProcess

BUILDERS = 200


async def ask_meanwhile(hub: HubProcess, ended: asyncio.Event) -> float:
    """The slowest answer of /livez, in seconds."""
    slowest = 0.0
    async with httpx2.AsyncClient(base_url=hub.url, timeout=30, trust_env=False) as client:
        while not ended.is_set():
            begun = time.monotonic()
            assert (await client.get("/livez")).status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
            await asyncio.sleep(0.02)
    return slowest


async def storm(hub: HubProcess, crowd: Crowd) -> float:
    """Everybody is here, the hub dies, everybody is here again; the slowest /livez of the second life."""
    crowd.start()
    try:
        await crowd.until_here(BUILDERS, 60)
        hub.kill()
        await crowd.until_here(0, 30)
        await asyncio.to_thread(hub.start)
        ended = asyncio.Event()
        asking = asyncio.create_task(ask_meanwhile(hub, ended))
        await crowd.until_here(BUILDERS, 60)
        ended.set()
        return await asking
    finally:
        await crowd.stop()


def test_two_hundred_builders_come_back_and_the_hub_goes_on_answering(folder: Path) -> None:
    """Nobody is turned away for good, nobody asks without a pause, and the builders' page knows them all."""
    with HubProcess(folder, ("hub",)) as hub:
        crowd = Crowd(hub.url, make_tokens(hub.database_url, BUILDERS))
        assert asyncio.run(storm(hub, crowd)) < 15
        assert len(crowd.welcomes) >= 2 * BUILDERS
        assert crowd.tries < 15 * BUILDERS
        assert len(hub.get("builders", limit=200)["items"]) == BUILDERS
