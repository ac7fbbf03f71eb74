"""Whose account is whose login at GitHub: `!link`, `!unlink`, `!whoami`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial

from hubwright.domain.irc_text import Text
from hubwright.errors import ForbiddenError, NotFoundError
from hubwright.irc.commands import Request
from hubwright.irc.deeds import Deeds
from hubwright.irc.people import NO_ACCOUNT, People
from hubwright.store.database import Database
from hubwright.store.irc_accounts import drop_link, drop_old_codes, keep_code

CODE_SECONDS = 600
"""For how long a code is good."""


def hash_code(code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(code.encode()).hexdigest()


class Links:
    """Its methods block: they ask the database."""

    def __init__(self, database: Database, people: People, public_url: str) -> None:
        self._database = database
        self._people = people
        self._deeds = Deeds(database, people)
        self._public = public_url.rstrip("/")

    def link(self, request: Request) -> Sequence[Text]:
        """Gives an address, in a query only, at which who is logged in with GitHub says that this account is theirs."""
        account = request.who.account
        if account is None:
            raise ForbiddenError(NO_ACCOUNT)
        if request.channel is not None:
            return ["Say `link` to me in a query: the address is for you alone."]
        code = secrets.token_urlsafe(18)
        until = request.at + CODE_SECONDS
        self._database.write(partial(drop_old_codes, now=request.at))
        self._database.write(partial(keep_code, account=account, code=hash_code(code), until=until))
        minutes = CODE_SECONDS // 60
        return [f"Within {minutes} minutes, logged in with GitHub, open {self._public}/irc/link?code={code}"]

    def unlink(self, request: Request) -> Sequence[Text]:
        """Your account is no login any more."""
        account = request.who.account or ""

        def work(_: str) -> str:
            if not self._database.write(partial(drop_link, account=account)):
                raise NotFoundError(
                    f"The account {account} was not linked; what IRC__ACCOUNTS say an operator changes."
                )
            return "Done."

        return self._deeds.do(request, "unlink", account, work)

    def whoami(self, request: Request) -> Sequence[Text]:
        """Who you are to the hub."""
        account = request.who.account
        if account is None:
            return ["Nobody: you are not logged in to the network's services."]
        login = self._people.find_login(account)
        trust = ", and trusted" if self._people.trusts(account) else ""
        return [f"The account {account}, {f'{login} at GitHub' if login else 'no login at GitHub'}{trust}."]
