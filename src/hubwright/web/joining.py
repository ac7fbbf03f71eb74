"""The door by which a machine becomes a builder: `POST /api/v1/builders/join` with a join token, which is used up."""

from __future__ import annotations

import secrets
from functools import partial

import msgspec
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.errors import ConflictError, UnauthenticatedError
from hubwright.hub import fleet
from hubwright.web.api.answers import answer
from hubwright.web.api.bodies import convert, read_object
from hubwright.web.askers import Asker, visit_of
from hubwright.web.attempts import Attempts
from hubwright.web.gate import Gate
from hubwright.web.site import Site

MAX_TOKEN = 512


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine would like to be called; a name that the join token fixes wins."""

    name: str = ""


def make_join_route(site: Site, gate: Gate, attempts: Attempts) -> Route:
    """The route; wrong tokens are counted by address (S44)."""

    async def join(request: Request) -> Response:
        gate.check_host(request)
        with attempts.counted(request):
            text = _read_bearer(request)
            wanted = convert(await read_object(request), Wanted)
            secret, now = secrets.token_urlsafe(32), site.clock()
            work = partial(fleet.join, plaintext=text, secret=secret, name=wanted.name, now=now)
            try:
                joined = await site.database.write_soon(work)
            except IntegrityError as error:  # two tokens, one name, the same moment
                raise ConflictError("A builder of that name has just joined: choose another --name.") from error
        site.wake("facts")
        visit_of(request).asker = Asker("join", joined.name, "token")
        fixed = {key: joined.bounds.get(key) for key in ("platform", "labels")}
        return answer({"name": joined.name, "token": joined.token, **fixed}, 201)

    return Route("/api/v1/builders/join", join, methods=["POST"])


def _read_bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not 0 < len(text) <= MAX_TOKEN:
        raise UnauthenticatedError("This needs a join token: make one with `hubwright token new --role join`.")
    return text
