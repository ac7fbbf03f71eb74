"""The reporter that announces on IRC: pushes, what the ends of builds mean, builders that go and come.

A target is a channel and a matter: lines of one matter come in the order of the facts, and a build that is waited for
keeps back no commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind, sentence
from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_news import Matter, News, Rule
from hubwright.domain.irc_text import Text, paint
from hubwright.reports import Report
from hubwright.reports.irc_builders import Builders
from hubwright.reports.irc_channels import Channels, load_end, read_push
from hubwright.reports.irc_people import QUERY, Folk
from hubwright.reports.irc_pushes import Say, tell_pushes, tell_troubles
from hubwright.reports.irc_revisions import Revisions
from hubwright.reports.irc_turns import call, news_of
from hubwright.store import irc
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.database import Database
from hubwright.store.views import load_builds_by_ids

_QUEUES = "refs/heads/gh-readonly-queue/"
"""Branches of GitHub's merge queues: what stands there is no news."""

BUILDS, BUILDERS, TROUBLE = "builds", "builder", "hub"


class Voice(Protocol):
    """Says lines on IRC (`irc.voice`)."""

    def tell(self, target: str, text: Text, *, more: str = "") -> None:
        """Say it, and return when it was heard. Raises OutletError, OutletRefusedError."""


class IrcReporter:
    """Tells the channels of the `rules`. `nicks_of` has who is in a channel: the nick of each account,
    `logins` the login at GitHub of accounts, as settings have them.
    """

    name = "irc"

    def __init__(
        self,
        database: Database,
        voice: Voice,
        rules: Sequence[Rule],
        public_url: str,
        clock: Callable[[], float],
        *,
        nicks_of: Callable[[str], Mapping[str, str]],
        logins: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._voice = voice
        self._channels = Channels(rules)
        self._clock = clock
        self._nicks_of = nicks_of
        self._folk = Folk(logins or {})
        self._revisions = Revisions(database, public_url, clock)
        self._builders = Builders(database, clock)
        self._readers: Mapping[FactKind, Callable[[Connection, Fact], Sequence[Report]]] = {
            FactKind.PUSH_RECEIVED: self._read_push,
            FactKind.BUILD_FINISHED: self._read_end,
            FactKind.RUN_FINISHED: self._read_failure,
            FactKind.DELIVERY_FAILED: self._read_trouble,
            FactKind.BUILDER_LOST: self._read_builder,
            FactKind.BUILDER_AWAY: self._read_builder,
            FactKind.BUILDER_CONNECTED: self._read_builder,
        }

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        """One for each channel that wants to know, by what people have told the bot until this moment."""
        read = self._readers.get(fact.kind)
        if read is None:
            return ()
        with self._database.reading() as connection:
            return read(connection, fact)

    def _read_push(self, connection: Connection, fact: Fact) -> Sequence[Report]:
        ref = str(fact.data.get("ref"))
        if ref.startswith(_QUEUES):
            return ()
        moved = not (fact.data.get("created") or fact.data.get("deleted") or ref.startswith("refs/tags/"))
        wanted: dict[str, list[str]] = {}
        for event in (News.COMMITS,) if moved else (News.REFS, News.COMMITS):
            for channel in self._channels.find(connection, read_push(fact, event)):
                wanted.setdefault(channel, []).append(event)
        return [Report(one, {"push": fact.data, "news": news, "at": fact.at}) for one, news in wanted.items()]

    def _read_end(self, connection: Connection, fact: Fact) -> Sequence[Report]:
        streak = fact.data.get("streak")
        turn = streak.get("turn") if isinstance(streak, dict) else None
        news = news_of(str(fact.data.get("result")), turn)
        if news is None or fact.build_id is None or fact.data.get("event") == BUILT_FOR_IT:
            return ()
        body = {
            **{name: fact.data.get(name) for name in ("job", "repository", "sha", "branch", "changes")},
            "build": fact.build_id, "news": news, "streak": streak, "at": fact.at,
        }  # fmt: skip
        branch = fact.data.get("branch")
        return self._report(connection, fact, news, branch if isinstance(branch, str) else None, body)

    def _read_failure(self, connection: Connection, fact: Fact) -> Sequence[Report]:
        """The first failure among several runs is told before the last of them has ended, if that takes long."""
        if fact.data.get("result") not in {"failure", "timeout"} or fact.build_id is None:
            return ()
        found = load_builds_by_ids(connection, [fact.build_id])
        if not found or found[0].state == "finished" or found[0].event == BUILT_FOR_IT:
            return ()
        build = found[0]
        body = {"early": build.id, "at": fact.at}
        return self._report(connection, fact, News.BROKEN, build.branch, body)

    def _report(
        self, connection: Connection, fact: Fact, news: News, branch: str | None, body: dict[str, Any]
    ) -> Sequence[Report]:
        matter = load_end(connection, fact, news, branch)
        important = branch == matter.default_branch and not matter.pull and news in {News.BROKEN, News.ERROR}
        found = self._channels.find(connection, matter, matter.job)
        if "build" in body:  # what is not at its end is no matter for a query
            people = self._folk.find(connection, matter, fact.build_id, body["streak"])
            found += [f"{QUERY}{account}" for account in people]
        return [Report(f"{channel} {BUILDS}", {**body, "important": important}) for channel in found]

    def _read_builder(self, connection: Connection, fact: Fact) -> Sequence[Report]:
        body = {"kind": fact.kind.value, "builder": str(fact.data.get("builder")), "at": fact.at}
        body["platform"] = str(fact.data.get("platform"))
        return [
            Report(f"{channel} {BUILDERS} {body['builder']}", body)
            for channel in self._builders.find(connection, fact, self._channels)
        ]

    def _read_trouble(self, connection: Connection, fact: Fact) -> Sequence[Report]:
        found = self._channels.find(connection, Matter(event=News.ERROR))
        return [Report(f"{channel} {TROUBLE}", {"text": sentence(fact), "at": fact.at}) for channel in found]

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        """Tell a channel. Raises OutletError, OutletRefusedError, NotYetError."""
        channel, _, matter = target.partition(" ")
        speak = self._find_speech(channel)
        if matter == BUILDS:
            self._revisions.tell(bodies, said, speak)
        elif matter == TROUBLE:
            tell_troubles(bodies, said, speak)
        elif matter:
            self._builders.tell(bodies, said, speak)
        else:
            tell_pushes(bodies, said, speak, self._clock())

    def _find_speech(self, channel: str) -> Say:
        """What says a line there."""
        if channel.startswith(QUERY):
            return self._find_query(channel.removeprefix(QUERY))

        def say(line: Text, *, important: bool = False, people: Collection[str] = ()) -> None:
            with self._database.reading() as connection:
                here = self._nicks_of(channel)
                text = call(self._folk.find_called(connection, here, people, important=important), line)
            self._voice.tell(channel, text if self._channels.wear_colours(channel) else paint(text, colours=False))

        with self._database.reading() as connection:
            muted = fold_name(channel) in irc.load_mutes(connection, self._clock())
        return _keep_quiet if muted else say

    def _find_query(self, account: str) -> Say:
        """Who is in no channel with us is not told, also not later."""
        found = (self._nicks_of(channel).get(account) for channel in self._channels.names)
        nick = next((one for one in found if one is not None), None)

        def say(line: Text, *, important: bool = False, people: Collection[str] = ()) -> None:  # noqa: ARG001  a Say
            if nick is not None:
                self._voice.tell(nick, line)

        return say


def _keep_quiet(_line: Text, *, important: bool = False, people: Collection[str] = ()) -> None:
    """The channel wants to hear nothing for a while."""
