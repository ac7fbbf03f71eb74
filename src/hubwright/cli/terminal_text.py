"""A build's output on a person's terminal: colours stay, everything else that would steer the terminal goes."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"(?P<colour>\x1b\[[0-9;:]*m)"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]{0,4095}(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    rb"|\xc2[\x80-\x9f]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]"
)
_OPEN = re.compile(rb"(?:\x1b[^\x07\n]{0,4095}|\xc2)\Z")
_COLOUR_END = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")


class Cleaner:
    """Cleans pieces of one log; an escape that a piece cuts in two is kept until the next piece."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._kept = b""

    def clean(self, piece: bytes) -> bytes:
        """What of this piece may be printed now."""
        data = self._kept + piece
        self._kept = b""
        start = max(data.rfind(b"\x1b"), len(data) - 1 if data.endswith(b"\xc2") else -1)
        if start >= 0 and _OPEN.match(data, start) and not _COLOUR_END.match(data, start):
            data, self._kept = data[:start], data[start:]
        return _ESCAPE.sub(self._replace, data)

    def finish(self) -> bytes:
        """What was kept, and the colours set back."""
        rest = _ESCAPE.sub(self._replace, self._kept)
        self._kept = b""
        return rest + (b"\x1b[0m" if self._colours else b"")

    def _replace(self, match: re.Match[bytes]) -> bytes:
        colour = match["colour"]
        return colour if colour and self._colours else b""
