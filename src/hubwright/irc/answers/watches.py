"""`!watch`: somebody wants to be told when a build ends, and is, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.irc_text import Text
from hubwright.domain.wording import word_count
from hubwright.errors import ConflictError, NotFoundError, OutletError, OutletRefusedError
from hubwright.irc.answers.texts import name_place, shorten, write_build
from hubwright.irc.commands import Request
from hubwright.irc.subjects import Meant, find_build, find_job, find_newest, read_meant
from hubwright.store.database import Database
from hubwright.store.irc_watches import drop_watches, drop_watches_of, keep_watch, load_ended
from hubwright.store.views import MAX_PAGE, load_builds_by_ids
from hubwright.store.views_values import BuildView

LOOK_EVERY = 3.0
"""Seconds between two looks for builds that have ended."""

AWAY = 30.0
"""Seconds until it is said again when there was no server."""


class Watches:
    """Its methods block: they ask the database. `say` says a line to a channel or a nick, and raises OutletError when
    it was not heard: then it is said again."""

    def __init__(
        self, database: Database, say: Callable[[str, Text], None], clock: Callable[[], float], public_url: str
    ) -> None:
        self._database = database
        self._say = say
        self._clock = clock
        self._public = public_url

    def watch(self, request: Request) -> Sequence[Text]:
        """`BUILD | JOB [BRANCH] | off`: tells when that build, or the job's next, has ended."""
        nick = request.who.nick
        if [word.lower() for word in request.words] == ["off"]:
            count = self._database.write(partial(drop_watches_of, nick=nick))
            return [f"{word_count(count, 'watch').removesuffix('s')}{'es' if count != 1 else ''} ended."]
        meant = read_meant(request.words)
        with self._database.reading() as connection:
            if meant == Meant():
                raise NotFoundError("Syntax: !watch BUILD | JOB [BRANCH] | off")
            build = _find_going(connection, meant, request.channel)
            job = None if build is not None else find_job(connection, str(meant.job), request.channel)
        if build is not None and build.state == "finished":
            return [write_build(build, request.at, self._public)]
        of = (None if build is None else build.id, None if job is None else job.id)
        target = request.channel or nick
        if not self._database.write(partial(keep_watch, nick=nick, target=target, of=of, now=request.at)):
            raise ConflictError("You watch enough already: `!watch off` ends all of it.")
        if build is not None:
            return [f"I'll tell you when {name_place(build)} #{build.number} has ended."]
        return [f"I'll tell you when the next build of {shorten(job.path if job else '', 100)} has ended."]

    def drain(self) -> float:
        """Tell what has ended since; when to look again, Unix seconds. What was not heard stays to be told."""
        with self._database.reading() as connection:
            due = load_ended(connection)[:MAX_PAGE]
            builds = load_builds_by_ids(connection, {one.ended for one in due})
        found = {build.id: build for build in builds}
        for one in due:
            try:
                if one.ended in found:
                    line = write_build(found[one.ended], self._clock(), self._public)
                    self._say(one.target, [f"{one.nick}: ", *line])
            except OutletRefusedError:  # nobody can be told there any more
                pass
            except OutletError:
                return self._clock() + AWAY
            self._database.write(partial(drop_watches, ids=[one.id]))
        return self._clock() + LOOK_EVERY


def _find_going(connection: Connection, meant: Meant, channel: str | None) -> BuildView | None:
    """The build that is meant, ended or not; of a job, one that goes on, None while none does."""
    if meant.build is not None or meant.pull is not None or meant.job is None:
        return find_build(connection, meant, channel)
    found = find_newest(connection, find_job(connection, meant.job, channel), meant.branch)
    return found if found is not None and found.state != "finished" else None
