"""How much a folder takes, and that somebody hears of too much."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from builder_process import scenario
from hubwright.builder.disk_watch import DiskWatch, measure


def test_what_a_folder_takes_is_what_the_disk_lost(tmp_path: Path) -> None:
    """A file with holes is as small as it is, one with two names counts once, a link does not count what it shows."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    before = measure(tmp_path)
    (tmp_path / "deep" / "er" / "big").write_bytes(b"x" * 3_000_000)
    assert 3_000_000 <= measure(tmp_path) - before <= 3_100_000
    os.link(tmp_path / "deep" / "er" / "big", tmp_path / "again")
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er" / "big")
    (tmp_path / "loop").symlink_to(tmp_path)
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10**12)
    assert 3_000_000 <= measure(tmp_path) - before <= 3_100_000


def test_many_empty_files_take_something(tmp_path: Path) -> None:
    """They use up the disk's inodes."""
    for number in range(1000):
        (tmp_path / str(number)).touch()
    assert measure(tmp_path) >= 1_000_000


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert measure(tmp_path / "gone") == 0


@scenario
async def test_too_much_is_told_once(tmp_path: Path) -> None:
    """What was taken elsewhere counts too."""
    told: list[bool] = []
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    within = asyncio.create_task(DiskWatch(tmp_path, 300_000, lambda: told.append(False), lambda: 100_000).keep())
    await asyncio.wait_for(DiskWatch(tmp_path, 300_000, lambda: told.append(True), lambda: 250_000).keep(), 20)
    within.cancel()
    await asyncio.wait({within})

    assert told == [True]
