"""What the logs and tests of a build tell, for its page: problems with their places, how tests changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from hubwright.domain.fingerprints import BAD
from hubwright.domain.known_failures import KnownFailure, issue_address, word_seen
from hubwright.domain.places import source_address, source_base
from hubwright.domain.test_difference import identify
from hubwright.store.test_strips import Mark, Strip, load_strips
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_results import (
    ProblemView,
    RunPlace,
    load_clone_url,
    load_failed_tests,
    load_problem_counts,
    load_problems,
    load_run_places,
)
from hubwright.store.views_values import BuildView, CaseView, RunView
from hubwright.web.pages.log_lines import LogLines

_SHOWN = 200
_CASES = 120
_STRIPS = 10  # tests of a run
_ERRORS, _MILD = 20, 40  # on the whole page
_LISTED = 18  # failed tests
_MESSAGES = 12_000  # characters of theirs

COUNTED = ("now_failing", "now_passing", "still_failing", "new", "gone", "flaky")
"""The counts of a difference, in the order in which they are shown."""


class Room(NamedTuple):
    """How much of each run is shown, so that a page of many stays small: errors, failed tests, characters of a test's
    message, milder problems, names of tests in a list.
    """

    errors: int
    cases: int
    message: int
    mild: int
    names: int


def make_room(bad: int, runs: int) -> Room:
    """The room of each of `bad` runs that went wrong, and of each of all `runs`."""
    cases = min(10, max(3, _LISTED // max(bad, 1)))
    return Room(
        errors=min(20, max(3, _ERRORS // max(bad, 1))),
        cases=cases,
        message=min(4_000, _MESSAGES // (cases * max(bad, 1))),
        mild=min(_MILD, max(3, _MILD // max(runs, 1))),
        names=20 if runs <= 3 else 3,
    )


class KnownLine(NamedTuple):
    """What is known of a failure of a run; `words` without its issue, whose page is at `issue_url`.

    `known`: it was seen before the build, or is linked.
    """

    failure: KnownFailure
    known: bool
    words: str
    issue_url: str | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What the database knows: failed tests and problems by run, and the runs that tests were compared with.

    `source` gives the address of a line in a file on GitHub; None when there is none.
    """

    cases: dict[int, tuple[CaseView, ...]]
    problems: dict[int, tuple[ProblemView, ...]]
    previous: dict[int, RunPlace]
    source: Callable[[str | None, int | None], str | None]
    strips: dict[int, tuple[Strip, ...]]
    counts: dict[int, dict[str, int]]
    known: dict[int, tuple[KnownLine, ...]]

    def count(self, run: RunView, *severities: str) -> int:
        """How many problems of these severities the run has, shown or not."""
        return sum(self.counts.get(run.id, {}).get(severity, 0) for severity in severities)

    def identity_of(self, case: CaseView) -> int:
        """The number that the case's test has on every run: its page goes by it."""
        return identify(case.suite, case.classname, case.name)

    def strip_of(self, run: RunView, case: CaseView) -> tuple[Mark, ...]:
        """What the case's test did in the last runs like this one, the oldest first; nothing of its first."""
        strips = self.strips.get(identify(case.suite, case.classname, case.name), ())
        like = (one.marks for one in strips if one.platform == run.platform and one.matrix == run.matrix)
        marks = next(like, ())
        return tuple(reversed(marks)) if len(marks) > 1 else ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, the line of the log that says it, and the address of its place in the source."""

    problem: ProblemView
    line: int | None
    source: str | None

    @property
    def place(self) -> str:
        """`src/ring.c:88:23`, or nothing."""
        parts = (self.problem.file, self.problem.line, self.problem.col)
        return ":".join(str(part) for part in parts if part is not None) if self.problem.file else ""


def load_findings(connection: Connection, build: BuildView, hosted: str) -> Findings:
    """The findings of a build's runs; `hosted` is where repositories are."""
    runs = [run.id for run in build.runs]
    base = source_base(hosted, load_clone_url(connection, build.job_id), build.repository)
    cases = load_failed_tests(connection, runs, _CASES)
    tests = {identify(case.suite, case.classname, case.name) for each in cases.values() for case in each[:_STRIPS]}
    return Findings(
        cases,
        load_problems(connection, runs, _SHOWN),
        load_run_places(connection, [run.tests_previous for run in build.runs if run.tests_previous is not None]),
        lambda file, line: source_address(base, build.sha, file, line),
        load_strips(connection, build, tests),
        load_problem_counts(connection, runs),
        _load_known(connection, build, hosted),
    )


def _load_known(connection: Connection, build: BuildView, hosted: str) -> dict[int, tuple[KnownLine, ...]]:
    """What is known of the failures of each run that did not end well."""
    runs = [run.id for run in build.runs if run.result in BAD]
    platforms, began = {run.platform for run in build.runs}, build.queued_at

    def tell(one: KnownFailure) -> KnownLine:
        words = word_seen(one, platforms, began)
        return KnownLine(one, one.is_known(began), words, issue_address(one.issue, hosted))

    return {run: tuple(map(tell, found)) for run, found in load_failures_of_runs(connection, runs).items()}


def find_lines(found: Findings, logs: LogLines, runs: Sequence[RunView]) -> dict[int, list[Finding]]:
    """The problems by run, with their lines of the log. Reads files: call it in a thread."""
    return {
        run.id: [
            Finding(
                one,
                None if one.log_offset is None else logs.line_at(run.id, one.log_offset),
                found.source(one.file, one.line),
            )
            for one in found.problems.get(run.id, ())
        ]
        for run in runs
    }
