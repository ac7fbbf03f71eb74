"""What a target found."""

from __future__ import annotations


class BrokenPromiseError(AssertionError):
    """A promise that an input breaks."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise `BrokenPromiseError` where something does not hold: as `assert`, also under `python -O`."""
    if not holds:
        raise BrokenPromiseError(otherwise)
