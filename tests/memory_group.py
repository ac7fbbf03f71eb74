"""A control group of this machine with little memory, for processes that shall run out of it: version 1 or 2."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@contextmanager
def little_memory(size: int) -> Iterator[tuple[str, ...]]:
    """A command prefix: what is started with it has `size` bytes, together with all that it starts."""
    v1 = (_V1 / "memory.limit_in_bytes").exists() or (_V1 / "cgroup.procs").exists()
    folder = (_V1 if v1 else _V2) / f"hubwright-test-{uuid4().hex[:12]}"
    if not v1:
        (_V2 / "cgroup.subtree_control").write_text("+memory")
    folder.mkdir()
    (folder / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(size))
    try:
        yield ("sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "sh")
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """With all groups that a builder made in it, once the last process is gone."""
    for _ in range(200):
        for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                inner.rmdir()
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
    raise AssertionError(f"{folder} still has processes")
