"""Test reports read into test cases, told apart by their content. Pure: bytes in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hubwright.builder.report_cases import MAX_CASES, UnreadableReportError
from hubwright.builder.reports_json import is_go, read_go, read_nim
from hubwright.builder.reports_tap import read_tap
from hubwright.builder.reports_xml import read_xml
from hubwright.wire import Case, Totals

__all__ = ["MAX_CASES", "MAX_REPORT", "UnreadableReportError", "count_cases", "merge_attempts", "read_report"]

MAX_REPORT = 64 * 1024 * 1024
"""Bytes of one report file that are read, unless the hub says otherwise."""

_FAILED = frozenset({"failed", "error"})


def read_report(content: bytes, file: str, most: int = MAX_CASES) -> list[Case]:
    """The cases of a report, at most `most`: JUnit or CTest XML, TAP, `go test -json` or nim's testresults.

    `file` names the suite where the report does not. Files and lines of the cases are as the report has them.
    Raises UnreadableReportError.
    """
    start = content[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if start.startswith(b"<"):
        return read_xml(content, file, most)
    if start.startswith((b"{", b"[")):
        return read_go(content, file, most) if _has_go(start) else read_nim(_without_mark(content), file, most)
    if _has_go(start):
        return read_go(content, file, most)
    return read_tap(_without_mark(content), file, most)


def _without_mark(content: bytes) -> bytes:
    return content.removeprefix(b"\xef\xbb\xbf")


def _has_go(start: bytes) -> bool:
    """Whether one of the first lines is go's; others, a download for example, may come before."""
    return any(is_go(line) for line in start.splitlines()[:20] if line.startswith(b"{") and line.endswith(b"}"))


def merge_attempts(attempts: Sequence[Sequence[Case]]) -> list[Case]:
    """The cases of a stage that was tried several times: of each case the last attempt counts.

    A case that failed in one attempt and passed in a later one is flaky, and keeps what its failure said.
    """
    found: dict[tuple[str, str, str, int], Case] = {}
    for cases in attempts:
        seen: dict[tuple[str, str, str], int] = {}
        for case in cases:
            names = (case.suite, case.classname, case.name)
            seen[names] = seen.get(names, 0) + 1  # of equal names within one attempt each is a case of its own
            key = (*names, seen[names])
            found[key] = _retried(found[key], case) if key in found else case
    return list(found.values())


def _retried(before: Case, after: Case) -> Case:
    if after.result != "passed" or not (before.flaky or before.result in _FAILED):
        return after
    return msgspec.structs.replace(after, flaky=True, message=after.message or before.message)


def count_cases(cases: Iterable[Case]) -> Totals:
    """How many passed, were skipped, failed (errors are failures here)."""
    counts = {"passed": 0, "skipped": 0, "failed": 0}
    for case in cases:
        counts[case.result if case.result in counts else "failed"] += 1
    return Totals(total=sum(counts.values()), **counts)
