"""Reading from a mirror without a process each time: one `git cat-file` that stays."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from hubwright.errors import SourceError
from hubwright.git.commands import Git

MAX_FILE = 1024 * 1024
"""Bytes of a file that are given back; a build file is smaller, and the reader of recipes bounds it again."""

_BLOCK = 64 * 1024


class ObjectReader:
    """The objects of one mirror. Thread-safe; a process that died is started again."""

    def __init__(self, git: Git, mirror: Path) -> None:
        self._git = git
        self._mirror = mirror
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def has_commit(self, sha: str) -> bool:
        """Whether the mirror has the commit."""
        return self.read_commit(sha) is not None

    def read_commit(self, sha: str) -> bytes | None:
        """The commit's object, at most MAX_FILE bytes; None when the mirror has no such commit. Raises SourceError."""
        found = self._ask(f"{sha}^{{commit}}")
        return None if found is None else found[1]

    def read_file(self, sha: str, path: str) -> bytes | None:
        """The file at that commit, at most MAX_FILE bytes; None when there is none. Raises SourceError."""
        if "\n" in path:
            return None
        found = self._ask(f"{sha}:{path}")
        return found[1] if found is not None and found[0] == "blob" else None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _ask(self, name: str) -> tuple[str, bytes] | None:
        with self._lock:
            try:
                return self._exchange(name)
            except (BrokenPipeError, ValueError):
                self._stop()  # it died; the next one tells whether that was the mirror's fault
                try:
                    return self._exchange(name)
                except (BrokenPipeError, ValueError) as error:
                    self._stop()
                    raise SourceError(f"git can't read the mirror {self._mirror.name}") from error

    def _exchange(self, name: str) -> tuple[str, bytes] | None:
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  both are pipes
        process.stdin.write(name.encode() + b"\n")
        process.stdin.flush()
        words = process.stdout.readline().split()
        if words[-1:] in ([b"missing"], [b"ambiguous"]):
            return None
        if len(words) != 3:
            raise ValueError("git cat-file ended")
        size = int(words[2])
        content = process.stdout.read(min(size, MAX_FILE))
        self._pass_over(process, size - len(content) + 1)  # what is too much, and the line end
        return words[1].decode(), content

    def _pass_over(self, process: subprocess.Popen[bytes], count: int) -> None:
        assert process.stdout is not None  # noqa: S101
        while count > 0:
            block = process.stdout.read(min(count, _BLOCK))
            if not block:
                raise ValueError("git cat-file ended")
            count -= len(block)

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self._mirror,
            env=self._git.environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # it died with a question unread
        process.wait()
