"""What is in a hub's storage once the daily sweep has been there: what rows know of, and nothing else."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from hub_process import HubProcess
from hubwright.domain.artifacts import ArtifactRules
from hubwright.hub.sweeping import DAY, Sweeping
from hubwright.storage import MARKER, Storage, Stored
from hubwright.store.database import Database
from waiting import until

FOLDERS = ("artifacts", "uploads", "caches", "jobs")


def sizes_in(url: str, *folders: str) -> dict[str, int]:
    """Bytes by key."""

    async def look() -> dict[str, int]:
        storage = Storage(url)
        return {
            one.key: one.size for folder in folders or FOLDERS for one in [each async for each in storage.list(folder)]
        }

    return asyncio.run(look())


def wait_for_files(url: str, folder: str, seconds: float = 60.0) -> None:
    """Until there is the first one; cheaper than to look again and again."""

    with asyncio.Runner() as runner:
        storage = Storage(url)

        async def look() -> list[Stored]:
            return [one async for one in storage.list(folder)]

        until(lambda: runner.run(look()), seconds, f"a file in {folder}")


def read_key(url: str, key: str) -> bytes:
    """The content of a key."""

    async def look() -> bytes:
        _, chunks = await Storage(url).get(key)
        return b"".join([chunk async for chunk in chunks])

    return asyncio.run(look())


def sizes_after_a_sweep(hub: HubProcess, url: str) -> dict[str, int]:
    """Bytes by key, two days from now. A folder has no other file then, and no empty folder."""
    database = Database(hub.database_url)
    try:
        Sweeping(database, Storage(url), ArtifactRules(), lambda: time.time() + 2 * DAY, grace=0.0).drain()
    finally:
        database.close()
    found = sizes_in(url)
    if url.startswith("file://"):
        root = Path(url.removeprefix("file://"))
        below = list(root.rglob("*"))
        assert {str(path.relative_to(root)) for path in below if path.is_file()} == {*found, MARKER}
        assert [path for path in below if path.is_dir() and not any(path.iterdir())] == []
    return found
