"""The searches for culprits: each goes from its row to its next build, until it knows what it can know.

Nothing is held in memory: the builds that have ended are what is known, whoever asked for them. So a crash, another
process or a build that somebody made meanwhile change nothing but the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.domain.bisection import TRIES, Finding, Search, Sight, Verdict, findings, give_up, next_commit
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.results import Result, State
from hubwright.domain.sights import Target, choose_targets, read_targets
from hubwright.errors import HubwrightError, VanishedCommitError
from hubwright.git.history import Described, describe_commits, is_ancestor, list_first_parents
from hubwright.hub.bisection_ends import end_search, own_prefix, own_trigger, stop_search, tell_start
from hubwright.hub.bisection_grounds import Grounds
from hubwright.hub.bisection_wishes import find_ends
from hubwright.hub.breaks import Share, note_break
from hubwright.hub.plan_rows import keep_plans
from hubwright.hub.suspects import Spot, plan_suspect, want_suspect
from hubwright.store import bisections, sights
from hubwright.store.builders import load_kinds
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job_by_id
from hubwright.store.repos import load_default_branch
from hubwright.store.writers import is_outage

LOOK_AGAIN = 2.0
"""Seconds between looks while searches go on and nobody tells of a build that has ended: it may have been cancelled."""

PATIENCE = 10
"""Times that a repository is asked before a search ends; with the pauses between, about an hour."""

logger = structlog.get_logger()


class Bisections:
    """The drain of queue `bisections`. Any number of processes may drain: each step is one write that holds its row."""

    def __init__(
        self, database: Database, grounds: Grounds, clock: Callable[[], float], wake: Callable[[str], None]
    ) -> None:
        self._database = database
        self._mirrors = grounds.mirrors
        self._origin_of = grounds.origin_of
        self._ground = grounds.ground
        self._bounds = grounds.bounds
        self._clock = clock
        self._wake = wake

    def drain(self) -> float | None:
        """Begin searches for what has broken, and take every search one step on; when to look again, Unix seconds."""
        while self._read_news():
            pass
        with self._database.reading() as connection:
            rows = bisections.load_open(connection)
        for row in rows:
            self._step(row)
        return self._clock() + LOOK_AGAIN if rows else None

    def _read_news(self) -> bool:
        """Look through the next facts for builds that broke; whether more may follow."""
        with self._database.reading() as connection:
            before, after, failed = bisections.load_news(connection)
        if before == after:
            return False
        now = self._clock()

        def keep(connection: Connection) -> int:
            if not bisections.move_cursor(connection, before, after):
                return 0
            bounds = self._bounds
            share = Share(builds=bounds.builds, targets=bounds.targets, searches=bounds.searches)
            return sum(note_break(connection, build, share, now) for build in failed)

        self._database.write(keep)
        return before is not None

    def _step(self, row: Row[Any]) -> None:
        if row.next_try_at > self._clock():
            return
        with self._database.reading() as connection:
            job = load_job_by_id(connection, row.job_id)
        if job is None:
            return
        try:
            if not job.enabled:
                self._stop(row, job, "The job was switched off.")
            elif row.state == bisections.WAITING and row.asked_by is not None:
                self._begin_asked(row, job)
            elif row.state == bisections.WAITING:
                self._begin(row, job)
            else:
                self._search(row, job)
        except VanishedCommitError as error:
            self._stop(row, job, str(error))
        except HubwrightError as error:
            self._try_later(row, job, str(error))
        except Exception as error:  # one search that can't go on must not stop the others
            if is_outage(error):
                raise
            logger.exception("bisection_failed", bisection=row.id)
            self._try_later(row, job, f"{type(error).__name__}: {error}")

    # --- the steps

    def _begin(self, row: Row[Any], job: DefinedJob) -> None:
        """Find the commits to search: from the newest that is known to be good, else from where the push began."""
        origin = self._origin_of(job)
        self._mirrors.fetch(origin, row.bad, row.ref)
        newest_first = list_first_parents(self._mirrors, origin, row.bad, self._bounds.commits)
        known = self._load_sights(row, newest_first)
        targets = read_targets(row.targets)
        last = _find_good(newest_first, targets, known, row.before)
        if last is None:
            self._stop(row, job, "No commit before it is known to be good; `hubwright bisect GOOD BAD` takes one.")
            return
        self._start(row, job, newest_first[last::-1])

    def _begin_asked(self, row: Row[Any], job: DefinedJob) -> None:
        """Find the commits that somebody has named, and those between."""
        origin = self._origin_of(job)
        ends = find_ends(self._mirrors, origin, row.before, row.bad)
        newest_first = list_first_parents(self._mirrors, origin, ends.bad, self._bounds.commits)
        if ends.good not in newest_first[1:]:
            why = f"{row.before} is none of the {len(newest_first) - 1:,} commits before {row.bad} on its branch."
            self._stop(row, job, why)
            return
        commits = newest_first[newest_first.index(ends.good) :: -1]
        self._start(row, job, commits, bad=ends.bad, ref=ends.ref, max_builds=self._bounds.builds)

    def _start(self, row: Row[Any], job: DefinedJob, commits: list[str], **more: Any) -> None:
        now = self._clock()

        def keep(connection: Connection) -> None:
            if bisections.lock_bisection(connection, row):
                values = {"state": bisections.SEARCHING, "commits": commits, "reason": None, "tries": 0, **more}
                bisections.change_bisection(connection, row.id, **values)
                keep_facts(connection, [tell_start(row, job, commits, now)])

        self._write(keep)

    def _search(self, row: Row[Any], job: DefinedJob) -> None:
        """Do what the builds that have ended say is next."""
        with self._database.reading() as connection:
            trigger = own_trigger(row.id, row.builds)
            if bisections.is_unfinished(bisections.load_own_build(connection, row.job_id, trigger)):
                return
        targets = read_targets(row.targets)
        if not targets:
            self._find_targets(row, job)
            return
        reason = self._find_end(row, job, targets)
        if reason is not None:
            self._stop(row, job, reason)
            return
        keys = tuple(target.key for target in targets)
        search = Search(commits=tuple(row.commits), targets=keys, sights=self._load_sights(row, row.commits))
        commit = next_commit(search)
        if commit is None:
            self._end(row, job, findings(search))
        elif row.builds >= row.max_builds:
            self._end(row, job, give_up(search))
        else:
            self._build(row, job, commit)

    def _find_targets(self, row: Row[Any], job: DefinedJob) -> None:
        """Nobody said what to search for: all that fails at the bad end, which is built if nobody has."""
        with self._database.reading() as connection:
            run = sights.load_settled_run(connection, _point(row), row.bad)
            if run is not None:
                cases = [case._replace(fresh=True) for case in sights.load_failed_cases(connection, run)]
                found = choose_targets(sights.load_stage_ends(connection, run.id), cases, (), self._bounds.targets)
        if run is None and row.builds < TRIES:
            self._build(row, job, row.bad)
        elif run is None:
            self._stop(row, job, f"{row.bad[:7]} could not be built on {row.platform}.")
        elif run.result == Result.SUCCESS:
            self._stop(row, job, f"Nothing fails at {row.bad[:7]} on {row.platform}.")
        elif not found:
            self._stop(row, job, f"All that fails at {row.bad[:7]} are tests known to be flaky.")
        else:
            stored = [target.to_json() for target in found]
            self._write(lambda connection: bisections.change_bisection(connection, row.id, targets=stored))

    def _find_end(self, row: Row[Any], job: DefinedJob, targets: Sequence[Target]) -> str | None:
        """Why nobody needs the answer any more: the branch is gone, pushed over or mended. None: they do."""
        if row.build_id is None or row.branch is None:
            return None
        with self._database.reading() as connection:
            gone, newer = bisections.load_branch(connection, row)
        if gone:
            return f"Branch {row.branch} was deleted."
        if newer is None:
            return None
        origin = self._origin_of(job)
        if self._mirrors.has(origin, newer.sha) and not is_ancestor(self._mirrors, origin, row.bad, newer.sha):
            return f"Branch {row.branch} was pushed over: it no longer has {row.bad[:7]}."
        known = self._load_sights(row, [newer.sha])
        if newer.state == State.FINISHED and _is_good(known.get(newer.sha, {}), targets):
            return f"Superseded: build {newer.number} of {row.branch} no longer fails."
        return None

    def _build(self, row: Row[Any], job: DefinedJob, commit: str) -> None:
        """Ask for one more build: of this commit, in this place, up to the stages that are looked at."""
        origin = self._origin_of(job)
        self._mirrors.fetch(origin, commit, row.ref)
        with self._database.reading() as connection:
            branch = load_default_branch(connection, job.repository)
            ground = replace(self._ground, kinds=load_kinds(connection), default_branch=branch)
        told = describe_commits(self._mirrors, origin, [commit]).get(commit)
        wanted = want_suspect(commit, row.ref, own_trigger(row.id, row.builds + 1), told)
        stages = {target.stage for target in read_targets(row.targets) if target.stage is not None}
        spot = Spot(platform=row.platform, matrix=row.matrix, branch=row.branch, stages=stages, command=row.command)
        plan = plan_suspect(self._mirrors, origin, job, wanted, ground, spot)
        now = self._clock()

        def keep(connection: Connection) -> None:
            if bisections.lock_bisection(connection, row):
                keep_plans(connection, job, origin, [plan], ground, now)
                bisections.change_bisection(connection, row.id, builds=row.builds + 1, reason=None, tries=0)

        self._write(keep)

    def _end(self, row: Row[Any], job: DefinedJob, found: Sequence[Finding]) -> None:
        guilty = [finding.suspects[0] for finding in found if finding.verdict is Verdict.CULPRIT]
        told: Mapping[str, Described] = describe_commits(self._mirrors, self._origin_of(job), guilty)
        now = self._clock()

        def keep(connection: Connection) -> None:
            if bisections.lock_bisection(connection, row):
                end_search(connection, row, job, found, told, now)

        self._write(keep)

    def _stop(self, row: Row[Any], job: DefinedJob, reason: str) -> None:
        now = self._clock()

        def keep(connection: Connection) -> None:
            if bisections.lock_bisection(connection, row):
                stop_search(connection, row, job, reason, now, bisections.ENDED)

        self._write(keep)

    def _try_later(self, row: Row[Any], job: DefinedJob, why: str) -> None:
        tries = row.tries + 1
        if tries >= PATIENCE:
            self._stop(row, job, why)
            return
        at = self._clock() + backoff(tries, base=2.0, cap=600.0, jitter=(row.id % 100) / 100)
        values = {"tries": tries, "next_try_at": at, "reason": why}
        self._database.write(lambda connection: bisections.change_bisection(connection, row.id, **values))

    # --- what the steps share

    def _load_sights(self, row: Row[Any], shas: Sequence[str]) -> dict[str, dict[str, list[Sight]]]:
        with self._database.reading() as connection:
            return sights.load_sights(connection, _point(row), shas, read_targets(row.targets))

    def _write(self, keep: Callable[[Connection], None]) -> None:
        self._database.write(keep)
        for queue in ("runs", "facts", "admission", "bisections"):  # the search itself goes on at once
            self._wake(queue)


def _point(row: Row[Any]) -> sights.Point:
    return sights.Point(
        job_id=row.job_id, platform=row.platform, matrix=row.matrix, own=own_prefix(row.id), alone=bool(row.command)
    )


def _find_good(
    newest_first: Sequence[str], targets: Sequence[Target], known: Mapping[str, Mapping[str, Sequence[Sight]]],
    before: str | None,
) -> int | None:  # fmt: skip
    """The place of the newest commit before the first that is good for every target, else that of `before`."""
    for place, commit in enumerate(newest_first[1:], 1):
        if _is_good(known.get(commit, {}), targets):
            return place
    return newest_first.index(before) if before in newest_first[1:] else None


def _is_good(seen: Mapping[str, Sequence[Sight]], targets: Sequence[Target]) -> bool:
    return all(set(seen.get(target.key, ())) == {Sight.GOOD} for target in targets)
