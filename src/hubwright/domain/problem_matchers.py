"""How compilers, linters and interpreters print that something is wrong, and how it is read. Pure.

Each matcher takes a line with its neighbours and gives a problem or None. Every pattern is linear: no repetition in it
can match the same text in two ways, and lines are bounded before they come here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from hubwright.domain.places import read_number, relative_path
from hubwright.domain.problems import Problem, Severity


class Around(Protocol):
    """A line of the output, without escapes, and those next to it."""

    @property
    def line(self) -> str:
        """The line."""
        ...

    def after(self, count: int) -> list[str]:
        """At most so many lines behind it."""
        ...

    def before(self, count: int) -> list[str]:
        """At most so many lines before it, the nearest first."""
        ...


Matcher = Callable[[Around, Sequence[str]], Problem | None]
"""Given a line and the workspace's addresses."""

_FILE = r"(?P<file>(?:[A-Za-z]:)?[^\s:(<>|][^:(<>|]{0,400})"
_GNU = re.compile(
    rf"{_FILE}:(?P<line>\d+)(?::(?P<column>\d+))?(?::| -) "
    r"(?P<severity>fatal error|internal compiler error|error|warning)(?: (?P<code>TS\d+))?: (?P<message>.*)"
)
_NOTE = re.compile(r"[^\s:][^:]{0,400}:\d+(?::\d+)?: note: (.*)")
_CODE = re.compile(r" ?\[((?:-W|SC\d|clang-|-f|[a-z][a-z-]+\])[^\[\]\s]*)\]?$|  \[([a-z-]+)\]$")
_MICROSOFT = re.compile(
    r"(?P<file>(?:[A-Za-z]:)?[^\s:(][^:(]{0,400})\((?P<line>\d+)(?:, ?(?P<column>\d+))?(?:,\d+,\d+)?\) ?:? "
    r"(?P<severity>fatal error|error|warning|Error|Warning)(?: (?P<code>[A-Z]+\d+))?: (?P<message>.*)"
)
_RUST = re.compile(r"(?P<severity>error|warning)(?:\[(?P<code>[\w:]+)\])?: (?P<message>.*)")
_ARROW = re.compile(r" *--> (?P<file>[^:]{1,400}):(?P<line>\d+):(?P<column>\d+)$")
_RUFF = re.compile(r"(?P<code>[A-Z]{1,4}\d{3,5}|invalid-syntax)(?: \[\*\])?:? (?P<message>.*)")
_LINT = re.compile(
    rf"{_FILE}:(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Z]{{1,4}}\d{{3,5}})(?: \[\*\])?:? (?P<message>.*)"
)
_GO = re.compile(r"(?:vet: )?(?P<file>[^\s:][^:]{0,400}\.go):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)")
_GO_FRAME = re.compile(r"\t(?P<file>[^:]{1,400}\.go):(?P<line>\d+)(?: \+0x[0-9a-f]+)?$")
_MAVEN = re.compile(
    r"\[(?P<severity>ERROR|WARNING)\] (?P<file>[^:\[]{1,400}):\[(?P<line>\d+),(?P<column>\d+)\] (?P<message>.*)"
)
_CMAKE = re.compile(
    r"CMake (?P<severity>Error|Warning|Deprecation Warning)(?: \(dev\))?(?: at (?P<file>[^:]{1,400}):(?P<line>\d+)"
    r"(?: \((?P<code>[^()\s]{1,80})\))?)?:(?P<message>.*)"
)
_LD = re.compile(
    r"(?:^|: )(?P<file>[^\s:()]{1,400}\.\w{1,8}):(?:(?P<line>\d+):|\([^()]{1,80}\):) ?"
    r"(?P<message>(?:undefined reference|multiple definition) .*)"
)
_ESLINT = re.compile(r"\s{1,8}(?P<line>\d+):(?P<column>\d+)\s{1,8}(?P<severity>error|warning)\s{1,8}(?P<message>\S.*)")
_ESLINT_COMPACT = re.compile(
    r"(?P<file>[^:]{1,400}): line (?P<line>\d+), col (?P<column>\d+), (?P<severity>Error|Warning) - (?P<message>.*)"
)
_SHELLCHECK = re.compile(
    r" *\^-*\^? ?(?:-- )?(?P<code>SC\d{4}) \((?P<severity>error|warning|info|style)\): (?P<message>.*)"
)
_SHELLCHECK_HEAD = re.compile(r"In (?P<file>.{1,400}) line (?P<line>\d+):$")
_PYTEST = re.compile(r"(?P<file>[^\s:][^:]{0,400}\.py):(?P<line>\d+): (?P<message>[A-Za-z_][\w.]*)(?::.*)?$")
_PYTEST_SUMMARY = re.compile(r"(?:FAILED|ERROR) (?P<file>[^\s:]{1,400}\.py)(?P<test>::\S+)?(?: - (?P<message>.*))?$")
_FRAME = re.compile(r' +File "(?P<file>[^"]{1,400})", line (?P<line>\d+)')
_RAISED = re.compile(r"(?:[A-Za-z_][\w.]*)(?:: .*)?$")


