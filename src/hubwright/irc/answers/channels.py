"""What the bot does for a channel, and who may say so: NimBot's lists, `!notify` and `!mute`.

Somebody trusted may; what concerns only oneself, everybody with an account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from hubwright.domain.irc_names import fold_name, is_channel
from hubwright.domain.irc_news import News
from hubwright.domain.irc_text import Text
from hubwright.domain.wording import word_duration
from hubwright.errors import ForbiddenError, NotFoundError, UnprocessableError
from hubwright.irc.answers.texts import join_names, shorten, unping
from hubwright.irc.commands import Request
from hubwright.irc.deeds import Deeds
from hubwright.irc.people import People
from hubwright.store import irc
from hubwright.store.database import Database

MAX_MUTE = 7 * 86_400
"""Seconds for which a channel can be muted at once."""

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,6})(s|m|min|h|d)\Z")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}\Z")
_DONE = "Done."


def read_duration(text: str) -> int:
    """Seconds of `90s`, `30m`, `2h` or `1d`, at most MAX_MUTE. Pure. Raises UnprocessableError."""
    found = _DURATION.match(text.lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= MAX_MUTE:
        raise UnprocessableError("Say how long: 30m, 2h or 1d; a week at most.")
    return seconds


def read_repository(words: Sequence[str]) -> str:
    """`OWNER/NAME`, or both as two words, as NimBot had it. Pure. Raises UnprocessableError."""
    name = "/".join(words[:2]).removesuffix(".git")
    if not _REPOSITORY.match(name):
        raise UnprocessableError("Syntax: OWNER/NAME.")
    return name


class Channels:
    """Its methods block: they ask the database."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self._deeds = Deeds(database, people)

    def add_trust(self, request: Request) -> Sequence[Text]:
        """`ACCOUNT`: an account, or the nick of somebody here who is logged in."""
        account = _find_account(request)
        return self._change(request, "trust", account, partial(irc.keep_trust, account=account, now=request.at))

    def drop_trust(self, request: Request) -> Sequence[Text]:
        """`ACCOUNT`: trust it no longer."""
        account = _find_account(request)

        def work(_: str) -> str:
            if fold_name(account) in self._people.trusted:
                raise ForbiddenError(f"{account} is trusted by IRC__TRUSTED: an operator can change that.")
            if not self._database.write(partial(irc.drop_trust, account=account)):
                raise NotFoundError("Could not find user.")
            return _DONE

        return self._deeds.do(request, "distrust", account, work)

    def trusted(self, _request: Request) -> Sequence[Text]:
        """All trusted accounts."""
        with self._database.reading() as connection:
            found = {one.account for one in irc.load_trusted(connection)} | self._people.trusted
        return [f"I trust {join_names([unping(one) for one in sorted(found)]) or 'nobody'}."]

    def add_repository(self, request: Request) -> Sequence[Text]:
        """`OWNER/NAME [#CHANNEL]`: tells of its commits there."""
        channel, words = _split_channel(request)
        name = read_repository(words)
        keep = partial(irc.keep_repository, channel=channel, repository=name, now=request.at)
        return self._change(request, "announce", f"{channel} {name}", keep)

    def drop_repository(self, request: Request) -> Sequence[Text]:
        """`OWNER/NAME [#CHANNEL]`: tells of its commits no longer."""
        channel, words = _split_channel(request)
        name = read_repository(words)

        def work(_: str) -> str:
            if not self._database.write(partial(irc.drop_repository, channel=channel, repository=name)):
                raise NotFoundError("Repo not found.")
            return _DONE

        return self._deeds.do(request, "unannounce", f"{channel} {name}", work)

    def repositories(self, request: Request) -> Sequence[Text]:
        """Whose commits are told of in this channel; in a query, in which."""
        with self._database.reading() as connection:
            found = irc.load_repositories(connection, request.channel)
        named = [name if request.channel else f"{channel} {name}" for channel, name in found]
        return [join_names(named) or "No repository was added; what IRC__NEWS names is told of all the same."]

    def add_nick(self, request: Request) -> Sequence[Text]:
        """Calls you by name when news is important."""
        _require_self(request)
        account = request.who.account or ""
        self._database.write(partial(irc.keep_ping, account=account, nick=request.who.nick, now=request.at))
        return [_DONE]

    def drop_nick(self, request: Request) -> Sequence[Text]:
        """`[ACCOUNT]`: calls you, or somebody, no longer."""
        account = _find_account(request) if request.words else request.who.account or ""
        if fold_name(account) != fold_name(request.who.account or "") and self._people.refuse_untrusted(request):
            raise ForbiddenError("Access denied.")
        if not self._database.write(partial(irc.drop_ping, account=account)):
            raise NotFoundError("Could not find user.")
        return [_DONE]

    def nicks(self, _request: Request) -> Sequence[Text]:
        """Who is called when news is important."""
        with self._database.reading() as connection:
            found = irc.load_pings(connection)
        return [join_names([unping(nick) for nick in found.values()]) or "Nobody wants to be called."]

    def notify(self, request: Request) -> Sequence[Text]:
        """`on|off EVENT …` or `list`: what this channel hears of, or in a query what you do."""
        verb, *events = [word.lower() for word in request.words] or ["list"]
        target = request.channel or request.who.account or ""
        if verb == "list":
            return [self._list_events(target)]
        unknown = [event for event in events if event not in set(News)]
        if verb not in {"on", "off"} or not events or unknown:
            raise UnprocessableError(f"Say `!notify on|off|list EVENT …`; events are {', '.join(News)}.")
        if request.channel is not None and (refusal := self._people.refuse_untrusted(request)):
            raise ForbiddenError(refusal)
        wishes = dict.fromkeys(events, verb == "on")
        keep = partial(irc.keep_notify, target=target, wishes=wishes, now=request.at)
        return self._change(request, "notify", f"{target} {verb} {' '.join(events)}", keep)

    def mute(self, request: Request) -> Sequence[Text]:
        """`DURATION|off [#CHANNEL]`: tells nothing unasked for so long."""
        channel, words = _split_channel(request)
        if words[:1] == ["off"] or request.name == "unmute":
            return self._deeds.do(request, "unmute", channel, partial(self._unmute, channel))
        seconds = read_duration(words[0] if words else "")
        keep = partial(irc.keep_mute, channel=channel, until=request.at + seconds)
        self._change(request, "mute", f"{channel} {words[0]}", keep)
        return [f"I say nothing unasked in {shorten(channel, 60)} for {word_duration(seconds)}."]

    def _unmute(self, channel: str, _by: str) -> str:
        return _DONE if self._database.write(partial(irc.drop_mute, channel=channel)) else "It is not muted."

    def _list_events(self, target: str) -> str:
        with self._database.reading() as connection:
            found = irc.load_notify(connection).get(fold_name(target), {})
        on = [event for event, wanted in found.items() if wanted]
        off = [event for event, wanted in found.items() if not wanted]
        said = [f"{word}: {', '.join(events)}" for word, events in (("on", on), ("off", off)) if events]
        return f"{'; '.join(said) or 'Nothing was switched'}; all else is as IRC__NEWS says."

    def _change(self, request: Request, action: str, path: str, keep: Callable[..., object]) -> Sequence[Text]:
        def work(by: str) -> str:
            self._database.write(partial(keep, by=by))
            return _DONE

        return self._deeds.do(request, action, path, work)


def _find_account(request: Request) -> str:
    """The account that the first word names; of somebody here, that of the nick."""
    if not request.words:
        raise UnprocessableError("Syntax: an account, or the nick of somebody here who is logged in.")
    person = request.presence.find_person(request.words[0])
    return (person.account if person is not None and person.account else request.words[0])[:100]


def _require_self(request: Request) -> None:
    own = {fold_name(name) for name in (request.who.nick, request.who.account) if name}
    if request.words and fold_name(request.words[0]) not in own:
        raise ForbiddenError(f"Only {request.words[0][:60]} can ask for that, with !addnick.")


def _split_channel(request: Request) -> tuple[str, list[str]]:
    """The channel that is meant, this one where none is named, and the other words."""
    named = [word for word in request.words if is_channel(word)]
    words = [word for word in request.words if word not in named]
    channel = named[0] if named else request.channel
    if channel is None:
        raise UnprocessableError("Say for which channel, such as #builds.")
    return channel, words
