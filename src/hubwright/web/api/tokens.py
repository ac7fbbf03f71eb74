"""Tokens, for administrators only, and sessions, everybody's own. A token's text is shown once, when it is made."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.job_paths import check_folders
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub import fleet
from hubwright.store.tokens import (
    FOLDED,
    JOIN,
    JOIN_SECONDS,
    ROLES,
    SESSION,
    Bounds,
    Token,
    join_line,
    keep_join,
    keep_token,
    load_token,
    load_token_page,
    revoke_token,
)
from hubwright.store.views_values import Page
from hubwright.web.api.answers import Cursor, Limit, Number, answer, answer_page, moment
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.askers import Asker
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_FOLDERS = 32
"""Folders of one token."""

Word = Annotated[str, Meta(min_length=1, max_length=100)]


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a new token is to be; `expires` in seconds from now. Platform and labels are for the role `join`.

    `folders`, for the roles `read` and `write`: it sees and changes only what lies below these.
    """

    role: str
    name: Word | None = None
    expires: Annotated[float, Meta(gt=0, le=3e9)] | None = None
    folders: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_FOLDERS)] | None = None
    platform: Word | None = None
    labels: Annotated[tuple[Word, ...], Meta(max_length=64)] | None = None


class Tokens:
    """`/tokens`."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["tokens"])
        router.add_api_route("/tokens", self.list, methods=["GET"])
        router.add_api_route("/tokens", self.make, methods=["POST"], status_code=201, openapi_extra=takes(NewToken))
        router.add_api_route("/tokens/{token_id}", self.revoke, methods=["DELETE"])
        return router

    async def list(self, request: Request, limit: Limit = 200, cursor: Cursor = None) -> Response:
        """Tokens, newest first, used and revoked ones too; none shows its secret."""
        await self._gate.require(request, "admin")
        page = await self._site.database.read(partial(load_token_page, limit=limit, cursor=cursor, sessions=False))
        return answer_page(request, page, write_token, self._site.public_url)

    async def make(self, request: Request) -> Response:
        """Make a token. For the role `join` the answer has the line that starts the builder."""
        await self._gate.require(request, "admin")
        wanted = check_wanted(convert(await read_object(request), NewToken))
        return answer(await make_token(self._site, wanted), 201)

    async def revoke(self, request: Request, token_id: Number) -> Response:
        """Make a token useless, and sessions that were opened with it.

        A builder's connection with it ends at once, and its runs are lost.
        """
        await self._gate.require(request, "admin")
        await revoke(self._site, self._gate, token_id)
        return Response(status_code=204)


class Sessions:
    """`/sessions`: where people are logged in. Who is no admin sees, and ends, only their own."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["tokens"])
        router.add_api_route("/sessions", self.list, methods=["GET"])
        router.add_api_route("/sessions/{session_id}", self.end, methods=["DELETE"], status_code=204)
        return router

    async def list(self, request: Request, limit: Limit = 200, cursor: Cursor = None) -> Response:
        """Sessions, newest first; `current` is the one that asks. Who is no admin sees their own."""
        asker = await self._gate.require(request, "read")

        def load(connection: Connection) -> Page[Token]:
            own = _find_own(connection, asker)
            return load_token_page(connection, limit, cursor, sessions=True, of=own)

        page = Page(()) if asker.token_id is None and asker.role != "admin" else await self._site.database.read(load)
        return answer_page(request, page, lambda one: write_session(one, asker.token_id), self._site.public_url)

    async def end(self, request: Request, session_id: Number) -> Response:
        """End a session: that browser has to log in again."""
        asker = await self._gate.require(request, "read")
        await end_session(self._site, self._gate, asker, session_id)
        return Response(status_code=204)


def _find_own(connection: Connection, asker: Asker) -> Token | None:
    """Whose sessions the asker may see: None for everybody's."""
    return None if asker.role == "admin" or asker.token_id is None else load_token(connection, asker.token_id)


def _is_own(connection: Connection, asker: Asker, session: Token) -> bool:
    if asker.role == "admin":
        return True
    own = _find_own(connection, asker)
    if own is None:
        return False
    if own.user_id is not None:
        return own.user_id == session.user_id
    return session.id == own.id or (session.parent_id is not None and session.parent_id in {own.id, own.parent_id})


def check_wanted(wanted: NewToken) -> NewToken:
    """What is wanted, when there is such a token. Raises UnprocessableError."""
    if wanted.role not in ROLES:
        raise UnprocessableError(f"role: one of {', '.join(ROLES)} is expected.", "/role")
    if wanted.folders is not None and wanted.role not in FOLDED:
        raise UnprocessableError(
            "folders: only tokens of the roles read and write can be bounded to folders.", "/folders"
        )
    return wanted


async def revoke(site: Site, gate: Gate, token_id: int) -> None:
    """Make a token useless, and sessions that were opened with it. Raises NotFoundError."""
    now = site.clock()
    if not await site.database.write_soon(partial(fleet.revoke, token_id=token_id, now=now)):
        raise NotFoundError(f"There is no token {token_id} that is still of use.")
    gate.forget()
    for queue in ("builders", "facts"):
        site.wake(queue)


async def end_session(site: Site, gate: Gate, asker: Asker, session_id: int) -> None:
    """End a session that the asker may end. Raises NotFoundError."""
    now = site.clock()

    def end(connection: Connection) -> bool:
        found = load_token(connection, session_id)
        if found is None or found.kind != SESSION or not _is_own(connection, asker, found):
            return False
        return revoke_token(connection, session_id, now)

    if not await site.database.write_soon(end):
        raise NotFoundError(f"There is no session {session_id} that goes on.")
    gate.forget()


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
    folders = None if wanted.folders is None else check_folders(wanted.folders)
    keep = partial(keep_token, secret=secret, name=name, role=wanted.role, now=now, expires=until, folders=folders)
    text = await site.database.write_soon(keep)
    return {"token": text, "role": wanted.role, "name": name, "folders": folders, "expires_at": moment(until)}


def write_token(token: Token) -> dict[str, Any]:
    """A token without its secret."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "builder": token.builder,
        "bounds": token.bounds,
        "folders": token.folders,
        "created_at": moment(token.created_at),
        "expires_at": moment(token.expires_at),
        "used_at": moment(token.used_at),
        "revoked_at": moment(token.revoked_at),
    }


def write_session(session: Token, current: int | None) -> dict[str, Any]:
    """Where somebody is logged in. `token`: the one that the session was opened with."""
    return {
        "id": session.id,
        "user": session.user_login,
        "role": session.role,
        "folders": session.folders,
        "token": session.parent_id,
        "current": session.id == current,
        "created_at": moment(session.created_at),
        "expires_at": moment(session.expires_at),
        "used_at": moment(session.used_at),
        "ended_at": moment(session.revoked_at),
    }
