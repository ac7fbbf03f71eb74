"""The inputs that are kept: of each target those that together reach all that was ever reached, and findings."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import hubwright
from fuzz.targets import Target

FOLDER = Path(__file__).parent
SOURCE = str(Path(hubwright.__file__).parent)
LARGEST = 8_192
"""Bytes of an input that is kept; findings may be larger."""

Step = tuple[CodeType, int, int]
"""From one line of a function to the next."""


def name_of(data: bytes) -> str:
    """What an input is called: by its content."""
    return hashlib.sha256(data).hexdigest()[:16]


def load_corpus(name: str) -> list[bytes]:
    """The inputs that are kept, in the order of their names; none where there is no file yet."""
    file = FOLDER / "corpus" / f"{name}.zip"
    if not file.exists():
        return []
    with zipfile.ZipFile(file) as archive:
        return [archive.read(one) for one in archive.infolist()]


def keep_corpus(name: str, inputs: Iterable[bytes]) -> int:
    """Write the file; the same inputs give the same bytes. How many there are."""
    named = {name_of(data): data for data in inputs}
    file = FOLDER / "corpus" / f"{name}.zip"
    file.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for key in sorted(named):
            archive.writestr(zipfile.ZipInfo(key), named[key], zipfile.ZIP_DEFLATED, 9)
    return len(named)


def load_findings(name: str) -> dict[str, bytes]:
    """What broke the target once, by the names of the files: whoever mends it leaves the file there."""
    return {path.name: path.read_bytes() for path in sorted((FOLDER / "findings" / name).glob("*"))}


def minimise(target: Target, inputs: Iterable[bytes]) -> tuple[list[bytes], set[Step]]:
    """Few and short inputs that take every step of Hubwright's code that all of them take, and those steps."""
    kept: list[bytes] = []
    good: list[bytes] = []
    known: set[Step] = set()
    for data in sorted({one for one in inputs if len(one) <= LARGEST}, key=lambda one: (len(one), one)):
        with tracing() as steps, suppress(Exception):  # findings are kept elsewhere
            target.read(data)
            good.append(data)
        if good[-1:] == [data] and not steps <= known:
            kept.append(data)
            known |= steps
    return kept, known


def lines_reached(target: Target, steps: set[Step]) -> tuple[int, int]:
    """How many lines of the target's modules the steps have reached, and how many there are in functions."""
    reached: dict[str, set[int]] = {}
    for code, _, line in steps:
        reached.setdefault(code.co_filename, set()).add(line)
    files = modules_of(target).values()
    wanted = {str(path): _lines_of(compile(path.read_bytes(), str(path), "exec")) for path in files}
    return sum(len(lines & reached.get(file, set())) for file, lines in wanted.items()), sum(map(len, wanted.values()))


def modules_of(target: Target) -> dict[str, Path]:
    """The modules that a target is to reach, by their full names."""
    files = sorted(Path(SOURCE).rglob("*.py"))
    return {f"hubwright.{_name_of(path)}": path for path in files if _name_of(path).startswith(target.modules)}


@contextmanager
def tracing() -> Iterator[set[Step]]:
    """The steps that are taken in Hubwright's code meanwhile."""
    steps: set[Step] = set()
    before: dict[FrameType, int] = {}

    def on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(SOURCE) else None

    def on_line(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            steps.add((frame.f_code, before.get(frame, 0), frame.f_lineno))
            before[frame] = frame.f_lineno
        elif event == "return":
            before.pop(frame, None)
        return on_line

    old = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield steps
    finally:
        sys.settrace(old)


def _name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def _lines_of(code: CodeType) -> set[int]:
    """The lines of the functions in it: what runs at import alone is no achievement."""
    found: set[int] = set()
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & 0x1:  # has locals of its own: a function, no class
                found |= {line for *_, line in inner.co_lines() if line is not None and line != inner.co_firstlineno}
            found |= _lines_of(inner)
    return found
