"""Builds and logs go when their job says, or the hub for those that say nothing; the newest of a job may stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from hubwright.domain.job_settings import Retention
from hubwright.hub.log_seals import seal_keys
from hubwright.hub.logs import Logs
from hubwright.hub.sweeping import Sweeping
from hubwright.store import build_files, old_builds, retention
from hubwright.store.database import Database
from hubwright.store.jobs import load_jobs_by_ids
from hubwright.store.old_builds import Line

DAY = 86_400.0

PORTION = 500
"""Definitions that are read at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Days:
    """For how many days the hub keeps builds, and their logs, of which no job says how long."""

    builds: int
    logs: int


class OldBuilds:
    """Drops what is due of every job and copy, in small transactions."""

    def __init__(self, database: Database, logs: Logs, sweeping: Sweeping, days: Days) -> None:
        self._database = database
        self._logs = logs
        self._sweeping = sweeping
        self._days = days

    def drop(self, now: float) -> None:
        """Drop all that is due."""
        self._drop_line(Line(None), Retention(), now)
        after = 0
        while families := self._read(partial(old_builds.load_families, after=after)):
            after = families[-1].id
            apart = self._read(partial(old_builds.load_copies_apart, families=[one.id for one in families]))
            kept = dict(self._find_kept([*(one.id for one in families), *(copy.id for copy in apart)]))
            for line in old_builds.form_lines(families, apart):
                self._drop_line(line, kept.get(line.copy or line.family or 0, Retention()), now)

    def _find_kept(self, jobs: Sequence[int]) -> Iterator[tuple[int, Retention]]:
        """What each says is kept, a portion at a time: whole definitions of all copies would fill the memory."""
        for at in range(0, len(jobs), PORTION):
            portion = self._read(partial(load_jobs_by_ids, numbers=jobs[at : at + PORTION]))
            yield from ((number, one.settings.retention) for number, one in portion.items())

    def _drop_line(self, line: Line, kept: Retention, now: float) -> None:
        logs = now - (self._days.logs if kept.logs is None else kept.logs) * DAY
        builds = now - (self._days.builds if kept.builds is None else kept.builds) * DAY
        if line.copy is None and line.has_logs_of(logs):
            for due in self._find_due(partial(old_builds.load_logs_of_line, line=line), line, kept.keep, logs):
                self._forget_logs([row.id for row in due])
        elif line.copy is not None and line.has_builds_of(logs):
            for due in self._find_due(partial(old_builds.load_builds_of_line, line=line), line, kept.keep, logs):
                ids = [row.id for row in due]
                self._forget_logs(self._read(partial(old_builds.load_logs_of_builds, builds=ids)))
        if line.has_builds_of(builds):
            for due in self._find_due(partial(old_builds.load_builds_of_line, line=line), line, kept.keep, builds):
                self._drop_builds([row.id for row in due if not row.has_files])

    def _find_due(
        self, load: Callable[..., Sequence[Row[Any]]], line: Line, keep: int, before: float
    ) -> Iterator[list[Row[Any]]]:
        """Page by page what ended before that moment and is none of the newest `keep`; archived copies keep nothing."""
        after = 0
        while rows := self._read(partial(load, after=after)):
            after = rows[-1].place
            due = [
                row
                for row in rows
                if row.job_id not in line.others
                and row.finished_at is not None
                and row.finished_at < before
                and (row.archived_at is not None or row.number <= row.newest - keep)
            ]
            if due:
                yield due
            if rows[-1].queued_at >= before:
                return

    def _drop_builds(self, builds: Sequence[int]) -> None:
        if not builds:
            return
        folders = self._read(partial(build_files.load_build_folders, builds=builds))
        runs = list(self._database.write(partial(retention.delete_builds, builds=builds)))
        for run in runs:
            self._logs.remove(run)  # of a lost run no size was noted, but there may be a log
        asyncio.run(self._sweeping.delete_folders(folders))
        self._delete_sealed(runs)

    def _forget_logs(self, runs: Sequence[int]) -> None:
        if not runs:
            return
        for run in runs:
            self._logs.remove(run)
        filed = self._read(partial(build_files.load_log_files, runs=runs))
        self._database.write(partial(retention.forget_logs, runs=runs))
        asyncio.run(self._sweeping.delete(filed))
        self._delete_sealed(runs)

    def _delete_sealed(self, runs: Sequence[int]) -> None:
        """Only where there are several hubs are logs sealed."""
        if self._logs.place:
            asyncio.run(self._sweeping.delete(key for run in runs for key in seal_keys(run)))

    def _read(self, find: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return find(connection)
