"""Every command of the bot, with who may give it. Buildbot's verbs are aliases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hubwright.domain.irc_text import Text
from hubwright.errors import UnprocessableError
from hubwright.irc.answers.builds import Standing
from hubwright.irc.answers.channels import Channels
from hubwright.irc.answers.fleet import Fleet
from hubwright.irc.answers.links import Links
from hubwright.irc.answers.logs import LogLines
from hubwright.irc.answers.orders import Orders
from hubwright.irc.answers.talk import Talk
from hubwright.irc.answers.watches import Watches
from hubwright.irc.commands import Command, Request
from hubwright.irc.people import People

_JOB = "[JOB [BRANCH]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """All that answers."""

    people: People
    standing: Standing
    logs: LogLines
    fleet: Fleet
    orders: Orders
    watches: Watches
    channels: Channels
    links: Links
    talk: Talk


def list_commands(answers: Answers) -> list[Command]:
    """NimBot's and a build server's."""
    return [*_reading(answers), *_changing(answers), *_of_channels(answers), *_of_people(answers)]


def _reading(answers: Answers) -> list[Command]:
    standing, fleet = answers.standing, answers.fleet
    told = [
        Command(name="status", syntax="[JOB [BRANCH] | PR#N | BUILD]", summary="how it stands", answer=standing.status),
        Command(name="last", syntax=_JOB, summary="the last builds", answer=standing.last),
        Command(name="who", syntax=_JOB, summary="who broke it, who mends it", answer=standing.who, aliases=["blame"]),
        Command(name="flaky", syntax=_JOB, summary="tests that fail and pass", answer=standing.flaky),
        Command(name="log", syntax="[BUILD | JOB [BRANCH]] [STAGE]", summary="what failed", answer=answers.logs.log),
        Command(name="queue", summary="what waits, and why", answer=fleet.queue),
        Command(name="builders", summary="who builds", answer=fleet.builders, aliases=["workers"]),
        Command(name="list", syntax="builders|repos|nicks|trusted", summary="as Buildbot", answer=_Lists(answers).list),
        Command(name="watch", syntax="BUILD | JOB [BRANCH] | off", summary="I tell you when it ends",
                answer=answers.watches.watch),
    ]  # fmt: skip
    return [replace(command, may=answers.people.refuse_reader) for command in told]


def _changing(answers: Answers) -> list[Command]:
    orders, may = answers.orders, answers.people.refuse_unlinked
    return [
        Command(name="build", syntax="JOB [BRANCH | PR#N] [NAME=VALUE …]", summary="build the newest commit",
                answer=orders.build, may=may),
        Command(name="rerun", syntax="[BUILD | last [JOB] | JOB [BRANCH]] [failed | PLATFORM]", summary="run it again",
                answer=orders.rerun, may=may, aliases=["rebuild"]),
        Command(name="cancel", syntax="BUILD [REASON]", summary="stop it", answer=orders.cancel, may=may),
        Command(name="force", syntax="build JOB …", summary="as Buildbot: !build",
                answer=lambda request: orders.build(_behind(request, "build")), may=may),
        Command(name="stop", syntax="build BUILD …", summary="as Buildbot: !cancel",
                answer=lambda request: orders.cancel(_behind(request, "build")), may=may),
        Command(name="take", syntax="JOB [BRANCH] | BUILD", summary="you mend it", answer=orders.take, may=may,
                aliases=["volunteer"]),
        Command(name="drop", syntax="JOB [BRANCH] | BUILD", summary="nobody mends it any more", answer=orders.drop,
                may=may),
    ]  # fmt: skip


def _of_channels(answers: Answers) -> list[Command]:
    channels, people = answers.channels, answers.people
    trusted, somebody = people.refuse_untrusted, people.refuse_stranger
    return [
        Command(name="addrepo", syntax="OWNER/NAME [#CHANNEL]", summary="tell of its commits here",
                answer=channels.add_repository, may=trusted),
        Command(name="remrepo", syntax="OWNER/NAME [#CHANNEL]", summary="tell of them no longer",
                answer=channels.drop_repository, may=trusted),
        Command(name="repos", summary="whose commits I tell of", answer=channels.repositories,
                may=people.refuse_reader),
        Command(name="notify", syntax="on|off|list EVENT …", summary="what this channel, or in a query you, hear of",
                answer=channels.notify, may=somebody),
        Command(name="mute", syntax="DURATION | off [#CHANNEL]", summary="I say nothing unasked",
                answer=channels.mute, may=trusted, aliases=["unmute"]),
        Command(name="addtrust", syntax="ACCOUNT", summary="let them change what I do", answer=channels.add_trust,
                may=trusted),
        Command(name="remtrust", syntax="ACCOUNT", summary="trust them no longer", answer=channels.drop_trust,
                may=trusted),
        Command(name="trusted", summary="whom I trust", answer=channels.trusted),
        Command(name="addnick", summary="I call you when news is important", answer=channels.add_nick, may=somebody),
        Command(name="remnick", syntax="[ACCOUNT]", summary="I call you no longer", answer=channels.drop_nick,
                may=somebody),
        Command(name="nicks", summary="whom I call", answer=channels.nicks),
    ]  # fmt: skip


def _of_people(answers: Answers) -> list[Command]:
    talk, links, somebody = answers.talk, answers.links, answers.people.refuse_stranger
    return [
        Command(name="seen", syntax="NICK", summary="when somebody was here last", answer=talk.seen),
        Command(name="tell", syntax="NICK WORDS", summary="I tell them when they come", answer=talk.tell),
        Command(name="private", syntax="on|off", summary="I neither remember nor log you", answer=talk.private),
        Command(name="link", summary="in a query: which login at GitHub you are", answer=links.link, may=somebody),
        Command(name="unlink", summary="you are that login no more", answer=links.unlink, may=somebody),
        Command(name="whoami", summary="who you are to me", answer=links.whoami),
        Command(name="ping", summary="pong", answer=talk.ping),
        Command(name="lag", summary="how long the server takes", answer=talk.lag),
        Command(name="version", summary="what I am", answer=talk.version, aliases=["source"]),
    ]


class _Lists:
    """Buildbot's `list THINGS`."""

    def __init__(self, answers: Answers) -> None:
        fleet, channels = answers.fleet, answers.channels
        self._things = {
            "builders": fleet.builders,
            "workers": fleet.builders,
            "repos": channels.repositories,
            "nicks": channels.nicks,
            "trusted": channels.trusted,
        }

    def list(self, request: Request) -> Sequence[Text]:
        """The things that the first word names."""
        answer = self._things.get(request.words[0].lower() if request.words else "")
        if answer is None:
            raise UnprocessableError(f"I list {', '.join(self._things)}.")
        return answer(request)


def _behind(request: Request, word: str) -> Request:
    """The same request without its first word. Raises UnprocessableError where that is another."""
    if not request.words or request.words[0].lower() != word:
        raise UnprocessableError(f"Say `!{request.name} {word} …`.")
    return replace(request, words=request.words[1:], text=request.text[len(word) :].strip())