def match_line(around: Around, roots: Sequence[str]) -> Problem | None:
    """The problem that the first of all matchers finds in the line."""
    for matcher in _MATCHERS:
        problem = matcher(around, roots)
        if problem is not None:
            return problem
    return None


def _problem(match: re.Match[str], matcher: str, **said: str) -> Problem:
    """The problem whose parts are named in the pattern."""
    parts = {**{name: text or "" for name, text in match.groupdict().items()}, **said}
    word = parts.get("severity", "error").lower()
    return Problem(
        severity=Severity.WARNING if "warning" in word else Severity.NOTICE if word in _MILD else Severity.ERROR,
        message=parts.get("message", ""),
        matcher=matcher,
        file=parts.get("file", ""),
        line=read_number(parts.get("line")),
        column=read_number(parts.get("column")),
        code=parts.get("code", ""),
    )


_MILD = frozenset({"info", "style", "notice"})
_BY_ENDING = {".py": "mypy", ".pyi": "mypy", ".java": "javac", ".sh": "shellcheck", ".bash": "shellcheck", ".ts": "tsc"}


def _ending(path: str) -> str:
    return path[path.rfind(".") :].lower() if "." in path else ""


def match_gnu(around: Around, _: Sequence[str]) -> Problem | None:
    """`file:line:column: error: …` of gcc, clang, mypy, javac, shellcheck and many others; their notes too."""
    match = _GNU.match(around.line)
    if match is None:
        return None
    message, code = match["message"], match["code"] or ""
    if not code and (found := _CODE.search(message)) is not None:
        code, message = (found[1] or found[2]).rstrip("]"), message[: found.start()]
    matcher = "tsc" if match["code"] else _BY_ENDING.get(_ending(match["file"]), "gcc")
    notes = _notes(around) if matcher == "gcc" else []
    return _problem(match, matcher, message="\n".join([message, *notes]), code=code)


def _notes(around: Around) -> list[str]:
    notes: list[str] = []
    for line in around.after(30):
        if _GNU.match(line) or len(notes) == 3:
            break
        if (note := _NOTE.match(line)) is not None:
            notes.append(f"note: {note[1]}")
    return notes


def match_microsoft(around: Around, _: Sequence[str]) -> Problem | None:
    """`file(line,column): error C2065: …` of msvc, tsc and csc, and nim's `file(line, column) Error: …`."""
    match = _MICROSOFT.match(around.line)
    if match is None:
        return None
    code, ending = match["code"] or "", _ending(match["file"])
    matcher = "nim" if ending.startswith(".nim") else "tsc" if code.startswith("TS") else "msvc"
    message = match["message"]
    if message.endswith("]"):
        head, _, tail = message.rpartition(" [")
        message = head if head and (tail.endswith("proj]") or matcher == "nim") else message
    return _problem(match, matcher, message=message)


def match_rust(around: Around, _: Sequence[str]) -> Problem | None:
    """`error[E0308]: …` with `--> file:line:column` behind it."""
    match = _RUST.match(around.line)
    if match is None:
        return None
    arrow = next((found for line in around.after(8) if (found := _ARROW.match(line))), None)
    if arrow is None:
        return None
    place = arrow.groupdict()
    return _problem(match, "rustc", file=place["file"], line=place["line"], column=place["column"])


def match_ruff(around: Around, _: Sequence[str]) -> Problem | None:
    """`F401 …` with `--> file:line:column` behind it."""
    arrow = _ARROW.match(around.line)
    head = next(iter(around.before(1)), "") if arrow is not None else ""
    match = _RUFF.match(head)
    return (
        None
        if arrow is None or match is None
        else _problem(arrow, "ruff", code=match["code"], message=match["message"])
    )


def match_lint(around: Around, _: Sequence[str]) -> Problem | None:
    """`file:line:column: F401 …` of ruff, flake8 and pylint."""
    match = _LINT.match(around.line)
    if match is None or not match["file"].endswith((".py", ".pyi", ".ipynb")):
        return None
    return _problem(match, "ruff", severity="error" if match["code"][0] in "EF" else "warning")


