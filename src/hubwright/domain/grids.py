"""How a grid of commits by platforms is put together: which state stands for several, in which order columns come."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORST = ("failure", "error", "timeout", "running", "held", "queued", "cancellation", "success", "skip")
_RANKS = {word: rank for rank, word in enumerate(_WORST)}
_SYSTEMS = (("linux",), ("windows", "win"), ("macos", "macosx", "darwin", "osx"))
_PROCESSORS = ("x86", "i686", "i386", "x86_64", "amd64")
_PIECES = re.compile(r"(\d+)")


def rank_state(state: str, result: str | None) -> int:
    """How bad a state is, the worst nought: what failed, then what is not known yet, then what ended well.

    A skip says least of all: beside anything else it does not show.
    """
    word = (result or "error") if state == "finished" else state
    return _RANKS.get(word, _RANKS["error"])


def find_worst(states: Iterable[tuple[str, str | None]]) -> tuple[str, str | None]:
    """The state and result that stand for all of them; `queued` where there are none."""
    return min(states, key=lambda one: rank_state(*one), default=("queued", None))


def sort_platforms(names: Iterable[str]) -> list[str]:
    """Each once, in the order that system 1 had: Linux, Windows, macOS, others; plain processors first."""
    return sorted(set(names), key=_place)


def _place(name: str) -> tuple[int, int, list[tuple[int, str]]]:
    low = name.lower()
    system = next((at for at, starts in enumerate(_SYSTEMS) if low.startswith(starts)), len(_SYSTEMS))
    processor = next((at for at, end in enumerate(_PROCESSORS) if low.endswith(end)), len(_PROCESSORS))
    return system, processor, [(int(piece or 0) if piece.isdigit() else 0, piece) for piece in _PIECES.split(low)]
