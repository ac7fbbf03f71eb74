"""Who is in our channels, by which account, and which modes the channels have: as far as the server has told. Pure.

Names are the same when the server holds them for the same (`fold`); they are given back as they were told last.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hubwright.irc.events import Person

_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_RFC1459 = str.maketrans(f"{string.ascii_uppercase}[]\\^", f"{string.ascii_lowercase}{{}}|~")
_STRICT = str.maketrans(f"{string.ascii_uppercase}[]\\", f"{string.ascii_lowercase}{{}}|")
_MAPPINGS = {"ascii": _ASCII, "rfc1459": _RFC1459, "rfc1459-strict": _STRICT}


@dataclass(slots=True)
class _Room:
    name: str
    members: set[str] = field(default_factory=set)
    modes: set[str] = field(default_factory=set)


class Rooms:
    """The channels that we are in. Methods that only read may be called by any thread."""

    def __init__(self) -> None:
        self._mapping = _RFC1459
        self._rooms: dict[str, _Room] = {}
        self._people: dict[str, Person] = {}

    def use_mapping(self, name: str) -> None:
        """Tell names apart as the server's CASEMAPPING does; before the first channel."""
        self._mapping = _MAPPINGS.get(name.lower(), _RFC1459)

    def fold(self, name: str) -> str:
        """The name by which it is compared."""
        return name.translate(self._mapping)

    def is_same(self, one: str, other: str) -> bool:
        """Whether both are the same nick or channel."""
        return self.fold(one) == self.fold(other)

    def find(self, nick: str) -> Person | None:
        """Somebody who is in a channel with us."""
        return self._people.get(self.fold(nick))

    def members_of(self, channel: str) -> Sequence[Person]:
        """Who is in the channel, ordered by nick; nobody when we are not in it."""
        room = self._rooms.get(self.fold(channel))
        found = [self._people.get(nick) for nick in sorted(room.members)] if room else []
        return [person for person in found if person is not None]

    def channels_of(self, nick: str) -> Sequence[str]:
        """Those of our channels that somebody is in."""
        folded = self.fold(nick)
        return sorted(room.name for room in tuple(self._rooms.values()) if folded in room.members)

    def has(self, channel: str) -> bool:
        """Whether we are in it."""
        return self.fold(channel) in self._rooms

    def has_mode(self, channel: str, mode: str) -> bool:
        """Whether the channel is known to have that mode, which has no parameter."""
        room = self._rooms.get(self.fold(channel))
        return room is not None and mode in room.modes

    def enter(self, channel: str) -> None:
        """We are in a channel from now on."""
        self._rooms[self.fold(channel)] = _Room(channel)

    def leave(self, channel: str) -> None:
        """We are not any more; whom we saw nowhere else we don't know any more."""
        room = self._rooms.pop(self.fold(channel), None)
        for nick in room.members if room else ():
            self._forget(nick)

    def add(self, channel: str, person: Person) -> None:
        """Somebody is in a channel of ours."""
        if (room := self._rooms.get(self.fold(channel))) is not None:
            room.members.add(self.fold(person.nick))
            self.know(person)

    def remove(self, channel: str, nick: str) -> None:
        """Somebody is in that channel no more."""
        if (room := self._rooms.get(self.fold(channel))) is not None:
            room.members.discard(self.fold(nick))
            self._forget(self.fold(nick))

    def remove_all(self, nick: str) -> None:
        """Somebody is in no channel any more."""
        for room in self._rooms.values():
            room.members.discard(self.fold(nick))
        self._people.pop(self.fold(nick), None)

    def rename(self, nick: str, new: str) -> None:
        """Somebody is called otherwise from now on."""
        old, folded = self.fold(nick), self.fold(new)
        for room in self._rooms.values():
            if old in room.members:
                room.members.discard(old)
                room.members.add(folded)
        if (person := self._people.pop(old, None)) is not None:
            self._people[folded] = replace(person, nick=new)

    def know(self, person: Person) -> None:
        """What the server tells of somebody who is in a channel; what it does not tell now stays as it was."""
        folded = self.fold(person.nick)
        before = self._people.get(folded)
        if before is not None:
            person = replace(person, user=person.user or before.user, host=person.host or before.host)
        self._people[folded] = person

    def set_modes(self, channel: str, modes: str, taking: str) -> None:
        """A change such as `+nt-c`; `taking` are the letters that have parameters, which are not remembered."""
        room = self._rooms.get(self.fold(channel))
        is_set = True
        for letter in modes if room is not None else "":
            if letter in "+-":
                is_set = letter == "+"
            elif room is not None and letter not in taking:
                (room.modes.add if is_set else room.modes.discard)(letter)

    def _forget(self, folded: str) -> None:
        if not any(folded in room.members for room in self._rooms.values()):
            self._people.pop(folded, None)
