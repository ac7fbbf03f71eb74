"""Test reports read into test cases: JUnit XML and TAP, told apart by their content. Pure: bytes in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from hubwright.wire import Case, Totals

MAX_CASES = 20_000
"""Cases of a stage that are kept; what lies beyond is counted by nobody and told as a warning."""

MAX_REPORT = 64 * 1024 * 1024
"""Bytes of one report file that are read."""

_MESSAGE = 2_000
_NAME = 500
_TAP_LINE = re.compile(r"(?P<no>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]*-)?[ \t]*(?P<name>[^#\n]*)(?:#\s*(?P<note>.*))?")
_TAP_TIME = re.compile(r"duration_ms:?\s*([0-9.]+)|time=([0-9.]+)(ms|s)")
_VERDICTS = {"failure": "failed", "error": "error", "skipped": "skipped"}


class UnreadableReportError(ValueError):
    """The file is no test report that is read here; the message says why, in one sentence."""


def read_report(content: bytes, file: str) -> list[Case]:
    """The cases of a report of either kind. `file` names the suite where the report does not. At most MAX_CASES.

    Raises UnreadableReportError.
    """
    start = content[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    return read_junit(content, file) if start.startswith(b"<") else read_tap(content, file)


def read_junit(content: bytes, file: str = "") -> list[Case]:
    """The `testcase` elements, wherever they are. Raises UnreadableReportError.

    A document with a DOCTYPE, and so with entities of its own, is refused. https://github.com/testmoapp/junitxml
    """
    collector = _Collector(file)
    parser = ElementTree.XMLParser(target=collector)  # noqa: S314  no DTD gets past the collector
    try:
        parser.feed(content.lstrip(b" \t\r\n"))
        parser.close()
    except UnreadableReportError:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnreadableReportError(f"{file} is not well-formed XML: {error}.") from error
    return collector.cases


class _Collector:
    """Takes the parser's events and keeps the cases; no tree is built."""

    def __init__(self, file: str) -> None:
        self.cases: list[Case] = []
        self._file = file
        self._suites: list[str] = []
        self._case: dict[str, str] | None = None
        self._verdict = ""
        self._message: list[str] = []
        self._text: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins; of several verdicts on a case the first counts."""
        name = tag.rpartition("}")[2]
        if name == "testsuite":
            self._suites.append(attributes.get("name", ""))
        elif name == "testcase":
            self._case, self._verdict, self._message = attributes, "", []
        elif self._case is not None and name in _VERDICTS and not self._verdict:
            self._verdict = _VERDICTS[name]
            self._message = [attributes.get("message", "")]
            self._text = []

    def data(self, text: str) -> None:
        """Text; only that of a verdict is kept."""
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """An element ends."""
        name = tag.rpartition("}")[2]
        if name == "testsuite" and self._suites:
            self._suites.pop()
        elif name == "testcase" and self._case is not None:
            if len(self.cases) < MAX_CASES:
                self.cases.append(self._finished(self._case))
            self._case = None
        elif self._text is not None and name in _VERDICTS:
            self._message.append("".join(self._text).strip())
            self._text = None

    def doctype(self, *_: str | None) -> None:
        """A DOCTYPE could define entities that grow without bound or name other files."""
        raise UnreadableReportError(f"{self._file} has a DOCTYPE, which reports may not have.")

    def close(self) -> None:
        """The document has ended."""

    def _finished(self, case: dict[str, str]) -> Case:
        return Case(
            suite=next((suite for suite in reversed(self._suites) if suite), self._file)[:_NAME],
            classname=(case.get("classname") or case.get("class") or "")[:_NAME],
            name=case.get("name", "")[:_NAME],
            result=self._verdict or "passed",
            seconds=_seconds(case.get("time")),
            message="\n".join(part for part in self._message if part)[:_MESSAGE],
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
