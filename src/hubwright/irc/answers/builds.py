"""How things stand: `!status`, `!last`, `!who`, `!flaky`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.irc_text import Text
from hubwright.domain.test_difference import name_test
from hubwright.domain.wording import look_of, word_age, word_count
from hubwright.errors import NotFoundError
from hubwright.irc.answers.texts import (
    address,
    join_names,
    name_place,
    paint_look,
    shorten,
    unping,
    word_take,
    write_build,
)  # fmt: skip
from hubwright.irc.commands import MAX_LINES, Request
from hubwright.irc.subjects import Meant, find_build, find_default, find_job, find_jobs_of, find_newest, read_meant
from hubwright.store.database import Database
from hubwright.store.streaks import load_authors, load_streaks
from hubwright.store.takes import load_takes_of
from hubwright.store.views import load_builds, load_home
from hubwright.store.views_tests import JobTest, JobTestFilter, load_tested, load_tests_of_job
from hubwright.store.views_values import BuildFilter, BuildView, HomeView

_BAD = frozenset({"failure", "error", "timeout"})
_BLAMED = 4
_TESTS = 5


class Standing:
    """Its methods block: they ask the database."""

    def __init__(self, database: Database, public_url: str) -> None:
        self._database = database
        self._public = public_url.rstrip("/")

    def status(self, request: Request) -> Sequence[Text]:
        """`[JOB [BRANCH] | PR#N | BUILD | BRANCH]`: how it stands; of nothing in particular, the whole hub."""
        meant = read_meant(request.words)
        with self._database.reading() as connection:
            if meant == Meant():
                return self._overlook(connection, request)
            try:
                build = find_build(connection, meant, request.channel)
            except NotFoundError:
                lines = self._of_branch(connection, meant, request)
                if not lines:
                    raise
                return lines
            return self._tell(connection, build, meant, request)

    def last(self, request: Request) -> Sequence[Text]:
        """`[JOB [BRANCH]]`: the last builds that have ended."""
        meant = read_meant(request.words)
        with self._database.reading() as connection:
            job = find_job(connection, meant.job, request.channel) if meant.job is not None else None
            wanted = BuildFilter(job=job.path if job else None, branch=meant.branch, state="finished", told=True)
            found = load_builds(connection, wanted, MAX_LINES).items
        if not found:
            raise NotFoundError("Nothing has been built yet.")
        return [write_build(one, request.at, self._public) for one in found]

    def who(self, request: Request) -> Sequence[Text]:
        """`[JOB [BRANCH]]`: who broke it, and who is mending it; without a job, of what is broken."""
        meant = read_meant(request.words)
        with self._database.reading() as connection:
            if meant == Meant():
                broken = self._find_broken(connection, request)
                return [self._blame(connection, one, request.at) for one in broken] or ["Nothing is broken."]
            build = find_build(connection, meant, request.channel, ended=True)
            if build.result not in _BAD:
                return [[f"{name_place(build)} is not broken: ", *write_build(build, request.at, self._public)]]
            return [self._blame(connection, build, request.at)]

    def flaky(self, request: Request) -> Sequence[Text]:
        """`[JOB [BRANCH]]`: the tests that fail and pass on the same commit."""
        meant = read_meant(request.words)
        with self._database.reading() as connection:
            build = find_build(connection, meant, request.channel) if meant.build is not None or not meant.job else None
            path = build.job if build is not None else find_job(connection, str(meant.job), request.channel).path
            tested = load_tested(connection, path, meant.branch)
            tests = load_tests_of_job(connection, tested, JobTestFilter(flaky=True), _TESTS + 1).items
        url = f"{self._public}/tests/{path}"
        if not tests:
            return [f"{shorten(path, 100)}: no test is known to be flaky — {url}"]
        more = " …" if len(tests) > _TESTS else ""
        return [f"{shorten(path, 100)}: {', '.join(map(_word_test, tests[:_TESTS]))}{more} — {url}"]

    def _overlook(self, connection: Connection, request: Request) -> Sequence[Text]:
        jobs = find_jobs_of(connection, request.channel)
        builds = [found for job in jobs[:MAX_LINES] if (found := find_newest(connection, job, None)) is not None]
        if builds and len(jobs) <= MAX_LINES:
            return [write_build(one, request.at, self._public) for one in builds]
        return [f"{_word_home(load_home(connection))} — {self._public}/"]

    def _of_branch(self, connection: Connection, meant: Meant, request: Request) -> list[Text]:
        """A word that names no job may name a branch of what the channel is about."""
        if meant.job is None or meant.branch is not None or meant.pull is not None:
            return []
        jobs = find_jobs_of(connection, request.channel)[:MAX_LINES]
        wanted = [BuildFilter(job=job.path, branch=meant.job, told=True) for job in jobs]
        builds = [one for each in wanted for one in load_builds(connection, each, 1).items]
        return [write_build(one, request.at, self._public) for one in builds]

    def _tell(self, connection: Connection, build: BuildView, meant: Meant, request: Request) -> list[Text]:
        """The build; of one that goes on, also the one before, which says how the branch stands."""
        lines = [[*write_build(build, request.at, self._public)]]
        if build.result in _BAD:
            lines[0].append(word_take(load_takes_of(connection, [build]).get(build.id), request.at))
        if build.state != "finished" and meant.build is None:
            wanted = BuildFilter(job=build.job, branch=build.branch, state="finished", told=True)
            before = load_builds(connection, wanted, 1).items
            lines += [[*write_build(one, request.at, self._public)] for one in before]
        return list(lines)

    def _find_broken(self, connection: Connection, request: Request) -> list[BuildView]:
        jobs = find_jobs_of(connection, request.channel)
        if not jobs:
            return list(load_home(connection).broken[:MAX_LINES])
        ended = [find_newest(connection, job, find_default(connection, job), ended=True) for job in jobs]
        return [one for one in ended if one is not None and one.result in _BAD][:MAX_LINES]

    def _blame(self, connection: Connection, build: BuildView, now: float) -> Text:
        streak = load_streaks(connection, [build.id]).get(build.id, {})
        names = load_authors(connection, build, streak) if streak else []
        take = load_takes_of(connection, [build]).get(build.id)
        since = streak.get("since", build.id)
        return [
            f"{name_place(build)} is ",
            paint_look(look_of("finished", build.result)),
            f"{_word_since(streak, now)}, {_word_blame(names)}{word_take(take, now)} — {address(self._public, since)}",
        ]


def _word_blame(names: Sequence[str]) -> str:
    if not names:
        return "nobody knows by whom"
    return f"by one of {len(names)}" if len(names) > _BLAMED else f"by {' or '.join(map(unping, names))}"


def _word_since(streak: Mapping[str, Any], now: float) -> str:
    """Since when it is so, as far as the end of the build told."""
    since, count = streak.get("since_at"), streak.get("builds")
    if not isinstance(since, int | float):
        return ""
    builds = f" ({word_count(count, 'build')})" if isinstance(count, int) and count > 1 else ""
    return f" since {word_age(max(0.0, now - since)).removesuffix(' ago')}{builds}"


def _word_test(test: JobTest) -> str:
    """`test_mmap (3 of 40 commits)`: on how many it failed and passed."""
    seen = test.flakiness
    counted = f" ({seen.flaky} of {word_count(seen.commits, 'commit')})" if seen.flaky else ""
    return shorten(name_test(test.classname, test.name), 60) + counted


def _word_home(home: HomeView) -> str:
    runs = f"{word_count(home.running_runs, 'run')} at work, {home.queued:,} waiting"
    if not home.broken:
        return f"{runs}; nothing is broken"
    return f"{runs}; broken: {join_names([name_place(one) for one in home.broken], 5)}"
