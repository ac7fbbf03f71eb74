"""Problems: what lines of a log say is wrong, with file and line. Which ones are kept of many. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MAX_PROBLEMS = 500
"""Problems of a stage that are kept."""

MAX_OF_MATCHER = 50
"""Problems of one matcher and severity that are kept: fifty warnings must not hide an error."""

MAX_MESSAGE = 2_000
"""Characters of a problem's message."""


class Severity(StrEnum):
    """How bad it is, in the words of GitHub's annotations."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Problem(NamedTuple):
    """One problem. `file` is as printed, "" when none is named; `offset` is where its line begins in the run's log."""

    severity: Severity
    message: str
    matcher: str
    file: str = ""
    line: int | None = None
    column: int | None = None
    code: str = ""
    offset: int | None = None


class Found:
    """Problems in the order found, each once, within the bounds; `left_out` counts the others."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._known: set[tuple[object, ...]] = set()
        self._counts: dict[tuple[str, str], int] = {}
        self._taken = 0
        self.left_out = 0

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        return len(self._problems) >= MAX_PROBLEMS

    def add(self, problem: Problem) -> None:
        """Keep it, unless it is known or too many of its kind are."""
        key = (problem.severity, problem.file, problem.line, problem.column, problem.message[:300])
        if key in self._known:
            return
        kind = (problem.matcher, problem.severity.value)
        if self.full or self._counts.get(kind, 0) >= MAX_OF_MATCHER:
            self.left_out += 1
            return
        self._known.add(key)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._problems.append(problem._replace(message=problem.message.strip()[:MAX_MESSAGE] or "(no message)"))

    def names(self, matcher: str, file: str) -> bool:
        """Whether a problem of this matcher in this file is known."""
        return any(problem.matcher == matcher and problem.file == file for problem in self._problems)

    def take_new(self) -> list[Problem]:
        """Those that were not taken yet, in the order found; they stay known."""
        new = self._problems[self._taken :]
        self._taken = len(self._problems)
        return new

    def take(self) -> list[Problem]:
        """Those that were not taken yet, in the order found; afterwards nothing is known."""
        problems = self.take_new()
        self.__init__()  # type: ignore[misc]
        return problems
