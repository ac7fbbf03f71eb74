"""Memory of a hub while large files pass: bounded, whatever their size, in a folder and in S3."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

SIZE = 200 * 1024 * 1024
"""Bytes of the file."""

GROWTH = 60 * 1024 * 1024
"""Bytes by which the process may grow: far below the size, and a few parts of each way."""

SCRIPT = """
import asyncio, os, sys
from hashlib import sha256
from hubwright.hub.keeping import Counted
from hubwright.storage import Storage

SIZE = {size}

async def content():
    for at in range(0, SIZE, 65536):
        yield bytes([at // 65536 % 251]) * 65536

def peak():
    with open("/proc/self/status") as status:  # getrusage would tell the peak of the process that forked us
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

async def main():
    storage = Storage(sys.argv[1])
    await storage.put("warm", _one())
    before = peak()
    counted = Counted(content(), 2 * SIZE)
    await storage.put("large", counted)
    up = sha256()
    size, chunks = await storage.get("large")
    async for chunk in chunks:
        up.update(chunk)
    assert size == SIZE and up.digest() == counted.digest.digest()
    print(peak() - before, flush=True)

async def _one():
    yield b"x"

asyncio.run(main())
os._exit(0)  # a thread of obstore that still asks for the GIL aborts a Python before 3.14 that tears itself down
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_memory_does_not_grow_with_the_file(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Both ways, hashed while it passes, in a process of its own."""
    url = f"file://{tmp_path}/files" if kind == "folder" else str(request.getfixturevalue("s3_url"))

    async def measure() -> int:
        argv = [sys.executable, "-c", SCRIPT.format(size=SIZE), url]
        process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, stderr=PIPE, env=dict(os.environ))
        said, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return int(said)

    assert asyncio.run(measure()) < GROWTH
