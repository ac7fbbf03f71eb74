"""Small files that everybody may read, copied into a sandbox: to mount one there instead costs 0.15 ms of a stage."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

_MOST = 256 * 1024  # bytes; the copy takes memory of the run


def find_small(files: Iterable[str]) -> tuple[str, ...]:
    """Those of the files that are such ones now."""
    with opened_small(files) as found:
        return tuple(found)


@contextmanager
def opened_small(files: Iterable[str]) -> Iterator[dict[str, int]]:
    """Such files, open for reading, with their numbers; what has gone or is another kind of file now is left out.

    A builder that is root could open more than its builds may: what not everybody may read is not among them.
    """
    with ExitStack() as stack:
        found: dict[str, int] = {}
        for file in files:
            with suppress(OSError):
                number = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                stack.callback(os.close, number)
                if _may_be_copied(os.fstat(number)):
                    found[file] = number
        yield found


def _may_be_copied(seen: os.stat_result) -> bool:
    return stat.S_ISREG(seen.st_mode) and bool(seen.st_mode & stat.S_IROTH) and seen.st_size <= _MOST
