"""To whom the end of a build is mailed: what the job says, and what people say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubwright.domain.preferences import Preference, Way, is_mailbox
from hubwright.domain.receivers import MAX_RECEIVERS, is_wanted
from hubwright.reports.mail_texts import read_address
from hubwright.store.streaks import Person

CULPRITS = "culprits"
"""Stands for the authors of what was built since the last other end of the branch."""


class Recipients:
    """The addresses of one end: those that `told`, a job's `notifications`, names, and those of people.

    `people` are who may have brought the end. Who has said nothing is mailed when the job names `culprits`; who has
    said something is mailed by that, whether the job names them or not.
    """

    def __init__(self, turn: str, told: Mapping[str, Any], people: Sequence[Person]) -> None:
        self._turn = turn
        self._people = people
        named: Sequence[str] = told.get("email", ()) if is_wanted(turn, told.get("events", ())) else ()
        self._culprits = CULPRITS in named
        self._named = [text for text in named if text != CULPRITS]
        self._wanting: list[str] = []
        self.logins = {person.login.lower() for person in people if person.login}

    def add_wishes(self, wishes: Mapping[str, Preference], find_addresses: Callable[[str], Sequence[str]]) -> None:
        """What people want, by login; `find_addresses` gives the known addresses of one, the best first."""
        addresses = {person.login.lower(): person.address for person in self._people if person.login}
        self._people = [one for one in self._people if not one.login or one.login.lower() not in wishes]
        for login, wish in wishes.items():
            if wish.wants(Way.MAIL, self._turn, involved=login in self.logins):
                known = [text for text in (wish.address, addresses.get(login)) if text and is_mailbox(text)]
                self._wanting += (known or list(find_addresses(login)))[:1]

    def read_addresses(self) -> list[str]:
        """The addresses, each once; who has no mailbox is passed over, and so is what is no address."""
        culprits = [person.address for person in self._people if person.address] if self._culprits else []
        found: dict[str, None] = {}
        for text in (*self._named, *culprits):
            _add(found, text)
        most = dict.fromkeys(list(found)[:MAX_RECEIVERS])
        for text in self._wanting:
            _add(most, text)
        return list(most)


def _add(found: dict[str, None], text: str) -> None:
    try:
        address = read_address(text)
    except ValueError:
        return
    if is_mailbox(address):
        found.setdefault(address)
