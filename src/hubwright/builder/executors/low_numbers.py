"""Numbers of open files below ten: `sh` can name no others (`echo >&7`), and in a busy program they are taken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from weakref import finalize

_FIRST, _LAST = 3, 9


class LowNumbers:
    """Keeps free numbers by having nothing open under them. Made early, before a program has many files open.

    Not thread-safe: one thread starts commands.
    """

    def __init__(self, wanted: int) -> None:
        """Keep so many, or as many as there are."""
        taken: list[int] = []
        while len(taken) < wanted:
            number = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            if not _FIRST <= number <= _LAST:
                os.close(number)
                break
            taken.append(number)
        self._numbers = tuple(taken)
        finalize(self, _close_all, self._numbers)

    @contextmanager
    def opened(self, files: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Have these files open for writing, under these numbers; none when there are too few. Raises OSError.

        No program inherits them unless it is told which.
        """
        lent = self._numbers[: len(files)] if len(files) <= len(self._numbers) else ()
        try:
            for number, file in zip(lent, files, strict=False):
                _put(number, file)
            yield lent
        finally:
            for number in lent:
                _put(number, os.devnull)


def _put(number: int, file: str) -> None:
    opened = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(opened, number, inheritable=False)
    finally:
        os.close(opened)


def _close_all(numbers: Sequence[int]) -> None:
    for number in numbers:
        os.close(number)
