"""`/irc/link`: whose account on IRC is whose login at GitHub, said by who is logged in there, or by an operator."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.errors import ForbiddenError, NotFoundError, UnprocessableError
from hubwright.store.irc_accounts import (
    Linked,
    drop_link,
    find_code,
    keep_link,
    load_accounts_of,
    load_linked,
    load_login,
)
from hubwright.web.askers import Asker
from hubwright.web.pages.forms import need, read_fields
from hubwright.web.pages.frame import Frame

MAX_CODE = 100
"""Characters of a code."""


class IrcLinkPages:
    """For whoever may read; a code proves that the account is theirs, the session that the login is."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/irc/link", self.show),
            Route("/irc/link", self.keep, methods=["POST"]),
            Route("/irc/link/somebody", self.keep_other, methods=["POST"]),
            Route("/irc/link/remove", self.remove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /irc/link?code=`: the code fills the form."""
        request.state.asker = asker = await self._frame.require(request, "read")
        code = request.query_params.get("code", "")[:MAX_CODE]

        def load(connection: Connection) -> tuple[str | None, list[Linked]]:
            now = self._frame.site.clock()
            account = find_code(connection, _hash(code), now) if code and asker.login else None
            return account, _load_shown(connection, asker)

        account, links = await self._frame.site.database.read(load)
        return self._frame.show(request, "irc_link.html", code=code, account=account, links=links)

    async def keep_other(self, request: Request) -> Response:
        """`POST /irc/link/somebody`: an `account` and a `login`, which an administrator knows of."""
        await self._frame.require(request, "admin")
        fields = await read_fields(request)
        account, login, now = need(fields, "account"), need(fields, "login"), self._frame.site.clock()
        await self._frame.site.database.write_soon(lambda connection: keep_link(connection, account, login, now))
        return RedirectResponse("/irc/link", 303)

    async def keep(self, request: Request) -> Response:
        """`POST /irc/link`: the account that the `code` was told to is of who asks."""
        asker = await self._frame.require(request, "read")
        code, now = _hash(need(await read_fields(request), "code")[:MAX_CODE]), self._frame.site.clock()
        if asker.login is None:
            raise ForbiddenError("Log in with GitHub first: whose account it is can't be told otherwise.")
        login = asker.login

        def work(connection: Connection) -> None:
            found = find_code(connection, code, now)
            if found is None:
                raise UnprocessableError("This code is not good, or no longer: say `link` to the bot again.", "/code")
            keep_link(connection, found, login, now)

        await self._frame.site.database.write_soon(work)
        return RedirectResponse("/irc/link", 303)

    async def remove(self, request: Request) -> Response:
        """`POST /irc/link/remove`: one's own, an administrator any."""
        asker = await self._frame.require(request, "read")
        account = need(await read_fields(request), "account")

        def work(connection: Connection) -> None:
            owner = load_login(connection, account)
            own = asker.login is not None and owner == asker.login.lower()
            if not ((own or asker.may("admin")) and drop_link(connection, account)):
                raise NotFoundError(f"The account {account[:100]!r} is not linked, or not to you.")

        await self._frame.site.database.write_soon(work)
        return RedirectResponse("/irc/link", 303)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _load_shown(connection: Connection, asker: Asker) -> list[Linked]:
    """All links for an administrator, one's own for others."""
    if asker.may("admin"):
        return load_linked(connection)
    if asker.login is None:
        return []
    return [Linked(account, asker.login, 0.0) for account in load_accounts_of(connection, asker.login)]
