"""Searches a whole log for words or a regular expression, in a process of its own and within a bound on time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubwright.errors import ParameterError
from hubwright.hub.logs import Logs

MOST = 5_000
"""Lines that a search finds at most."""

LONGEST = 300
"""Characters of what is searched."""

SECONDS = 3.0
"""Seconds that a search may take; what was found until then is told."""

AT_ONCE = 2
"""Searches at once; others wait for them."""

_GRACE = 3.0  # seconds for its start and for the way back
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from hubwright.hub.search_process import main; main()"
_ROOT = str(Path(__file__).parents[2])
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is searched: words as they are, or a `regex` of Python; `case`: capital and small letters differ."""

    text: str
    regex: bool = False
    case: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Hits:
    """Line numbers, rising; of the first `searched` lines only when it is not `complete`, for the reason in `cut`."""

    lines: tuple[int, ...] = ()
    searched: int = 0
    cut: str = ""

    @property
    def complete(self) -> bool:
        """Whether these are all."""
        return not self.cut


class LogSearch:
    """Searches logs, two at once: who comes then waits, and holds no thread for it."""

    def __init__(self, logs: Logs, seconds: float = SECONDS) -> None:
        self._logs = logs
        self._seconds = seconds
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, run: int, wanted: Wanted) -> Hits:
        """The lines that have it. Raises ParameterError for a regular expression that is none."""
        size = self._logs.size(run)
        if not wanted.text or not size:
            return Hits()
        async with self._turns:
            told = await self._ask(self._logs.path(run), size, wanted)
        if reason := told.get("refused"):
            raise ParameterError(f"This can't be searched: {reason}.", "q")
        cut = f"it took longer than {self._seconds:g} s" if told.get("late") else ""
        if told.get("more"):
            cut = f"there are more than {MOST:,} lines with it"
        return Hits(lines=tuple(told["lines"]), searched=told["searched"], cut=cut)

    async def _ask(self, path: Path, size: int, wanted: Wanted) -> dict[str, Any]:
        asked = {
            "path": str(path), "size": size, "text": wanted.text, "regex": wanted.regex,
            "case": wanted.case, "most": MOST, "seconds": self._seconds,
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )
        try:
            async with asyncio.timeout(self._seconds + _GRACE):
                content, _ = await process.communicate(json.dumps(asked).encode())
        except TimeoutError:
            return {"lines": [], "searched": 0, "late": True}
        finally:  # also when nobody waits for the answer any more
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or not content:
            return {"refused": "it needs more time or memory than it may have"}
        told: dict[str, Any] = json.loads(content)
        return told
