"""Jobs are built after the builds of others, once for each build that ended as they wait for.

Of the same repository they build the same commit; of another one the head of their default branch, after builds of the
default branch only. What a fork brought, pull requests, and builds that a search has asked for start nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from hubwright.domain.builds import DEPENDENCY
from hubwright.domain.dependencies import is_meant
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.repos import Trust
from hubwright.hub.wishes import Later, ask_later
from hubwright.store import triggers
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.database import Database
from hubwright.store.jobs import load_jobs_by_ids
from hubwright.store.reports import load_cursors, load_facts, load_newest_fact
from hubwright.store.repos import load_default_branch
from hubwright.store.schema import build

DEPENDENCIES = "dependencies"
"""The queue's name."""

LOOK_AGAIN = 1.0
"""Seconds between looks for builds that have ended, while there are jobs that come after others."""

FACTS = 500
"""Facts that are looked through at a time."""

_BRANCHES = ("main", "master")  # where the default branch is not known


class Dependencies:
    """The drain of queue `dependencies`. Any number of processes may drain: who moves the cursor starts the builds."""

    def __init__(self, database: Database, clock: Callable[[], float], wake: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def drain(self) -> float | None:
        """Start what comes after the builds that have ended; when to look again, Unix seconds."""
        with self._database.reading() as connection:
            cursor = load_cursors(connection).get(triggers.CURSOR)
            idle = not triggers.has_dependencies(connection)
        if cursor is None:
            return None
        if idle:
            self._database.write(triggers.forget_cursor)
            return None
        while self._read_news():
            pass
        return self._clock() + LOOK_AGAIN

    def _read_news(self) -> bool:
        """Look through the next facts; whether there may be more."""
        with self._database.reading() as connection:
            before = load_cursors(connection).get(triggers.CURSOR)
            if before is None or load_newest_fact(connection) <= before:
                return False
            told = load_facts(connection, before, FACTS)
        ended = [fact for _, fact in told if fact is not None and fact.kind is FactKind.BUILD_FINISHED]
        move: Callable[[Connection], bool] = partial(
            _move, before=before, after=told[-1][0], ended=ended, now=self._clock()
        )
        if self._database.write(move):
            self._wake("deliveries")
        return len(told) == FACTS


def _move(connection: Connection, before: int, after: int, ended: Sequence[Fact], now: float) -> bool:
    """In one transaction, so that no end is passed over and none counts twice; whether builds were asked for."""
    if not triggers.move_cursor(connection, before, after):
        return False
    waiting = triggers.load_dependents(connection, (str(fact.data.get("job")) for fact in ended)) if ended else []
    if not waiting:
        return False
    jobs = load_jobs_by_ids(connection, [row.job_id for row in waiting])
    asked = False
    for fact in ended:
        for row in waiting:
            job = jobs.get(row.job_id)
            met = row.after == fact.data.get("job") and is_meant(row.result, str(fact.data.get("result")))
            if met and job is not None and job.enabled:
                asked = _start(connection, job, fact, now) or asked
    return asked


def _start(connection: Connection, job: DefinedJob, fact: Fact, now: float) -> bool:
    """Build the job after the build that the fact is about, unless that is none to build something after."""
    ended = connection.execute(select(build).where(build.c.id == fact.build_id)).one_or_none()
    above = load_jobs_by_ids(connection, [ended.job_id]).get(ended.job_id) if ended is not None else None
    if ended is None or above is None or not _counts(ended):
        return False
    if _is_same_repository(job, above):
        wish = Later(event=DEPENDENCY, mark=str(ended.id), ref=ended.ref, sha=ended.sha)
    elif ended.branch in _default_branches(connection, above):
        wish = Later(event=DEPENDENCY, mark=str(ended.id))
    else:
        return False
    ask_later(connection, job, wish, now)
    return True


def _counts(ended: Row[Any]) -> bool:
    return bool(ended.trust == Trust.TRUSTED and ended.pull_request is None and ended.event != BUILT_FOR_IT)


def _is_same_repository(job: DefinedJob, other: DefinedJob) -> bool:
    same = (job.repository.lower(), job.clone_url) == (other.repository.lower(), other.clone_url)
    return same and job.repository_id in (None, other.repository_id)


def _default_branches(connection: Connection, job: DefinedJob) -> tuple[str, ...]:
    known = job.settings.default_branch or load_default_branch(connection, job.repository)
    return (known,) if known is not None else _BRANCHES
