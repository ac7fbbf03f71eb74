"""Test reports in TAP, versions 12 to 14. Pure.

https://testanything.org/tap-version-14-specification.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hubwright.builder.report_cases import MAX_CASES, UnreadableReportError, make_case, read_seconds
from hubwright.wire import Case

_POINT = re.compile(
    r"(?P<indent>[ \t]*)(?P<no>not )?ok\b(?!:)(?:[ \t]+(?P<number>\d+))?(?:[ \t]*-)?[ \t]*"
    r"(?P<name>(?:[^#\\\n]|\\.|\\$|(?<![ \t])#|#(?![ \t]*(?i:skip|todo|time|duration)))*)"
    r"(?:#[ \t]*(?P<note>.*))?"
)
_PLAN = re.compile(r"1\.\.(\d{1,9})(?:[ \t]*#[ \t]*(?:SKIP\S*)?[ \t]*(.*))?", re.IGNORECASE)
_TIME = re.compile(r"(?:duration_ms:?|time=)[ \t]*([0-9.]+)(ms|s)?")
_LONGEST = 20_000
_DIAGNOSTICS = 400
_PLACE = re.compile(r"^[ \t]*(file|line)(?:name)?:[ \t]*['\"]?([^'\"\n]+)", re.MULTILINE)


def read_tap(content: bytes, file: str = "", most: int = MAX_CASES) -> list[Case]:
    """The test points; of a subtest its own points, and the point that sums them up only where it says more.

    Diagnostics of a failed test are its message. A plan that was not kept and a bail-out are errors.
    Raises UnreadableReportError.
    """
    lines = content.decode("utf-8", "replace").splitlines()
    reading = _Tap(file, most)
    for position, line in enumerate(lines):
        reading.read(line[:_LONGEST], lines, position)
    if not reading.found:
        raise UnreadableReportError(
            f"{file} is no test report that is known here: neither JUnit or CTest XML, TAP, `go test -json` nor nim's."
        )
    return reading.finish()


class _Tap:
    def __init__(self, file: str, most: int) -> None:
        self.found = False
        self._file = file
        self._most = most
        self._cases: list[tuple[int, Case]] = []  # with the indentation of those that no point has summed up
        self._plan: tuple[int, str] | None = None
        self._points = 0
        self._bailed = False
        self._yaml_end: int | None = None

    def read(self, line: str, lines: list[str], position: int) -> None:
        text = line.strip()
        if text == "---" or self._yaml_end is not None:
            self._skip_yaml(line, text)
            return
        if text.startswith("Bail out!") and not self._bailed:
            self._bailed = self.found = True
            self._cases.append((0, make_case((self._file, "", "Bail out!"), "error", message=text)))
        elif (plan := _PLAN.fullmatch(text)) or text.startswith("TAP version "):
            self.found = True
            if plan and line[:1].strip():
                self._plan = (int(plan[1]), (plan[2] or "").strip())
        elif (point := _POINT.fullmatch(line)) is not None:
            self._add(point, lines[position + 1 : position + _DIAGNOSTICS])

    def _skip_yaml(self, line: str, text: str) -> None:
        indent = len(line) - len(line.lstrip())
        if self._yaml_end is None:
            self._yaml_end = indent
        elif text == "..." and indent <= self._yaml_end:
            self._yaml_end = None

    def _add(self, point: re.Match[str], following: Iterable[str]) -> None:
        indent = len(point["indent"].expandtabs(4))
        self._points += indent == 0
        case = _read_point(point, self._file, following)
        children = self._close(indent, case.name)
        failed = {"failed", "error"}
        if children and not (case.result in failed and not any(one.result in failed for one in children)):
            return
        if len(self._cases) < self._most:
            self._cases.append((indent, case))

    def _close(self, indent: int, name: str) -> list[Case]:
        """The points of the subtest that ends here; they get its name as their class."""
        start = len(self._cases)
        while start and self._cases[start - 1][0] > indent:
            start -= 1
        children = [_within(case, name) for _, case in self._cases[start:]]
        self._cases[start:] = [(indent, case) for case in children]
        return children

    def finish(self) -> list[Case]:
        """All cases, with what the plan says of them."""
        cases = [case for _, case in self._cases]
        if self._plan is None or self._bailed:
            return cases
        planned, reason = self._plan
        if planned == 0 and not cases:
            return [make_case((self._file, "", "all tests"), "skipped", message=reason)]
        if planned != self._points and len(cases) < self._most:
            told = f"The plan says {planned} tests, the report has {self._points}."
            cases.append(make_case((self._file, "", f"plan 1..{planned}"), "error", message=told))
        return cases


def _within(case: Case, name: str) -> Case:
    names = (case.suite, f"{name} > {case.classname}" if case.classname else name, case.name)
    place = (case.file, case.line)
    return make_case(names, case.result, case.seconds, case.message, place)


def _read_point(point: re.Match[str], file: str, following: Iterable[str]) -> Case:
    note = (point["note"] or "").strip()
    directive = note.upper()
    failed = bool(point["no"])
    result = "failed" if failed else "passed"
    if directive.startswith("SKIP") or (directive.startswith("TODO") and failed):
        result = "skipped"
    details = "\n".join(_diagnostics(following))
    timed = _TIME.search(note) or _TIME.search(details)
    seconds = read_seconds(timed[1]) if timed else None
    if seconds is not None and timed is not None and timed[2] != "s":
        seconds /= 1000
    said = {match[1]: match[2].strip() for match in _PLACE.finditer(details)} if failed else {}
    name = re.sub(r"\\(.)", r"\1", point["name"].strip()) or (f"test {point['number']}" if point["number"] else "")
    message = details if result == "failed" else note if result == "skipped" else ""
    return make_case((file, "", name), result, seconds, message, (said.get("file"), said.get("line")))


def _diagnostics(lines: Iterable[str]) -> Iterator[str]:
    """The comments and the YAML block behind a point."""
    yaml = False
    for line in lines:
        text = line.strip()
        yaml = yaml or text == "---"
        if text.startswith("# Subtest") or (not yaml and (_POINT.fullmatch(line[:_LONGEST]) or _PLAN.fullmatch(text))):
            return
        if text == "...":
            return
        if text and text != "---":
            yield text.removeprefix("# ") if not yaml else line.rstrip()[:_LONGEST]
