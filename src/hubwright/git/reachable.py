"""Which commits the branches and tags of mirrors lead to, without asking git for each anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from hubwright.domain.refs import check_sha
from hubwright.git.commands import Git

RECENT = 500
"""The newest commits of all branches and tags that are learned at once: the next one asked for is among them."""

REMEMBERED = 20_000
"""Commits that are remembered, of all mirrors."""


class Reachable:
    """Commits that a branch or tag has led to. Once one was the repository's own, it is for good. Thread-safe."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Path, str], None] = OrderedDict()

    def has(self, mirror: Path, sha: str) -> bool:
        """Whether a branch or tag of the mirror leads, or led, to a commit that it has. Raises GitError."""
        if self._knows(mirror, sha):
            return True
        self._learn(mirror, self._git.run(["rev-list", f"--max-count={RECENT}", "--branches", "--tags"], mirror))
        if self._knows(mirror, sha):
            return True
        asked = ["for-each-ref", f"--contains={check_sha(sha)}", "--count=1", "refs/heads", "refs/tags"]
        if not self._git.run(asked, mirror).strip():
            return False
        self._learn(mirror, sha.encode())
        return True

    def _knows(self, mirror: Path, sha: str) -> bool:
        with self._lock:
            return (mirror, sha) in self._known

    def _learn(self, mirror: Path, shas: bytes) -> None:
        with self._lock:
            for sha in reversed(shas.decode("ascii").split()):
                self._known[mirror, sha] = None
                self._known.move_to_end((mirror, sha))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
