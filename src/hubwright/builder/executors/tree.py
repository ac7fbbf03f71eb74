"""All processes of a run, wherever they have gone: found by the marker that their environment carries."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

MARKER = "HUBWRIGHT_RUN"
"""The variable that every process of a run inherits."""

_PROC = Path("/proc")
_ROUNDS = 50
_READ = 16_384


def find_marked(marker: str) -> list[int]:
    """Processes of this machine whose environment at their start had the marker; none where there is no /proc."""
    wanted = f"{MARKER}={marker}\0".encode()
    try:
        entries = [name for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208  1 ms less than iterdir
    except OSError:
        return []
    return [int(name) for name in entries if wanted in _read_environment(name)]


def _read_environment(name: str) -> bytes:
    """What the process was started with; nothing when it has ended or is another user's."""
    content = b""
    try:
        descriptor = os.open(f"/proc/{name}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return content
    try:
        while chunk := os.read(descriptor, _READ):
            content += chunk
            if len(chunk) < _READ:
                break
    except OSError:
        return content
    finally:
        os.close(descriptor)
    return content


def kill_marked(marker: str) -> int:
    """Kill them all, also those that fork meanwhile; gives how many there were. Takes up to a second."""
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = find_marked(marker)
        if not found:
            break
        for pid in found:
            killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.02)
    return len(killed)