def match_go(around: Around, roots: Sequence[str]) -> Problem | None:
    """`file.go:line:column: …` of the compiler and vet; `panic: …` with the first frame in the workspace."""
    match = _GO.match(around.line)
    if match is not None:
        return _problem(match, "go")
    if not around.line.startswith("panic: "):
        return None
    frames = [found for line in around.after(60) if (found := _GO_FRAME.match(line))]
    frame = next((found for found in frames if relative_path(found["file"], roots)), None)
    place = frame.groupdict() if frame else {"file": "", "line": ""}
    return Problem(Severity.ERROR, around.line, "go", place["file"] or "", read_number(place["line"]))


def match_maven(around: Around, _: Sequence[str]) -> Problem | None:
    """`[ERROR] file:[line,column] …`."""
    match = _MAVEN.match(around.line)
    return None if match is None else _problem(match, "maven")


def match_cmake(around: Around, _: Sequence[str]) -> Problem | None:
    """`CMake Error at file:line (command):` and what is written below it."""
    match = _CMAKE.match(around.line)
    if match is None:
        return None
    message = [match["message"].strip()]
    for line in around.after(8):
        if line and not line.startswith("  "):
            break
        message.append(line.strip())
        if not line and len("".join(message)):
            break
    return _problem(match, "cmake", message="\n".join(part for part in message if part))


def match_linker(around: Around, _: Sequence[str]) -> Problem | None:
    """`file:line: undefined reference to …` of ld."""
    match = _LD.search(around.line)
    return None if match is None else _problem(match, "ld")


def match_eslint(around: Around, _: Sequence[str]) -> Problem | None:
    """eslint's lines below the name of a file (stylish), and those with the name in them (compact)."""
    match = _ESLINT_COMPACT.match(around.line)
    if match is not None:
        message, _, rule = match["message"].rpartition(" (")
        return _problem(match, "eslint", message=message or rule, code=rule.rstrip(")") if message else "")
    match = _ESLINT.match(around.line)
    if match is None:
        return None
    head = next((line for line in around.before(120) if line and not line[0].isspace()), "")
    message, _, rule = match["message"].rstrip().rpartition("  ")
    return _problem(match, "eslint", file=head, message=(message or rule).strip(), code=rule.strip() if message else "")


def match_shellcheck(around: Around, _: Sequence[str]) -> Problem | None:
    """shellcheck's `^-- SC2086 (info): …` below `In file line 3:`."""
    match = _SHELLCHECK.match(around.line)
    head = match and next((found for line in around.before(8) if (found := _SHELLCHECK_HEAD.match(line))), None)
    if not match or not head:
        return None
    return _problem(match, "shellcheck", file=head["file"], line=head["line"])


def match_pytest(around: Around, _: Sequence[str]) -> Problem | None:
    """`tests/test_a.py:12: AssertionError` with pytest's `E` lines before it, and the lines of the short summary."""
    match = _PYTEST.match(around.line)
    if match is not None:
        said = [line[1:].strip() for line in around.before(12) if line.startswith("E  ")]
        reason = "\n".join(reversed(said)) or match["message"]
        return _problem(match, "pytest", message=reason) if said or match["message"].endswith(_RAISING) else None
    match = _PYTEST_SUMMARY.match(around.line)
    if match is None:
        return None
    test = (match["test"] or "")[2:]
    return _problem(match, "pytest", message=": ".join(part for part in (test, match["message"]) if part))


_RAISING = ("Error", "Exception", "Failed", "Exit", "Interrupt", "Warning")


def match_traceback(around: Around, roots: Sequence[str]) -> Problem | None:
    """A Python traceback: what was raised, at the last frame in the workspace."""
    if around.line != "Traceback (most recent call last):":
        return None
    frame = None
    for line in around.after(120):
        if (found := _FRAME.match(line)) is not None:
            file = found["file"]
            if relative_path(file, roots) and "site-packages" not in file:
                frame = found
        elif line and not line[0].isspace():
            place = frame.groupdict() if frame else {"file": "", "line": ""}
            if not _RAISED.match(line):
                return None
            return Problem(Severity.ERROR, line, "python", place["file"] or "", read_number(place["line"]))
    return None


_MATCHERS: tuple[Matcher, ...] = (
    match_gnu,
    match_microsoft,
    match_traceback,
    match_pytest,
    match_rust,
    match_ruff,
    match_lint,
    match_go,
    match_maven,
    match_cmake,
    match_linker,
    match_eslint,
    match_shellcheck,
)
