"""The test reports of a stage, read after each of its attempts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hubwright.builder.files import find_files
from hubwright.builder.harvest import UnreadableReportError, count_cases, merge_attempts, read_report
from hubwright.builder.inside import open_inside, settle
from hubwright.builder.source_files import SourceFiles
from hubwright.domain.problems import Problem
from hubwright.wire import Case, ReportLimits, Totals
from hubwright.wire import Problem as ToldProblem

_WARNINGS = 20  # about reports of one stage


@dataclass(frozen=True)
class Harvest:
    """What the reports say; `totals` None when there was no report."""

    cases: list[Case] = field(default_factory=list)
    totals: Totals | None = None
    warnings: list[str] = field(default_factory=list)


class ReportFiles:
    """Reads the files that `globs` name in a workspace; does file work: call it in a thread.

    Of a case that several attempts of the stage report the last one counts; a file that an attempt did not write anew
    belongs to the attempt that wrote it.
    """

    def __init__(self, tree: Path, globs: tuple[str, ...], directory: str, limits: ReportLimits) -> None:
        self._tree = tree
        self._globs = globs
        self._limits = limits
        self._sources = SourceFiles(tree, directory)
        self._read: dict[Path, tuple[int, int]] = {}
        self._attempts: list[list[Case]] = []
        self._warnings: dict[str, None] = {}

    def look(self) -> None:
        """Read what the attempt that has just ended wrote."""
        cases: list[Case] = []
        files = find_files(self._tree, self._globs) if self._globs else []
        if len(files) > self._limits.files:
            self._warn(f"Of {len(files)} report files the first {self._limits.files} are read.")
        for file in files[: self._limits.files]:
            cases += self._read_file(file)
            if len(cases) > self._limits.cases:
                self._warn(f"Of more than {self._limits.cases} test cases in the reports the first are kept.")
                break
        self._attempts.append(cases[: self._limits.cases])

    def finish(self) -> Harvest:
        """Everything, after the last attempt."""
        self.look()
        cases = merge_attempts(self._attempts)[: self._limits.cases]
        return Harvest(
            cases=[self._settle(case) for case in cases],
            totals=count_cases(cases) if self._read else None,
            warnings=list(self._warnings)[:_WARNINGS],
        )

    def _read_file(self, file: Path) -> list[Case]:
        try:
            with open_inside(settle(self._tree), file) as content:
                status = os.fstat(content.fileno())
                stamp = (status.st_mtime_ns, status.st_size)
                if self._read.get(file) == stamp:
                    return []
                self._read[file] = stamp
                report = content.read(self._limits.size + 1)
            if len(report) > self._limits.size:
                raise UnreadableReportError(f"{file} is larger than {self._limits.size} bytes.")
            return read_report(report, str(file), self._limits.cases + 1)
        except UnreadableReportError as error:
            kept = f" Its first {len(error.cases)} test cases are kept." if error.cases else ""
            self._warn(f"Report not read{' to its end' if kept else ''}: {error}{kept}")
            return error.cases
        except OSError as error:
            self._warn(f"Report not read: {file}: {error.strerror}.")
            return []

    def _settle(self, case: Case) -> Case:
        if not case.file:
            return case
        file = self._sources.find(case.file)
        return msgspec.structs.replace(case, file=file or "", line=case.line if file else None)

    def _warn(self, text: str) -> None:
        self._warnings.setdefault(text)


def hide_in_cases(cases: Sequence[Case], hide: Callable[[str], str]) -> Sequence[Case]:
    """The cases without what `hide` takes out of a text: reports are files, no mask was on their way."""
    texts = "\0".join(f"{one.suite}\0{one.classname}\0{one.name}\0{one.message}" for one in cases)
    hidden = hide(texts)
    if hidden == texts:
        return cases
    rest = iter(hidden.split("\0"))
    return [
        msgspec.structs.replace(case, suite=next(rest), classname=next(rest), name=next(rest), message=next(rest))
        for case in cases
    ]


def place_problems(problems: Iterable[Problem], sources: SourceFiles) -> list[ToldProblem]:
    """The problems at files of the workspace; where there is no such file, its name is a part of the message."""
    return [_place(problem, sources.find(problem.file) if problem.file else "") for problem in problems]


def _place(problem: Problem, file: str | None) -> ToldProblem:
    at = ":".join(str(part) for part in (problem.file, problem.line) if part is not None)
    return ToldProblem(
        severity=problem.severity.value,
        message=problem.message if file is not None else f"{at}: {problem.message}",
        file=file or "",
        line=problem.line if file else None,
        column=problem.column if file else None,
        code=problem.code[:100],
        matcher=problem.matcher,
        offset=problem.offset,
    )
