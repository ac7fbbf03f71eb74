"""The reporter of a search engine: what has ended is written again as a whole, so repeats change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import NotFoundError
from hubwright.outlets.search_engine import Document, SearchEngine
from hubwright.reports import Report
from hubwright.reports.search_documents import Writer, write_template
from hubwright.store.database import Database
from hubwright.store.streaks import load_streaks
from hubwright.store.views import MAX_PAGE, load_build
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_results import CaseFilter, load_problems, load_tests
from hubwright.store.views_values import BuildView, CaseView, RunView

TARGET = "builds"
"""All goes to one target: so many builds that have waited go out in common bulks."""

MAX_CASES = 50_000
"""Test cases of one run."""

_BAD = frozenset({"failure", "error", "timeout"})

logger = structlog.get_logger()

ReadLog = Callable[[int, int, int], bytes]
"""Bytes of a run's log: its number, where they begin, how many at most."""


def no_log(_run: int, _start: int, _length: int) -> bytes:
    """Where log lines are not wanted."""
    return b""


class SearchReporter:
    """Keeps builds in an engine's indices. `prefix` begins their names.

    Log lines go along where `wants_log` says so of a run: the last `log_size` bytes of each.
    """

    name = "search"

    def __init__(
        self,
        database: Database,
        engine: SearchEngine,
        writer: Writer,
        template: tuple[str, dict[str, Any]],
        read_log: ReadLog = no_log,
        *,
        wants_log: Callable[[RunView], bool] = lambda _run: False,
        log_size: int = 0,
    ) -> None:
        self._database = database
        self._engine = engine
        self._writer = writer
        self._template = template
        self._read_log = read_log
        self._wants_log = wants_log
        self._log_size = log_size
        self._prepared = False

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for the end of a build."""
        if fact.kind is not FactKind.BUILD_FINISHED or fact.build_id is None:
            return ()
        return (Report(TARGET, {"build": fact.build_id}),)

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:  # noqa: ARG002  the relay's call
        """Write these builds. Raises OutletError, OutletRefusedError."""
        if not self._prepared:
            self._engine.put_template(*self._template)
            self._prepared = True
        wanted = dict.fromkeys(int(body["build"]) for body in bodies if "build" in body)
        refused = self._engine.keep(document for build in wanted for document in self._write(build))
        if refused:  # for good: what is wrong with one document must not keep the others waiting
            logger.warning("documents_refused", count=len(refused), first=refused[0])

    def _write(self, build_id: int) -> Iterator[Document]:
        with self._database.reading() as connection:
            try:
                build = load_build(connection, build_id)
            except NotFoundError:  # removed meanwhile
                return
            turn = load_streaks(connection, [build_id]).get(build_id, {}).get("turn")
            runs = [run.id for run in (*build.runs, *build.earlier)]
            problems = load_problems(connection, runs, MAX_PAGE) if runs else {}
            known = load_failures_of_runs(connection, runs)
        if build.state != "finished":  # it was begun again: its next end tells
            return
        yield from self._writer.write_build(build, turn, known)
        for run in (*build.runs, *build.earlier):
            yield from self._writer.write_problems(build, run, problems.get(run.id, ()))
            yield from self._writer.write_cases(build, run, self._load_cases(run))
            if self._wants_log(run):
                yield from self._write_log(build, run)

    def _load_cases(self, run: RunView) -> Iterator[CaseView]:
        if run.tests is None:
            return
        cursor: int | None = None
        for _ in range(MAX_CASES // MAX_PAGE):
            with self._database.reading() as connection:
                page = load_tests(connection, run.id, CaseFilter(), MAX_PAGE, cursor)
            yield from page.items
            if page.next is None:
                return
            cursor = int(page.next)

    def _write_log(self, build: BuildView, run: RunView) -> Iterator[Document]:
        start = max(0, run.log_size - self._log_size)
        data = self._read_log(run.id, start, self._log_size)
        if start:  # begin with a whole line
            cut = data.find(b"\n") + 1
            data, start = data[cut:], start + cut
        lines = _split(data, start)
        told = ((offset, strip_escapes(line).decode("utf-8", "replace").rstrip()) for offset, line in lines)
        yield from self._writer.write_lines(build, run, told)


def is_bad(run: RunView) -> bool:
    """Whether the run did not end well."""
    return run.result in _BAD


def make_template(prefix: str) -> tuple[str, dict[str, Any]]:
    """Name and text of the index template of these indices."""
    return prefix, write_template(prefix)


def _split(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    for line in data.splitlines(keepends=True):
        yield start, line
        start += len(line)
