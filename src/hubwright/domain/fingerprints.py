"""What a failure is known by: its error lines without what differs each time. Pure.

A run that failed has a few symptoms; two that say the same, but for numbers, times, addresses, hashes and places on the
disk, have one fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.error_lines import find_error
from hubwright.domain.results import Result
from hubwright.domain.test_difference import name_test

MOST = 8
"""Symptoms of a run: with more of them it is one thing that broke many."""

MAX_TITLE = 300
"""Characters of a title."""

BAD = frozenset({Result.FAILURE, Result.ERROR, Result.TIMEOUT})
"""Results that have symptoms; a cancellation is none."""

_LONGEST = 2_000  # characters of a line that are compared
_SIGNALS = 128  # exit codes from here on tell of a signal, those below only that something failed


class Kind(StrEnum):
    """What tells of the failure."""

    TEST = "test"
    PROBLEM = "problem"
    LINE = "line"
    END = "end"  # how a stage or the run ended: no time left, a signal, a lost builder


class Symptom(NamedTuple):
    """What a run says of its failure. `title` is that for people, as it came, on one line."""

    fingerprint: str
    kind: Kind
    title: str


class BadTest(NamedTuple):
    """A test case that failed, in the stage at `position`."""

    position: int
    suite: str
    classname: str
    name: str
    message: str


class BadLine(NamedTuple):
    """A problem of severity error, in the log of the stage at `position`."""

    position: int
    file: str
    code: str
    message: str


class BadStage(NamedTuple):
    """A stage that did not end well and was not allowed to; `log` is its part of the log's end, as far as known."""

    position: int
    name: str
    result: str
    exit_code: int | None = None
    detail: str = ""
    log: bytes = b""


def find_symptoms(
    stages: Iterable[BadStage], tests: Sequence[BadTest], problems: Sequence[BadLine], detail: str
) -> list[Symptom]:
    """At most `MOST`, each once. Of a stage its failed tests tell, else its problems, its log, or how it ended.

    `detail` tells how the run ended, and counts where no stage tells anything.
    """
    found = [one for stage in stages for one in _of_stage(stage, tests, problems)]
    if not found and detail.strip():
        found = [_make(Kind.END, _first_line(detail), normalise(_first_line(detail)))]
    return list({one.fingerprint: one for one in reversed(found)}.values())[::-1][:MOST]


def _of_stage(stage: BadStage, tests: Sequence[BadTest], problems: Sequence[BadLine]) -> Iterator[Symptom]:
    failed = [_of_test(one) for one in tests if one.position == stage.position]
    found = failed or [_of_problem(one) for one in problems if one.position == stage.position]
    if not found and (line := _find_line(stage.log)):
        found = [_make(Kind.LINE, line, stage.name, normalise(line))]
    yield from found or _of_end(stage)


def _of_test(test: BadTest) -> Symptom:
    line, name = _find_line(test.message.encode("utf-8", "replace")), name_test(test.classname, test.name)
    line = line or _first_line(test.message)
    names = (test.suite, test.classname, test.name)
    return _make(Kind.TEST, f"{name}: {line}" if line else name, *names, normalise(line))


def _of_problem(problem: BadLine) -> Symptom:
    line = _first_line(problem.message)
    place = f"{problem.file}: " if problem.file else ""
    return _make(Kind.PROBLEM, place + line, normalise(problem.file), problem.code, normalise(line))


def _of_end(stage: BadStage) -> Iterator[Symptom]:
    """A plain exit code says nothing that would tell one failure from another."""
    telling = stage.result != Result.FAILURE or (stage.exit_code or 0) >= _SIGNALS
    said = _first_line(stage.detail) or (f"exit code {stage.exit_code}" if stage.exit_code is not None else "")
    if telling and said:
        signal = str(stage.exit_code or "")
        yield _make(Kind.END, f"stage {stage.name}: {said}", stage.name, stage.result, signal, normalise(said))


def _make(kind: Kind, title: str, *parts: str) -> Symptom:
    text = "\0".join((kind.value, *parts)).encode("utf-8", "surrogatepass")
    return Symptom(blake2b(text, digest_size=8).hexdigest(), kind, " ".join(title.split())[:MAX_TITLE])


def _find_line(log: bytes) -> str:
    """The first line that tells what went wrong, of a traceback the one that ends it; "" when none does."""
    text = strip_escapes(log)
    place = find_error(text)
    if place is None:
        return ""
    if text.startswith(b"Traceback ", place) and (end := _RAISED.search(text, place)) is not None:
        place = end.start()
    return _first_line(text[place : place + _LONGEST].decode("utf-8", "replace"))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rpartition("\r")[2].strip()


_RAISED = re.compile(rb"^(?!Traceback )[^\s]", re.MULTILINE)
_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,15}://(?:[^\s/@'\"<>…]*@)?([^\s/:?#'\"<>()\[\]…]*)[^\s'\"<>()\[\]…]*")
_PATH = re.compile(
    r"(?<![\w…:/.~-])(?:[A-Za-z]:[\\/]|/)(?=[^\s/\\])[^\s:'\"<>|,;()\[\]{}=…]*[/\\][^\s:'\"<>|,;()\[\]{}=…]*"
)
_FILE = re.compile(r"[A-Za-z_][\w.+-]*\.[A-Za-z]\w{0,7}")
_PASSING = re.compile(r"(?:^|[/\\])(?:tmp|temp|T|folders)(?:[/\\]|$)", re.IGNORECASE)
_REPLACED = (
    re.compile(r"(?<![\d…])\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"),
    re.compile(r"\b0[xX][0-9a-fA-F]+"),
    re.compile(r"(?<![\w…])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w…])"),
    re.compile(r"(?<![\w…])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{7,}(?![\w…])"),
    re.compile(r"(?<![\w…])tmp(?=\w*\d)\w{6,}"),
    re.compile(r"(?<![A-Za-z_\d…])\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?"),
    re.compile(r"\d{5,}"),
)
_ROW = re.compile(r"…(?:[\s,:;.*/+-]*…)+")


def normalise(line: str) -> str:
    """The line without numbers, times, addresses, hashes and folders: `…` stands where they were.

    Names keep their digits (`int32_t`, `E0308`) unless there are five in a row; of an absolute path the file's name is
    kept, unless it lies where temporary files do; of a URL its host.
    """
    text = strip_escapes(line[:_LONGEST].encode("utf-8", "replace")).decode("utf-8", "replace")
    text = _PATH.sub(_shorten, _URL.sub(r"url:\1", text))
    for pattern in _REPLACED:
        text = pattern.sub("…", text)
    return " ".join(_ROW.sub("…", text).split())


def _shorten(match: re.Match[str]) -> str:
    folder, _, name = match[0].replace("\\", "/").rpartition("/")
    return "…" if _PASSING.search(folder) or not _FILE.fullmatch(name) else f"…/{name}"
