"""Tokens: for administrators only. A token's text is shown once, when it is made."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub import fleet
from hubwright.store.tokens import (
    JOIN,
    JOIN_SECONDS,
    ROLES,
    Bounds,
    Token,
    join_line,
    keep_join,
    keep_token,
    load_tokens,
)
from hubwright.web.api.answers import Number, answer, moment
from hubwright.web.api.bodies import convert, read_object
from hubwright.web.gate import Gate
from hubwright.web.site import Site

Word = Annotated[str, Meta(min_length=1, max_length=100)]


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a new token is to be; `expires` in seconds from now. Platform and labels are for the role `join`."""

    role: str
    name: Word | None = None
    expires: Annotated[float, Meta(gt=0, le=3e9)] | None = None
    platform: Word | None = None
    labels: Annotated[tuple[Word, ...], Meta(max_length=64)] | None = None


class Tokens:
    """`/tokens`."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> APIRouter:
        """The routes, for the API."""
        router = APIRouter(tags=["tokens"])
        router.add_api_route("/tokens", self.list, methods=["GET"])
        router.add_api_route("/tokens", self.make, methods=["POST"])
        router.add_api_route("/tokens/{token_id}", self.revoke, methods=["DELETE"])
        return router

    async def list(self, request: Request) -> Response:
        """The newest tokens; none shows its secret."""
        await self._gate.require(request, "admin")
        found = await self._site.database.read(load_tokens)
        return answer({"items": [write_token(one) for one in found if one.kind == "token"], "next": None})

    async def make(self, request: Request) -> Response:
        """Make a token. For the role `join` the answer has the line that starts the builder."""
        await self._gate.require(request, "admin")
        wanted = convert(await read_object(request), NewToken)
        if wanted.role not in ROLES:
            raise UnprocessableError(f"role: one of {', '.join(ROLES)} is expected.")
        return answer(await make_token(self._site, wanted), 201)

    async def revoke(self, request: Request, token_id: Number) -> Response:
        """Make a token useless; a builder's connection with it ends at once, and its runs are lost."""
        await self._gate.require(request, "admin")
        now = self._site.clock()
        if not await self._site.database.write_soon(partial(fleet.revoke, token_id=token_id, now=now)):
            raise NotFoundError(f"There is no token {token_id} that is still of use.")
        self._gate.forget()
        for queue in ("builders", "facts"):
            self._site.wake(queue)
        return Response(status_code=204)


async def make_token(site: Site, wanted: NewToken) -> dict[str, Any]:
    """Make the token; its document, with its text."""
    now, secret = site.clock(), secrets.token_urlsafe(32)
    if wanted.role == JOIN:
        expires = now + (wanted.expires or JOIN_SECONDS)
        bounds = Bounds(name=wanted.name, platform=wanted.platform, labels=wanted.labels)
        text = await site.database.write_soon(
            partial(keep_join, secret=secret, bounds=bounds, now=now, expires=expires)
        )
        made = {"token": text, "role": JOIN, "name": wanted.name, "expires_at": moment(expires)}
        return made | {"command": join_line(site.public_url, text)}
    until = None if wanted.expires is None else now + wanted.expires
    name = wanted.name or wanted.role
    keep = partial(keep_token, secret=secret, name=name, role=wanted.role, now=now, expires=until)
    text = await site.database.write_soon(keep)
    return {"token": text, "role": wanted.role, "name": name, "expires_at": moment(until)}


def write_token(token: Token) -> dict[str, Any]:
    """A token without its secret."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "builder": token.builder,
        "bounds": token.bounds,
        "created_at": moment(token.created_at),
        "expires_at": moment(token.expires_at),
        "revoked_at": moment(token.revoked_at),
    }
