"""The memory that a process's control group allows it, and how often the kernel killed in it: Linux only.

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory and .../cgroup-v1/memory.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hubwright.builder.kernel_files import read_whole

_V1, _V2 = Path("/sys/fs/cgroup/memory"), (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_NO_LIMIT = 2**62  # version 1 writes about 2**63 where there is none
_DEPTH = 16
_ROOTS = {str(root) for root in (_V1, *_V2)}


@dataclass(frozen=True, slots=True)
class Group:
    """A control group with the memory controller, at `folder`."""

    folder: Path
    v1: bool

    def read_limit(self) -> int | None:
        """Bytes that the group and those around it allow, the least of them."""
        name = "memory.limit_in_bytes" if self.v1 else "memory.max"
        limits = [limit for folder in self._around() if (limit := _read_number(f"{folder}/{name}")) is not None]
        return min((limit for limit in limits if limit < _NO_LIMIT), default=None)

    def _around(self) -> Iterator[str]:
        """The group's folder and those that it is in, up to the root of the hierarchy."""
        folder = str(self.folder)
        for _ in range(_DEPTH):
            yield folder
            if folder in _ROOTS:
                return
            folder = os.path.dirname(folder)  # noqa: PTH120  strings: this is asked for each command

    def read_used(self) -> int | None:
        """Bytes in use, pages of files that could be dropped left out."""
        used = _read_number(self.folder / ("memory.usage_in_bytes" if self.v1 else "memory.current"))
        cache = _read_field(self.folder / "memory.stat", "total_inactive_file" if self.v1 else "inactive_file")
        return None if used is None else max(used - (cache or 0), 0)

    def read_peak(self) -> int | None:
        """The most bytes that were ever in use."""
        return _read_number(self.folder / ("memory.max_usage_in_bytes" if self.v1 else "memory.peak"))

    def read_kills(self) -> int | None:
        """Processes of the group that were killed for memory."""
        return _read_field(self.folder / ("memory.oom_control" if self.v1 else "memory.events"), "oom_kill")


def find_group(pid: int) -> Group | None:
    """The control group of a process; None when it has gone or there is none."""
    for line in _read_text(Path(f"/proc/{pid}/cgroup")).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        inside = path.lstrip("/")
        if "memory" in controllers.split(","):
            return Group(_V1 / inside, v1=True)
        if number == "0" and not controllers:
            for root in _V2:
                if (root / inside / "memory.current").exists():
                    return Group(root / inside, v1=False)
    return None


def read_kernel_kills() -> int | None:
    """Processes of the machine that were killed for memory since its start."""
    return _read_field(Path("/proc/vmstat"), "oom_kill")


def read_pressure() -> float | None:
    """Per cent of the last 10 s in which something waited for memory. https://docs.kernel.org/accounting/psi.html"""
    for word in _read_text(Path("/proc/pressure/memory")).partition("\n")[0].split():
        name, _, value = word.partition("=")
        if name == "avg10":
            return float(value)
    return None


def _read_text(file: Path | str) -> str:
    try:
        return read_whole(str(file))
    except OSError:
        return ""


def _read_number(file: Path | str) -> int | None:
    text = _read_text(file).strip()
    return int(text) if text.isdecimal() else None


def _read_field(file: Path, name: str) -> int | None:
    _, found, rest = f"\n{_read_text(file)}".partition(f"\n{name} ")
    value = rest.partition("\n")[0].strip()
    return int(value) if found and value.isdecimal() else None
