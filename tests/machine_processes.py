"""The processes of this machine that belong to a hub: found by their words, killed without asking."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def find_processes(words: str) -> list[int]:
    """Living processes that have `words` in their command line or in the environment that they began with."""
    sought = words.encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                if sought in (folder / name).read_bytes():
                    found.append(int(folder.name))
                    break
    return found


def builders_of(folder: Path) -> list[int]:
    """The builder processes that work below `folder`."""
    return [pid for pid in find_processes(str(folder)) if b"builder" in _command_line(pid).split(b"\0")]


def stages_of(instance: str) -> list[int]:
    """Everything that a builder's runs have started and that still lives."""
    return find_processes(f"HUBWRIGHT_RUN={instance}-")


def kill_leftovers(folder: Path) -> None:
    """No process of a hub in `folder` is left: builders first, then what their runs started.

    A builder that still lives deletes folders below it meanwhile.
    """
    files = [Path(place, "instance") for place, _, names in os.walk(folder) if "instance" in names]
    instances = [file.read_text().strip() for file in files]
    for pid in builders_of(folder):
        _kill(pid)
    for instance in filter(None, instances):
        for pid in stages_of(instance):
            _kill(pid)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
