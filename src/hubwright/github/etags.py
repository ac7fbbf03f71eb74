"""What GitHub answered before, kept so that an unchanged page costs nothing of the hour's limit.

GitHub's ETags hold for one token only, so answers are kept by token, media type and address.
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

MAX_KEPT = 8 * 1024 * 1024
"""Bytes of an answer that is kept; larger ones are asked for anew each time."""


@dataclass(frozen=True, slots=True)
class Key:
    """Of which answer: `tags` names the token (`Credential.tags`)."""

    tags: str
    accept: str
    url: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer: its ETag with the quotes, its Link header, its body as it came."""

    etag: str
    link: str
    body: bytes


class EtagCache(Protocol):
    """Keeps answers within a bound, the longest unused go first. Safe from many threads."""

    def find(self, key: Key) -> Kept | None:
        """The answer that was kept last."""

    def keep(self, key: Key, kept: Kept) -> None:
        """Keep an answer in place of the older one."""


class MemoryEtags:
    """The answers of one process, at most `most` bytes of them."""

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, Kept] = OrderedDict()
        self._size = 0

    def find(self, key: Key) -> Kept | None:
        """The answer that was kept last."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def keep(self, key: Key, kept: Kept) -> None:
        """Keep an answer in place of the older one."""
        with self._lock:
            self._size -= _weigh(self._answers.pop(key, None))
            self._answers[key] = kept
            self._size += _weigh(kept)
            while self._size > self._most:
                self._size -= _weigh(self._answers.popitem(last=False)[1])


def _weigh(kept: Kept | None) -> int:
    return 0 if kept is None else len(kept.body) + len(kept.link) + 500
