"""Logging a browser in and out: a one-time link or a token becomes a session cookie."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.errors import ForbiddenError, MalformedError, TooLargeError
from hubwright.web.attempts import Attempts
from hubwright.web.gate import SESSION_SECONDS, Gate, check_origin
from hubwright.web.pages.frame import Frame

MAX_FORM = 4096
"""Bytes of a login form."""


def make_logins(
    gate: Gate, attempts: Attempts, frame: Frame, by_github: Callable[[], bool] = lambda: False
) -> list[Route]:
    """`GET /login?token=…` (a one-time link), `POST /login` (a form with a token), `POST /logout`.

    Wrong tokens are counted by address (S44). `by_github`: whether people can log in with GitHub too.
    """

    async def show(request: Request) -> Response:
        if not (text := request.query_params.get("token")):
            return frame.show(request, "login.html", by_github=by_github())
        gate.check_host(request)
        with attempts.counted(request):
            session = await gate.use_login_link(request, text)
        return _welcome(gate, session)

    async def log_in(request: Request) -> Response:
        gate.check_host(request)
        check_origin(request)
        text = await _read_token(request)
        with attempts.counted(request):
            asker = await gate.judge(text)
        if not asker.may("read"):
            raise ForbiddenError(f"A token of the role {asker.role} is for programs, not for people.")
        return _welcome(gate, await gate.enter(request, asker))

    async def log_out(request: Request) -> Response:
        gate.check_host(request)
        check_origin(request)
        await gate.end_session(request)
        response = RedirectResponse("/", 303)
        response.delete_cookie(gate.cookie, httponly=True, samesite="lax", secure=gate.secure)
        return response

    return [
        Route("/login", show, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]


def _welcome(gate: Gate, session: str) -> Response:
    """To the first page, with the cookie. `Lax`, so that a link from GitHub to a build finds the reader logged in."""
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    response.set_cookie(
        gate.cookie, session, max_age=SESSION_SECONDS, httponly=True, samesite="lax", secure=gate.secure
    )
    return response


async def _read_token(request: Request) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            raise TooLargeError(f"A login form has at most {MAX_FORM} bytes.")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    if "token" not in fields:
        raise MalformedError("The form has no field `token`.")
    return fields["token"][0].strip()
