"""Questions in SQL to SQLite: each is answered by a process of its own, which is killed when its time is over.

SQLite looks at the clock between the instructions of its machine, and `trim`, `instr` or `replace` of long texts is one
instruction that takes hours. What that process may do is in `sql_process`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hubwright.errors import UnprocessableError
from hubwright.store.sql_answers import Bounds, Found
from hubwright.store.sql_tables import HIDDEN, READABLE

GRACE = 2.0
"""Seconds for its start and for the way back of the answer."""

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from hubwright.store.sql_process import main; main()"
_ROOT = str(Path(__file__).parents[2])
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "SQLITE_TMPDIR")


def ask_sqlite(path: str, question: str, bounds: Bounds) -> Found:
    """The answer from the database file. Raises UnprocessableError."""
    told = _ask(path, question, bounds)
    if told.get("late"):
        raise _late(bounds)
    if told.get("silent"):
        raise UnprocessableError("Only a SELECT has an answer here.")
    if reason := told.get("refused"):
        raise _explain(str(reason))
    return Found(tuple(told["columns"]), [tuple(row) for row in told["rows"]], told["cut"])


def _ask(path: str, question: str, bounds: Bounds) -> dict[str, Any]:
    asked = {
        "path": str(Path(path).absolute()), "question": question, "rows": bounds.rows, "seconds": bounds.seconds,
        "size": bounds.size, "readable": sorted(READABLE), "hidden": sorted(HIDDEN),
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=bounds.seconds + GRACE,
            check=False,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )
    except subprocess.TimeoutExpired as error:
        raise _late(bounds) from error
    if done.returncode != 0 or not done.stdout:
        raise UnprocessableError("The question needed more time or memory than it may have, and was stopped.")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _late(bounds: Bounds) -> UnprocessableError:
    return UnprocessableError(f"The question took longer than {bounds.seconds:g} s and was stopped.")


def _explain(reason: str) -> UnprocessableError:
    if "prohibited" in reason or "not authorized" in reason:
        return UnprocessableError(
            f"This can't be read or done with SQL ({reason}): only SELECT, and only from the tables of docs/replica.md."
        )
    return UnprocessableError(f"The database refused the question: {reason}.")
