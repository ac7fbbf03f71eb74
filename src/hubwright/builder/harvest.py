"""Test reports read into test cases: JUnit XML and TAP, told apart by their content. Pure: bytes in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from xml.etree import ElementTree

from hubwright.wire import Case, Totals

MAX_CASES = 20_000
"""Cases of a stage that are kept; what lies beyond is counted by nobody and told as a warning."""

MAX_REPORT = 64 * 1024 * 1024
"""Bytes of one report file that are read."""

_MESSAGE = 2_000
_NAME = 500
_FORBIDDEN = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_TAP_LINE = re.compile(r"(?P<no>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]*-)?[ \t]*(?P<name>[^#\n]*)(?:#\s*(?P<note>.*))?")
_TAP_TIME = re.compile(r"duration_ms:?\s*([0-9.]+)|time=([0-9.]+)(ms|s)")
_VERDICTS = {"failure": "failed", "error": "error", "skipped": "skipped"}


class UnreadableReportError(ValueError):
    """The file is no test report that is read here; the message says why, in one sentence."""


def read_report(content: bytes, file: str) -> list[Case]:
    """The cases of a report of either kind. `file` names the suite where the report does not. At most MAX_CASES.

    Raises UnreadableReportError.
    """
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return read_junit(content, file)
    return read_tap(content, file)


def read_junit(content: bytes, file: str = "") -> list[Case]:
    """The `testcase` elements, wherever they are. A document with a DOCTYPE or entities of its own is refused.

    https://github.com/testmoapp/junitxml
    """
    text = content if b"\0" not in content[:4] else content.decode("utf-16", "replace").encode()
    if _FORBIDDEN.search(text):
        raise UnreadableReportError(f"{file} has a DOCTYPE or ENTITY, which reports may not have.")
    try:
        found = ElementTree.iterparse(BytesIO(content), ["start", "end"])  # noqa: S314  no DTD gets here
        return list(islice(_walk(found, file), MAX_CASES))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnreadableReportError(f"{file} is not well-formed XML: {error}.") from error


def _walk(found: Iterable[tuple[str, ElementTree.Element]], file: str) -> Iterator[Case]:
    suites: list[str] = []
    for kind, element in found:
        name = element.tag.rpartition("}")[2]
        if name == "testsuite" and kind == "start":
            suites.append(element.get("name") or "")
        elif name == "testsuite":
            suites.pop()
        elif name == "testcase" and kind == "end":
            yield _case(element, next((suite for suite in reversed(suites) if suite), file))
            element.clear()


def _case(element: ElementTree.Element, suite: str) -> Case:
    result, message = "passed", ""
    for child in element:
        verdict = _VERDICTS.get(child.tag.rpartition("}")[2])
        if verdict is not None:
            result = verdict
            message = "\n".join(part for part in (child.get("message"), (child.text or "").strip()) if part)
            break
    return Case(
        suite=suite[:_NAME],
        classname=(element.get("classname") or element.get("class") or "")[:_NAME],
        name=(element.get("name") or "")[:_NAME],
        result=result,
        seconds=_seconds(element.get("time")),
        message=message[:_MESSAGE],
    )


def _seconds(text: str | None) -> float | None:
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def read_tap(content: bytes, file: str = "") -> list[Case]:
    """The test lines of TAP 12 to 14, subtests too; diagnostics of a failed test are its message.

    https://testanything.org/tap-version-14-specification.html
    """
    cases: list[Case] = []
    found = False
    lines = content.decode("utf-8", "replace").splitlines()
    for position, line in enumerate(lines):
        text = line.strip()
        found = found or bool(re.match(r"TAP version \d+|1\.\.\d+", text))
        match = _TAP_LINE.match(text)
        if match and not text.startswith("ok:") and len(cases) < MAX_CASES:
            cases.append(_tap_case(match, file, lines[position + 1 : position + 41]))
        if text.startswith("Bail out!"):
            cases.append(Case(suite=file, classname="", name="Bail out!", result="error", message=text[:_MESSAGE]))
    if not found:
        raise UnreadableReportError(f"{file} is neither JUnit XML nor TAP.")
    return cases


def _tap_case(match: re.Match[str], file: str, following: Iterable[str]) -> Case:
    note = (match["note"] or "").strip()
    directive = note.upper()
    failed = bool(match["no"])
    if directive.startswith("SKIP") or (directive.startswith("TODO") and failed):
        result = "skipped"
    else:
        result = "failed" if failed else "passed"
    timed = _TAP_TIME.search(note)
    seconds = None
    if timed:
        seconds = _seconds(timed[1] or timed[2])
        seconds = seconds / 1000 if seconds is not None and timed[3] != "s" else seconds
    message = "\n".join(_diagnostics(following)) if failed else note
    return Case(
        suite=file[:_NAME],
        classname="",
        name=match["name"].strip()[:_NAME],
        result=result,
        seconds=seconds,
        message=message[:_MESSAGE],
    )


def _diagnostics(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        if _TAP_LINE.match(text) or text.startswith("1.."):
            return
        if text:
            yield text.removeprefix("# ")


def count_cases(cases: Iterable[Case]) -> Totals:
    """How many passed, were skipped, failed (errors are failures here)."""
    counts = {"passed": 0, "skipped": 0, "failed": 0}
    for case in cases:
        counts[case.result if case.result in counts else "failed"] += 1
    return Totals(total=sum(counts.values()), **counts)
