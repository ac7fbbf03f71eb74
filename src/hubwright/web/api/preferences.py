"""`/api/v1/users/{login}/notifications`: what somebody wants to be told of; for themselves, and for administrators."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Path, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.preferences import Preference, make_preference, read_place
from hubwright.domain.refs import check_owner
from hubwright.errors import ForbiddenError, NotFoundError, UnprocessableError
from hubwright.reports.mail_texts import read_address
from hubwright.store.preferences import Kept, drop_preference, keep_preference, load_addresses, load_preferences
from hubwright.web.api.answers import answer, moment
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.askers import Asker
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

ME = "me"
"""Stands for the login of who asks."""

_ADDRESS = "/users/{login}/notifications"

Login = Annotated[str, Path(max_length=100, description="A login at GitHub, or `me`.")]
Place = Annotated[str, Query(max_length=400, description="The path of a job or folder; everything without it.")]


class Wish(msgspec.Struct, kw_only=True):
    """What is wanted. `mine`: only ends that one's own commits may have brought."""

    events: list[str] = msgspec.field(default_factory=lambda: ["broken", "fixed"])
    mine: bool = True
    ways: list[str] = msgspec.field(default_factory=lambda: ["mail", "page"])
    address: str | None = None


class Preferences:
    """The routes, and what they do for the page. Who they are for is checked here, not by their role."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["notifications"])
        router.add_api_route(_ADDRESS, self.show, methods=["GET"])
        router.add_api_route(_ADDRESS, self.put, methods=["PUT"], openapi_extra=takes(Wish))
        router.add_api_route(_ADDRESS, self.remove, methods=["DELETE"], status_code=204)
        return router

    async def show(self, request: Request, login: Login) -> Response:
        """What they want, place by place; the nearest to a job counts. `addresses` are known to be theirs."""
        whose = find_login(await self._gate.require(request, "read"), login)
        kept, addresses = await self.load(whose)
        return answer({"login": whose, "addresses": addresses, "preferences": [_write(one) for one in kept]})

    async def put(self, request: Request, login: Login, place: Place = "") -> Response:
        """Say what they want at a place, instead of what was said there before.

        `address` is one that GitHub knows as theirs; administrators may name any other.
        """
        asker = await self._gate.require(request, "read")
        wish = convert(await read_object(request), Wish)
        whose = find_login(asker, login)
        wanted = make_preference(place, events=wish.events, mine=wish.mine, ways=wish.ways, address=wish.address)
        return answer(_write(await self.keep(asker, whose, wanted)))

    async def remove(self, request: Request, login: Login, place: Place = "") -> Response:
        """Forget what was said at a place, so that the one above it counts."""
        whose = find_login(await self._gate.require(request, "read"), login)
        await self.drop(whose, place)
        return Response(status_code=204)

    async def load(self, login: str) -> tuple[list[Kept], list[str]]:
        """What somebody wants, and their known addresses."""

        def load(connection: Connection) -> tuple[list[Kept], list[str]]:
            return load_preferences(connection, login), load_addresses(connection, login)

        return await self._site.database.read(load)

    async def keep(self, asker: Asker, login: str, wanted: Preference) -> Kept:
        """Keep what is wanted. Raises UnprocessableError, ConflictError."""
        if wanted.address is not None:
            await self._check_address(asker, login, wanted.address)
        now = self._site.clock()
        await self._site.database.write_soon(
            lambda connection: keep_preference(connection, login, wanted, asker.name, now)
        )
        return Kept(wanted, now, asker.name)

    async def drop(self, login: str, path: str) -> None:
        """Forget it. Raises NotFoundError, UnprocessableError."""
        place = read_place(path)
        if not await self._site.database.write_soon(lambda connection: drop_preference(connection, login, place)):
            raise NotFoundError(f"{login} has said nothing of {place or 'everything'!r}.")

    async def _check_address(self, asker: Asker, login: str, address: str) -> None:
        try:
            read_address(address)
        except ValueError as error:
            raise UnprocessableError(f"address: {address[:80]!a} is no mail address.", "/address") from error
        known = await self._site.database.read(lambda connection: load_addresses(connection, login))
        if not asker.may("admin") and address not in known:
            raise UnprocessableError(
                "address: only an address of their commits can be chosen; an administrator may set others.", "/address"
            )


def find_login(asker: Asker, login: str) -> str:
    """Whose wishes are meant, in lower case. Raises ForbiddenError for those of others, but for administrators."""
    own = (asker.login or "").lower()
    if login == ME:
        if not own:
            raise ForbiddenError("Nobody knows who you are at GitHub: log in with GitHub, or name a login as admin.")
        return own
    whose = check_owner(login).lower()
    if whose != own and not asker.may("admin"):
        raise ForbiddenError(f"What {whose} wants to be told of is for {whose} and administrators to say.")
    return whose


def _write(kept: Kept) -> dict[str, Any]:
    wanted = kept.wanted
    return {
        "path": wanted.path,
        "events": list(wanted.events),
        "mine": wanted.mine,
        "ways": list(wanted.ways),
        "address": wanted.address,
        "updated_at": moment(kept.at),
        "updated_by": kept.by,
    }
