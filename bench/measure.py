"""What a figure is made of: rows to measure, the ground they are measured on, and the values of one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.pushes import Push
from bench.systems import System, Work

Values = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One line of a table. `reach` is what Hubwright is to reach, with `more` as the better side or not."""

    key: str
    label: str
    unit: str = ""
    digits: int = 0
    reach: float | None = None
    more: bool = False

    def is_reached(self, value: float) -> bool:
        """Whether a value is good enough; a row without a goal always is."""
        if self.reach is None:
            return True
        return value >= self.reach if self.more else value <= self.reach


@dataclass(frozen=True)
class Ground:
    """Where measuring happens, and how thorough it is."""

    folder: Path
    load: Path
    quick: bool

    def count(self, system: System, full: int, *, slow: int, quick: int) -> int:
        """How many of something: fewer for a slow system, so that a run ends on the same day."""
        if self.quick:
            return max(3, quick // 6) if system.slow else quick
        return slow if system.slow else full

    @contextmanager
    def running(self, system: System, work: Work) -> Iterator[Path]:
        """The system, started in a new folder that goes with it."""
        with tempfile.TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            folder.chmod(0o755)
            try:
                system.start(folder, work)
                yield folder
            finally:
                system.stop()


@dataclass(frozen=True)
class Figure:
    """A table of docs/performance.md. `runs` bounds how often it is worth measuring."""

    name: str
    title: str
    how: str
    rows: tuple[Row, ...]
    measure: Callable[[System, Ground], Values]
    sandboxed: bool = False  # measured with Hubwright's sandbox too
    scaled: bool = False  # and on PostgreSQL, with one hub and with two
    runs: int = 99
    limits: tuple[str, ...] = ()  # what of bench.figures.limits is told beside it
    rivals: tuple[Callable[[Path], Any], ...] | None = None  # instead of the build servers


def send_push(url: str, push: Push) -> None:
    """Send one push and wait for the reply. Raises RuntimeError when it is refused."""
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request("POST", address.path, push.body, push.headers())
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"a push was refused: {answer.status} {content[:200]!r}")
