"""What people change over IRC is written down as what they change elsewhere, refusals too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hubwright.errors import HubwrightError, RefusedError
from hubwright.irc.commands import Request
from hubwright.irc.people import People
from hubwright.store.audit import Entry, keep_entries
from hubwright.store.database import Database


class Deeds:
    """Does what is asked and keeps an entry of the audit log: the login, else the account, did it by `irc`."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def do(self, request: Request, action: str, path: str, work: Callable[[str], str]) -> list[str]:
        """The answer of `work`, which is told who acts; of what it raises, the sentence."""
        actor = self._people.find_login(request.who.account) or f"irc:{request.who.account}"
        try:
            status, answer = 202, work(actor)
        except HubwrightError as error:
            status, answer = error.status if isinstance(error, RefusedError) else 502, str(error)
        entry = Entry(
            at=request.at, actor=actor, by="irc", role="write", method="IRC", action=action, path=path[:400],
            status=status,
        )  # fmt: skip
        self._database.write(partial(keep_entries, entries=[entry]))
        return [answer]
