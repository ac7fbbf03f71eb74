"""What the server tells of people and channels, made events of; `rooms` follows. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from irctokens.line import Line

from hubwright.irc.events import Event, Identified, Joined, Kicked, Kind, Left, Person, Quit, Renamed, Said, TopicSet
from hubwright.irc.rooms import Rooms

WHO = ("%tuhna", "715")
"""The fields of WHOX that are asked for (https://ircv3.net/specs/extensions/whox) and the number of the answer."""

_TRACKED = frozenset({"account-notify", "extended-join"})
_ACTION = "\x01ACTION "
_SPLIT = re.compile(r"(\*|[\w-]+)(\.[\w*-]+)+ (\*|[\w-]+)(\.[\w*-]+)+")
_STATUS = "@%+&~!"
_TAKING = "beIqaohvklfjLHwgXF"
"""Modes of channels that have parameters or may have them, on any server: they are none to remember."""


class Scene:
    """`nick` is what we are called and `granted` the capabilities, both by the session's word."""

    def __init__(self) -> None:
        self.nick = ""
        self.granted: frozenset[str] = frozenset()
        self.rooms = Rooms()
        self._replayed: set[str] = set()
        self._handlers: dict[str, Callable[[Line, Sequence[str], float], Event | None]] = {
            "PRIVMSG": self._say,
            "NOTICE": self._say,
            "JOIN": self._join,
            "PART": self._part,
            "QUIT": self._quit,
            "KICK": self._kick,
            "NICK": self._rename,
            "ACCOUNT": self._identify,
            "CHGHOST": self._move,
            "TOPIC": self._set_topic,
            "MODE": self._set_modes,
            "324": self._learn_modes,
            "353": self._learn_names,
            "352": self._learn_host,
            "354": self._learn_account,
            "BATCH": self._begin_batch,
        }

    def hear(self, line: Line, words: Sequence[str], at: float) -> Event | None:
        """What happened at that Unix time, if anything did that others are told. `words` has blanks at its end."""
        if (line.tags or {}).get("batch") in self._replayed:
            return None  # what was said before we came, told again
        handler = self._handlers.get(line.command)
        return handler(line, words, at) if handler else None

    def _say(self, line: Line, words: Sequence[str], at: float) -> Event | None:
        who = self._find_person(line)
        text, kind = words[1], Kind.MESSAGE if line.command == "PRIVMSG" else Kind.NOTICE
        if not who.nick or "!" not in (line.source or "") or len(line.params) < 2:
            return None  # a server
        if text.startswith(_ACTION):
            text, kind = text[len(_ACTION) :].rstrip("\x01"), Kind.ACTION
        elif text.startswith("\x01"):
            return None
        own, alone = self._is_us(who.nick), self._is_us(words[0])
        channel = words[0] if self.rooms.has(words[0].lstrip(_STATUS)) else None
        if channel is None and not (own or alone):
            return None
        target = channel or (who.nick if alone else words[0])
        return Said(at=at, who=who, channel=channel, target=target, text=text, kind=kind, own=own)

    def _join(self, line: Line, words: Sequence[str], at: float) -> Event:
        who, own = self._find_person(line), self._is_us(_nick(line))
        if "extended-join" in self.granted:
            who = replace(who, account=_account(words[1]))
        if own:
            self.rooms.enter(words[0])
        self.rooms.add(words[0], who)
        return Joined(at=at, who=who, channel=words[0], own=own)

    def _part(self, line: Line, words: Sequence[str], at: float) -> Event:
        who, own = self._find_person(line), self._is_us(_nick(line))
        self._go(words[0], who.nick, own=own)
        return Left(at=at, who=who, channel=words[0], reason=words[1], own=own)

    def _kick(self, line: Line, words: Sequence[str], at: float) -> Event:
        channel, nick, reason = words[:3]
        who, by, own = self.rooms.find(nick) or Person(nick=nick), self._find_person(line), self._is_us(nick)
        self._go(channel, nick, own=own)
        return Kicked(at=at, who=who, channel=channel, by=by, reason=reason, own=own)

    def _go(self, channel: str, nick: str, *, own: bool) -> None:
        if own:
            self.rooms.leave(channel)
        else:
            self.rooms.remove(channel, nick)

    def _quit(self, line: Line, words: Sequence[str], at: float) -> Event:
        who = self._find_person(line)
        channels = self.rooms.channels_of(who.nick)
        self.rooms.remove_all(who.nick)
        split = _SPLIT.fullmatch(words[0]) is not None
        return Quit(at=at, who=who, channels=channels, reason=words[0], split=split)

    def _rename(self, line: Line, words: Sequence[str], at: float) -> Event:
        who, own = self._find_person(line), self._is_us(_nick(line))
        channels = self.rooms.channels_of(who.nick)
        self.rooms.rename(who.nick, words[0])
        if own:
            self.nick = words[0]
        return Renamed(at=at, who=who, nick=words[0], channels=channels, own=own)

    def _identify(self, line: Line, words: Sequence[str], at: float) -> Event:
        who = replace(self._find_person(line), account=_account(words[0]))
        channels = self.rooms.channels_of(who.nick)
        if channels:
            self.rooms.know(who)
        return Identified(at=at, who=who, channels=channels)

    def _move(self, line: Line, words: Sequence[str], _at: float) -> None:
        if self.rooms.find(_nick(line)) is not None:
            self.rooms.know(replace(self._find_person(line), user=words[0], host=words[1]))

    def _set_topic(self, line: Line, words: Sequence[str], at: float) -> Event:
        return TopicSet(at=at, who=self._find_person(line), channel=words[0], text=words[1])

    def _set_modes(self, _line: Line, words: Sequence[str], _at: float) -> None:
        self.rooms.set_modes(words[0], words[1], _TAKING)

    def _learn_modes(self, _line: Line, words: Sequence[str], _at: float) -> None:
        self.rooms.set_modes(words[1], words[2], _TAKING)

    def _learn_names(self, _line: Line, words: Sequence[str], _at: float) -> None:
        for name in words[3].split():
            nick, _, place = name.lstrip(_STATUS).partition("!")
            user, _, host = place.partition("@")
            self.rooms.add(words[2], self._with_account(Person(nick=nick, user=user, host=host)))

    def _learn_host(self, _line: Line, words: Sequence[str], _at: float) -> None:
        _, channel, user, host, _, nick = words[:6]
        self.rooms.add(channel, self._with_account(Person(nick=nick, user=user, host=host)))

    def _learn_account(self, _line: Line, words: Sequence[str], _at: float) -> None:
        _, number, user, host, nick, account = words[:6]
        if number == WHO[1] and self.rooms.find(nick) is not None:
            self.rooms.know(Person(nick=nick, account=_account(account), user=user, host=host))

    def _begin_batch(self, _line: Line, words: Sequence[str], _at: float) -> None:
        """History is told again in batches; others, such as those of netsplits, hold what happens now."""
        if words[0].startswith("+") and words[1].lower() not in {"netsplit", "netjoin"}:
            self._replayed.add(words[0][1:])
        elif words[0].startswith("-"):
            self._replayed.discard(words[0][1:])

    def _find_person(self, line: Line) -> Person:
        """Who this line comes from. The tag is the server's newest word; without it what is known of them counts."""
        nick, _, place = (line.source or "").partition("!")
        user, _, host = place.partition("@")
        person = self._with_account(Person(nick=nick, user=user, host=host))
        if "account-tag" in self.granted:
            return replace(person, account=_account((line.tags or {}).get("account", "")))
        return person

    def _with_account(self, person: Person) -> Person:
        known = self.rooms.find(person.nick) if self.granted >= _TRACKED else None
        return person if known is None else replace(person, account=known.account)

    def _is_us(self, nick: str) -> bool:
        return self.rooms.is_same(nick, self.nick)


def _nick(line: Line) -> str:
    return (line.source or "").partition("!")[0]


def _account(word: str) -> str | None:
    """`*` and `0` say in two ways that there is none."""
    return word if word not in {"", "*", "0"} else None
