"""Nothing grows without a bound: what is older than the settings allow goes; of builds and logs, every hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Table

from hubwright.hub.definition_facts import tell_archived
from hubwright.hub.logs import Logs
from hubwright.hub.old_builds import Days, OldBuilds
from hubwright.hub.sweeping import Sweeping
from hubwright.store import healing, known_failures, retention
from hubwright.store.channel_logs import forget_opted_out
from hubwright.store.copies import Archived, archive_copies
from hubwright.store.database import Database
from hubwright.store.definitions import drop_archived_jobs
from hubwright.store.irc_people import drop_old_people, load_old_people
from hubwright.store.repetitions import REMEMBERED
from hubwright.store.schema import artifact, audit, channel_line, delivery, fact, repetition, report, task, token

EVERY = 3600.0
"""Seconds between two looks at the builds of every job; of all else a look costs next to nothing."""

DAY = 86_400.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """Days for which things are kept; facts wait for these `reporters` besides."""

    deliveries: int
    facts: int
    logs: int
    artifacts: int
    builds: int
    audit: int = 365
    channels: int = 365
    people: int = 90
    reporters: tuple[str, ...] = ()


class Retention:
    """The drain of queue `retention`."""

    def __init__(
        self, database: Database, logs: Logs, sweeping: Sweeping, keep: Keep, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._old_builds = OldBuilds(database, logs, sweeping, Days(keep.builds, keep.logs))
        self._sweeping = sweeping
        self._keep = keep
        self._clock = clock
        self._looked_at = float("-inf")

    def drain(self) -> float:
        """Drop all that is due; when to look again, Unix seconds."""
        now = self._clock()
        keep = self._keep
        facts = now - keep.facts * DAY
        self._drop(delivery, partial(retention.load_old_deliveries, before=now - keep.deliveries * DAY))
        self._database.write(partial(healing.drop_old_holes, before=now - keep.deliveries * DAY))
        self._drop(report, partial(retention.load_old_reports, before=facts))
        self._drop(task, partial(retention.load_old_tasks, before=facts))
        self._drop(fact, partial(retention.load_old_facts, before=facts, reporters=keep.reporters))
        self._drop(audit, partial(retention.load_old_audit, before=now - keep.audit * DAY))
        self._drop(channel_line, partial(retention.load_old_channel_lines, before=now - keep.channels * DAY))
        while self._database.write(forget_opted_out):
            pass
        self._drop(repetition, partial(retention.load_old_repetitions, before=now - REMEMBERED))
        self._walk(partial(_archive, now=now))
        self._drop(token, partial(retention.load_old_tokens, now=now))
        self._drop_people(now)
        self._drop_artifacts(now)
        self._sweeping.drain()
        if not 0 <= now - self._looked_at < EVERY:
            self._drop_builds(now)
            self._looked_at = now
        return self._looked_at + EVERY

    def _drop_builds(self, now: float) -> None:
        before = now - self._keep.builds * DAY
        self._old_builds.drop(now)
        self._drop_bisections(before)
        while ids := self._read(partial(known_failures.load_forgotten, before=before)):
            self._database.write(partial(known_failures.forget, ids=ids))
        self._walk(partial(drop_archived_jobs, before=before))

    def _drop(self, table: Table, find: Callable[[Connection], list[int]]) -> None:
        while ids := self._read(find):
            self._database.write(partial(retention.delete_rows, table=table, ids=ids))

    def _walk(self, work: Callable[..., Archived]) -> None:
        """Copies whose branch or pull request has been gone for long enough, and jobs, in portions."""
        cursor: tuple[float, int] | None = None
        while (done := self._database.write(partial(work, cursor=cursor))).cursor is not None:
            cursor = done.cursor

    def _drop_artifacts(self, now: float) -> None:
        """Rows first: a file without a row is found by nobody, a row without a file would be a broken link."""
        find = partial(retention.load_old_artifacts, before=now - self._keep.artifacts * DAY, now=now)
        while files := self._read(find):
            ids = [number for number, _ in files]
            self._database.write(partial(retention.delete_rows, table=artifact, ids=ids))
            asyncio.run(self._sweeping.delete(key for _, key in files))

    def _drop_people(self, now: float) -> None:
        """Whom the bot on IRC saw, and words that nobody fetched."""
        before = now - self._keep.people * DAY
        while any(old := self._read(partial(load_old_people, before=before))):
            self._database.write(partial(drop_old_people, old=old))

    def _drop_bisections(self, before: float) -> None:
        while ids := self._read(partial(retention.load_old_bisections, before=before)):
            self._database.write(partial(retention.delete_bisections, ids=ids))

    def _read(self, find: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return find(connection)


def _archive(connection: Connection, now: float, cursor: tuple[float, int] | None) -> Archived:
    done = archive_copies(connection, now, cursor=cursor)
    tell_archived(connection, done.ids, now)
    return done
