"""How pages word things: durations, sizes, states, and names from outside with nothing hidden in them."""

from __future__ import annotations

import re
from typing import NamedTuple

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def make_visible(text: str) -> str:
    """The text with control, bidi and zero-width characters shown, so that nothing reads as what it is not.

    Newlines and tabs stay. https://trojansource.codes
    """
    return _HIDDEN.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def word_duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`; a dash for None."""
    if seconds is None:
        return "—"
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def word_against(seconds: float, usual: float) -> str:
    """How long something took beside how long such things usually take: `20 % longer than usual, 3 min 20 s`."""
    share = seconds / max(usual, 0.001)
    if share >= 2:
        told = f"{share:.1f} times the usual"
    elif share > 1.1:
        told = f"{(share - 1) * 100:.0f} % longer than usual"
    else:
        told = "as usual" if share >= 0.9 else f"{(1 - share) * 100:.0f} % shorter than usual"
    return f"{told}, {word_duration(usual)}"


def word_start(seconds: float | None) -> str:
    """When a run should start: `at once`, `in 3 min 20 s`, or that it is `not known`."""
    if seconds is None:
        return "not known"
    return "at once" if seconds < 0.5 else f"in {word_duration(seconds)}"


def word_age(seconds: float) -> str:
    """How long ago: `just now`, `5 min ago`, `3 h ago`, `12 d ago`."""
    if seconds < 10:
        return "just now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def word_size(size: int) -> str:
    """Bytes for people: `980 B`, `1.2 MB`."""
    if size < 1_000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1_000
        if value < 999.5:
            return f"{value:.1f} {unit}" if value < 99.5 else f"{value:.0f} {unit}"
    return f"{value / 1_000:.1f} TB"


def word_count(count: int, noun: str) -> str:
    """`1 test`, `1,204 tests`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class Look(NamedTuple):
    """How a state shows: `kind` names shape and colour, `word` says it, `sign` stands in titles."""

    kind: str
    word: str
    sign: str


_LOOKS = {
    "success": Look("success", "Passed", "✓"),
    "failure": Look("failure", "Failed", "✕"),
    "error": Look("error", "Broke down", "!"),
    "timeout": Look("timeout", "Timed out", "⧖"),
    "cancellation": Look("cancellation", "Cancelled", "■"),
    "skip": Look("skip", "Skipped", "⊘"),
    "running": Look("running", "Running", "◔"),
    "queued": Look("queued", "Queued", "◌"),
    "held": Look("held", "Waits for approval", "✋"),
}


def look_of(state: str, result: str | None = None) -> Look:
    """The look of a build, run or stage by its state and, when it has finished, its result."""
    return _LOOKS.get((result or "error") if state == "finished" else state, _LOOKS["error"])


ALL_LOOKS = tuple(_LOOKS.values())
"""Every look, for legends and icons."""


class KindLook(NamedTuple):
    """How a kind of stage shows: its word, and a sign that stands beside the stage's name."""

    word: str
    sign: str


_KINDS = {
    "build": KindLook("Build", "⚒"),
    "test": KindLook("Tests", "☑"),
    "csources": KindLook("C sources", "©"),
    "docs": KindLook("Documentation", "¶"),
    "installer": KindLook("Installer", "⇩"),
    "package": KindLook("Package", "▣"),
}


def kind_of(kind: str | None) -> KindLook | None:
    """The look of a stage's kind; None when it has none that is known by name."""
    return _KINDS.get(kind or "")
