"""Builds and the files that they kept, put straight into a served hub's rows and storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from hubwright.store import schema
from served import NOW, Served

SHA = "a" * 40
ASSIGNMENT = {
    "source": {"repository": "team/app", "clone_url": "https://git.example/team/app.git", "sha": SHA, "ref": "x"},
    "stages": [{"name": "pack", "run": "make dist"}],
}


def keep(hub: Served, run: int, path: str = "app.bin", data: bytes = b"0123456789", **values: Any) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 100_000):
            yield data[at : at + 100_000]

    key = f"artifacts/{run}/{sha256(path.encode()).hexdigest()[:8]}"
    asyncio.run(hub.site.storage.put(key, stream()))
    row = {"run_id": run, "sha": SHA, "platform": "linux", "path": path, "size": len(data), "kept_at": NOW, "key": key}
    hub.rows.keep(schema.artifact, {**row, "sha256": sha256(data).hexdigest(), **values})


def keep_build(
    hub: Served, number: int, result: str = "success", platform: str = "linux",
    images: list[dict[str, str]] | None = None, **values: Any,
) -> None:  # fmt: skip
    """Build and run of the same number."""
    hub.rows.keep_build(number, **{"state": "finished", "result": result, "sha": SHA, **values})
    hub.rows.keep_run(
        number, number, state="finished", result=result, platform=platform, assignment=ASSIGNMENT, builder="anvil",
        started_at=NOW, finished_at=NOW + 60, images=images,
    )  # fmt: skip
