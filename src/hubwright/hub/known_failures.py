"""What a run that failed is known by: found and counted in the transaction that ends it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from hubwright.domain.fingerprints import BAD, find_symptoms
from hubwright.domain.known_failures import read_issue
from hubwright.domain.results import Result
from hubwright.errors import UnprocessableError
from hubwright.hub.logs import Logs
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.known_failures import (
    Seen,
    keep_symptoms,
    link_issue,
    load_bad_lines,
    load_bad_tests,
    load_ended,
    load_repository,
)

READ = 256 * 1024
"""Bytes at the end of a log in which errors are looked for, where neither tests nor problems tell of any."""


class Tail(NamedTuple):
    """The end of a log: where it begins, in bytes, and what it is."""

    start: int
    data: bytes


NOTHING = Tail(0, b"")
"""Where there is no log, or it says nothing of why the run ended."""


class Ending(NamedTuple):
    """How a run ended, and when (Unix seconds); with the end of its log, where that tells why."""

    result: Result
    detail: str
    at: float
    tail: Tail = NOTHING


def read_tail(logs: Logs, run: int) -> Tail:
    """The end of a run's log."""
    start = max(logs.size(run) - READ, 0)
    return Tail(start, logs.read(run, start, READ))


def note_failure(connection: Connection, row: Row[Any], ending: Ending) -> None:
    """Count what a run failed with; nothing of cancellations and of searches' own builds."""
    if ending.result not in BAD:
        return
    ended = load_ended(connection, row.id)
    if ended.event == BUILT_FOR_IT:
        return
    stages = [stage._replace(log=_cut(ending.tail, start, end)) for stage, start, end in ended.stages]
    tests, problems = load_bad_tests(connection, row.id), load_bad_lines(connection, row.id)
    said = ending.detail.replace(row.builder, "…") if row.builder else ending.detail
    symptoms = find_symptoms(stages, tests, problems, said)
    keep_symptoms(connection, Seen(row.id, row.family or row.job_id, row.platform, ending.at), symptoms)


class IssueWish(NamedTuple):
    """Which issue somebody says a failure is about, as typed, "" for none; and when (Unix seconds)."""

    text: str
    by: str
    at: float


def link_failure(connection: Connection, number: int, wish: IssueWish, hosted: str) -> None:
    """Link a known failure; GitHub's pages are below `hosted`. Raises NotFoundError, UnprocessableError."""
    issue = read_issue(wish.text, load_repository(connection, number), hosted)
    if issue is None and wish.text.strip():
        raise UnprocessableError("issue: 7, #7, OWNER/NAME#7 or the address of an issue is expected.", "/issue")
    link_issue(connection, number, issue, wish.by, wish.at)


def _cut(tail: Tail, start: int, end: int | None) -> bytes:
    """What of the log's end lies between two offsets; from the first whole line on."""
    begin = max(start - tail.start, 0)
    data = tail.data[begin : None if end is None else max(end - tail.start, 0)]
    return data.partition(b"\n")[2] if start < tail.start else data
