"""One connection to an IRC server as a machine without I/O: lines in, lines out, and what happened.

Who speaks is told by the `account` tag, which the server vouches for
(https://ircv3.net/specs/extensions/account-tag), or by what it tells of everybody who comes and logs in
(`extended-join`, `account-notify`, WHOX): a nick proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from irctokens.line import Line

from hubwright.irc.attendance import Attendance
from hubwright.irc.entry import REFUSED, TAKEN, Entry, IrcError, Login
from hubwright.irc.events import Connected, Event, Joined, Kicked, Left, Quit, Renamed
from hubwright.irc.lines import UNKNOWN_PREFIX, cut, is_target, write_line
from hubwright.irc.rooms import Rooms
from hubwright.irc.scene import WHO, Scene
from hubwright.irc.speech import Outcome

REGAIN_EVERY = 60.0
"""Seconds between two attempts to get the wanted name."""

SETTLING = 10.0
"""Seconds that we wait for our channels to let us in before anything is said."""

_BLANKS = ("", "", "", "", "", "")


class Session:
    """What is known of the connection. `ready` once the server has let us in, `is_ended` when it says that we go.

    `has_ghost`: the server may hold a connection of ours that we have lost, under our name.
    """

    def __init__(self, login: Login, *, has_ghost: bool = False) -> None:
        self.ready = False
        self.is_ended = False
        self._has_ghost = has_ghost
        self._login = login
        self._entry = Entry(login)
        self._attendance = Attendance(login.channels)
        self._scene = Scene()
        self._supported: dict[str, str] = {}
        self._regain_at = 0.0
        self._now = 0.0
        self._ready_at = 0.0
        self._handlers: dict[str, Callable[[Sequence[str]], list[bytes]]] = {
            "PING": lambda words: [write_line("PONG", words[0])],
            "CAP": self._entry.negotiate,
            "AUTHENTICATE": self._entry.authenticate,
            "903": lambda _: self._entry.finish(),
            "005": self._learn,
            "376": self._settle,
            "422": self._settle,
            "ERROR": self._end,
            **dict.fromkeys(TAKEN, lambda _: [] if self.ready else self._entry.rename()),
        }

    @property
    def nick(self) -> str:
        """What we are called by now."""
        return self._scene.nick if self.ready else self._entry.nick

    @property
    def rooms(self) -> Rooms:
        """Our channels, and who is in them."""
        return self._scene.rooms

    @property
    def echoes(self) -> bool:
        """Whether the server tells us what we have said."""
        return "echo-message" in self._entry.granted

    @property
    def prefix(self) -> int:
        """Bytes that stand before what others hear from us."""
        us = self.rooms.find(self.nick)
        return len(f":{us.nick}!{us.user}@{us.host} ".encode()) if us and us.user and us.host else UNKNOWN_PREFIX

    def takes_colours(self, target: str) -> bool:
        """Whether colours are let through there: channels with `+c` refuse them, those with `+S` take them out."""
        return not any(self.rooms.has_mode(target, mode) for mode in "cS")

    def may_speak(self, now: float) -> bool:
        """Whether we have come in and are in our channels, or have waited for that long enough."""
        return self.ready and (self._attendance.is_complete or now - self._ready_at > SETTLING)

    def find_obstacle(self, target: str) -> Outcome | None:
        """Why nothing can be said there now: REFUSED for ever, or LOST for the moment. None: it can."""
        if not is_target(target):
            return Outcome.REFUSED
        if target[0] not in self._supported.get("CHANTYPES", "#&") or self.rooms.has(target):
            return None
        return Outcome.LOST if self._attendance.wants(target) else Outcome.REFUSED

    def begin(self) -> list[bytes]:
        """The first lines."""
        return self._entry.begin()

    def tick(self, now: float) -> list[bytes]:
        """What is to be tried again: channels that we are not in, our own name. Call it every few seconds."""
        if not self.ready:
            return []
        lines = self._attendance.tick(now)
        if now >= self._regain_at and not self.rooms.is_same(self.nick, self._login.nick):
            lines += self._regain(now)
        return lines

    def hear(self, line: Line, now: float) -> tuple[list[bytes], Event | None]:
        """What to answer at once, and what happened. `now`: Unix time. Raises IrcError."""
        words = [*line.params, *_BLANKS]
        self._now = now
        self._scene.granted = self._entry.granted
        if line.command == "001":
            self.ready, self._ready_at, self._scene.nick = True, now, words[0]
            return [], Connected(at=now, nick=words[0])
        if line.command in REFUSED:
            return self._entry.try_another_way(line.command, words[1]), None
        if (handler := self._handlers.get(line.command)) is not None:
            return handler(words), None
        self._attendance.refuse(line.command, words[1], words[2])
        event = self._scene.hear(line, words, _time_of(line, now))
        return self._follow(event, now), event

    def _follow(self, event: Event | None, now: float) -> list[bytes]:
        """What we do about what happened."""
        match event:
            case Joined(own=True, channel=channel):
                self._attendance.come(channel)
                who = [",".join(WHO)] if "WHOX" in self._supported else []
                return [write_line("MODE", channel), write_line("WHO", channel, *who)]
            case Kicked(own=True, channel=channel):
                self._attendance.leave(channel, now, kicked=True)
            case Left(own=True, channel=channel):
                self._attendance.leave(channel, now)
            case Quit(who=who) | Renamed(own=False, who=who) if self.rooms.is_same(who.nick, self._login.nick):
                return self._regain(now)
        return []

    def _learn(self, words: Sequence[str]) -> list[bytes]:
        for word in words[1:]:
            name, _, value = word.partition("=")
            self._supported[name.upper()] = value
        if mapping := self._supported.get("CASEMAPPING"):
            self.rooms.use_mapping(mapping)
        return []

    def _settle(self, _: Sequence[str]) -> list[bytes]:
        """The greeting is over: say that we are a bot (https://ircv3.net/specs/extensions/bot-mode), and go in."""
        mode = self._supported.get("BOT", "")[:1] or "B"
        return [write_line("MODE", self.nick, f"+{mode}"), *self._attendance.tick(self._now)]

    def _regain(self, now: float) -> list[bytes]:
        """Our name back. The services take it from a ghost, once: who holds it then is none, and may be one of us."""
        self._regain_at = now + REGAIN_EVERY
        lines = [write_line("NICK", self._login.nick)]
        if self._has_ghost and self._entry.is_logged_in:
            self._has_ghost = False
            lines.insert(0, write_line("PRIVMSG", "NickServ", f"REGAIN {self._login.nick}"))
        return lines

    def _end(self, words: Sequence[str]) -> list[bytes]:
        self.is_ended = True
        raise IrcError(f"The server ended the connection: {cut(words[0], 200)}")


def _time_of(line: Line, now: float) -> float:
    """When it happened, by the server (https://ircv3.net/specs/extensions/server-time) or else by us."""
    told = (line.tags or {}).get("time", "")
    try:
        return datetime.strptime(told, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() if told else now
    except ValueError:
        return now
