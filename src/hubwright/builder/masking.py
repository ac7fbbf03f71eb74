"""Secret values hidden in a stream of log bytes, also when they are split between two reads."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

MASK = b"***"
_SHORTEST = 4  # shorter values would hide half the log


class Masking:
    """Feeds bytes through; what may be the beginning of a secret is held back until more comes, or `flush`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._forms))) if forms else None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown now."""
        if self._pattern is None:
            return data
        data = self._held + data
        hold = self._hold_from(data)
        shown = []
        position = 0
        found = any(form in data for form in self._forms)  # much faster than the pattern, and mostly false
        for match in self._pattern.finditer(data) if found else ():
            if match.start() >= hold:
                break
            shown += [data[position : match.start()], MASK]
            position = match.end()
        hold = max(hold, position)
        shown.append(data[position:hold])
        self._held = data[hold:]
        return b"".join(shown)

    def flush(self) -> bytes:
        """The rest: nothing more comes that it could be a part of."""
        held, self._held = self._held, b""
        return self._pattern.sub(MASK, held) if self._pattern else held

    def _hold_from(self, data: bytes) -> int:
        """Where the longest end of `data` begins that more bytes could make a secret."""
        earliest = len(data)
        for form in self._forms:
            start = data.find(form[:1], max(0, len(data) - len(form) + 1))
            while 0 <= start < earliest:
                if form.startswith(data[start:]):
                    earliest = start
                start = data.find(form[:1], start + 1)
        return earliest


def hide(text: str, secrets: Iterable[str]) -> str:
    """A sentence for people, without the secrets."""
    masking = Masking(secrets)
    return (masking.feed(text.encode("utf-8", "replace")) + masking.flush()).decode("utf-8", "replace")


def _forms(secret: str) -> Iterable[bytes]:
    """The value, its lines, and both as base64 (at each of the three offsets) and in a URL."""
    raw = secret.encode("utf-8", "surrogateescape")
    for text in {raw, *(line.strip() for line in raw.splitlines())}:
        if len(text) < _SHORTEST:
            continue
        yield text
        yield quote(text, safe="").encode()
        for shift in range(3):
            encoded = b64encode(b"\0" * shift + text)
            first = (0, 2, 3)[shift]  # characters that bytes before the value have a part in
            last = len(encoded) - (0, 3, 2)[(shift + len(text)) % 3]
            yield encoded[first:last]
