"""`/admin/tokens`: tokens are made, shown once, and revoked; sessions are ended."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.errors import UnprocessableError
from hubwright.store.tokens import JOIN, ROLES, Token, load_token_page
from hubwright.store.views_values import Page
from hubwright.web.api.bodies import convert
from hubwright.web.api.tokens import NewToken, check_wanted, end_session, make_token, revoke
from hubwright.web.gate import Gate
from hubwright.web.pages.forms import need, read_fields, split_words
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

DAY = 86_400.0
LASTING: Mapping[str, float | None] = {
    "a day": DAY, "30 days": 30 * DAY, "90 days": 90 * DAY, "a year": 365 * DAY, "for ever": None
}  # fmt: skip
"""How long a token is to be of use, in seconds."""

_TOKENS = 50
_SESSIONS = 20


class TokenPages:
    """For administrators only."""

    def __init__(self, frame: Frame, gate: Gate) -> None:
        self._frame = frame
        self._gate = gate

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/admin/tokens", self.show),
            Route("/admin/tokens", self.make, methods=["POST"]),
            Route("/admin/tokens/{id:int}/revoke", self.revoke, methods=["POST"]),
            Route("/admin/sessions/{id:int}/end", self.end, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /admin/tokens?before=`."""
        request.state.asker = await self._frame.require(request, "admin")
        return await self._show(request, None)

    async def make(self, request: Request) -> Response:
        """`POST /admin/tokens`: the page with the new token, this once."""
        request.state.asker = await self._frame.require(request, "admin")
        made = {"command": None} | await make_token(self._frame.site, read_wanted(await read_fields(request)))
        page = await self._show(request, made)
        page.headers["Cache-Control"] = "no-store"
        return page

    async def revoke(self, request: Request) -> Response:
        """`POST /admin/tokens/{id}/revoke`."""
        await self._frame.require(request, "admin")
        await revoke(self._frame.site, self._gate, request.path_params["id"])
        return RedirectResponse("/admin/tokens", 303)

    async def end(self, request: Request) -> Response:
        """`POST /admin/sessions/{id}/end`."""
        asker = await self._frame.require(request, "admin")
        await end_session(self._frame.site, self._gate, asker, request.path_params["id"])
        return RedirectResponse("/admin/tokens#sessions", 303)

    async def _show(self, request: Request, made: Mapping[str, Any] | None) -> Response:
        cursor = read_number(request, "before")

        def load(connection: Connection) -> tuple[Page[Token], Page[Token]]:
            find = partial(load_token_page, connection)
            return find(_TOKENS, cursor, sessions=False), find(_SESSIONS, None, sessions=True)

        page, sessions = await self._frame.site.database.read(load)
        roles = [role for role in ROLES if role != JOIN]
        given: dict[str, Any] = {"page": page, "sessions": () if cursor else sessions.items, "made": made}
        return self._frame.show(request, "tokens.html", roles=roles, lasting=LASTING, **given)


def read_wanted(fields: Mapping[str, str]) -> NewToken:
    """What the form asks for. Raises UnprocessableError."""
    lasting = fields.get("lasting", "")
    if lasting not in LASTING:
        raise UnprocessableError(f"lasting: one of {', '.join(LASTING)} is expected.", "/lasting")
    wanted: dict[str, Any] = {"name": need(fields, "name"), "role": need(fields, "role")}
    if (seconds := LASTING[lasting]) is not None:
        wanted["expires"] = seconds
    if folders := split_words(fields.get("folders", "")):
        wanted["folders"] = folders
    return check_wanted(convert(wanted, NewToken))
