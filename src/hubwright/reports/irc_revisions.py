"""What the ends of builds mean, told to a channel: a line a revision, when all its builds have ended or soon after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.irc_news import News
from hubwright.domain.irc_text import Text
from hubwright.domain.known_failures import say_known
from hubwright.domain.results import Result
from hubwright.domain.streaks import End, Turn, carry_on
from hubwright.errors import NotFoundError, NotYetError
from hubwright.reports.irc_pushes import FRESH, REMEMBERED, Say
from hubwright.reports.irc_turns import Told, write_turn
from hubwright.reports.notice_texts import Notice
from hubwright.reports.notices import load_notice
from hubwright.store.database import Database
from hubwright.store.reports import load_commit_builds
from hubwright.store.streaks import load_before
from hubwright.store.views import load_build
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_values import BuildView

PATIENCE = 60.0
"""Seconds after the first end for which the other builds and runs of a revision are waited for."""

_GOOD = frozenset({"success", "skip", "cancellation"})

LOOK = 5.0
"""Seconds between two looks whether they have ended."""


Line = tuple[Text, Collection[str]]
"""What is said, and the logins of those who may have broken it."""


class Revisions:
    """`said` of a target has the builds that were told."""

    def __init__(self, database: Database, public_url: str, clock: Callable[[], float]) -> None:
        self._database = database
        self._public_url = public_url
        self._clock = clock

    def tell(self, bodies: Sequence[dict[str, Any]], said: dict[str, Any], say: Say) -> None:
        """Oldest first. Raises NotYetError while a revision is waited for."""
        told: list[str] = said.setdefault("told", [])
        for portion in self._fold([body for body in bodies if _mark(body) not in told]):
            with self._database.reading() as connection:
                written = self._write(connection, portion, told)
            if written is not None:
                line, people = written
                say(line, important=any(body.get("important") for body in portion), people=people)
            told += [_mark(body) for body in portion]
            del told[:-REMEMBERED]

    def _fold(self, bodies: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """By revision and what is said of it. Of what came too long ago only the last of each branch is news."""
        newest = {_line_of(body): body for body in bodies if "build" in body}
        now = self._clock()
        folded: dict[object, list[dict[str, Any]]] = {}
        for body in bodies:
            if now - body["at"] > FRESH and newest.get(_line_of(body)) is not body:
                continue
            key = ("early", body["early"]) if "early" in body else (body["repository"], body["sha"], body["news"])
            folded.setdefault(key, []).append(body)
        return list(folded.values())

    def _write(self, connection: Connection, portion: Sequence[dict[str, Any]], told: Sequence[str]) -> Line | None:
        """The line for these builds, None when there is nothing to say. Raises NotYetError."""
        first = portion[0]
        waited = self._clock() - first["at"] >= PATIENCE
        if "early" in first:
            return self._write_early(connection, first, waited=waited)
        news = News(first["news"])
        if not waited and _is_open(connection, first):
            raise NotYetError(LOOK)
        fresh = [body for body in portion if news is not News.BROKEN or f"early-{body['build']}" not in told]
        found = [one for body in fresh if (one := _load(connection, body)) is not None]
        people = {name for one in found for name in one.notice.authors} if news is News.BROKEN else set()
        return (write_turn(news, found, self._public_url), people) if found else None

    def _write_early(self, connection: Connection, body: dict[str, Any], *, waited: bool) -> Line | None:
        """A build some of whose runs have failed while others go on; None when it has ended, and is told of as such."""
        try:
            build = load_build(connection, body["early"])
        except NotFoundError:
            return None
        if build.state == "finished":
            return None
        if not waited:
            raise NotYetError(LOOK)
        before = load_before(connection, build)
        streak = None if before.late else carry_on(End(build.id, Result.FAILURE, self._clock()), before.said)
        if streak is None or streak["turn"] != Turn.BROKEN:
            return None
        notice = load_notice(connection, build.id, streak)
        if notice is None:
            return None
        running = sum(run.state != "finished" for run in build.runs)
        told = Told(notice=notice, open_runs=running, known=_word_known(connection, notice))
        return write_turn(News.BROKEN, [told], self._public_url), notice.authors


def _mark(body: dict[str, Any]) -> str:
    return f"early-{body['early']}" if "early" in body else f"{body['build']}-{body['at']:.3f}"


def _line_of(body: dict[str, Any]) -> tuple[object, ...]:
    return (body.get("job"), body.get("branch"))


def _is_open(connection: Connection, body: dict[str, Any]) -> bool:
    """Whether another build of the commit has not ended: it may say the same."""
    builds: Sequence[BuildView] = load_commit_builds(connection, body["repository"], body["sha"])
    return any(build.state != "finished" for build in builds)


def _load(connection: Connection, body: dict[str, Any]) -> Told | None:
    notice = load_notice(connection, body["build"], body["streak"] or {"turn": Turn.SUCCESS})
    changes = body.get("changes")
    if notice is None:
        return None
    known = _word_known(connection, notice)
    return Told(notice=notice, changes=changes if isinstance(changes, dict) else {}, known=known)


def _word_known(connection: Connection, notice: Notice) -> str:
    """Where the failure was seen before."""
    runs = [run.id for run in notice.build.runs if run.state == "finished" and run.result not in _GOOD]
    found = {one.id: one for of_run in load_failures_of_runs(connection, runs).values() for one in of_run}
    platforms = {run.platform for run in notice.build.runs}
    return say_known(list(found.values()), platforms, notice.build.queued_at)
