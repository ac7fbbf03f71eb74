"""Small file systems that can be full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hub_process import Program

MB = 2**20


def on_a_disk_of(size: int, folder: Path) -> tuple[str, ...]:
    """What makes a command see a file system of so many bytes at `folder`, as root or not."""
    folder.mkdir(parents=True, exist_ok=True)
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    script = f'mount -t tmpfs -o mode=777,size={size} none "$0" && exec "$@"'
    return ("unshare", *user, "--mount", "sh", "-c", script, str(folder))


def seen_by(program: Program, path: Path) -> Path:
    """The path as the program sees it, which has file systems of its own."""
    assert program.process is not None
    return Path(f"/proc/{program.process.pid}/root{path}")


def fill(folder: Path) -> Path:
    """Take all the space that is left; the file that takes it."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return filler


@contextmanager
def disk_at(folder: Path, size: int) -> Iterator[Path]:
    """A file system of so many bytes at `folder`, for everybody, as long as the block; only root may have one."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=777,size={size}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
