"""`/github`: who this hub is to GitHub, the App that it makes for itself, its token, and logging in with GitHub."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.github_app import check_organization
from hubwright.domain.github_hooks import HookState
from hubwright.domain.github_tokens import MAX_TOKEN
from hubwright.hub.github_app_hook import AppHook
from hubwright.hub.github_setup import GitHubSetup
from hubwright.store.views_hooks import load_installations
from hubwright.web.askers import Asker
from hubwright.web.attempts import Attempts
from hubwright.web.flows import Flow
from hubwright.web.gate import Gate
from hubwright.web.hooks import read_body
from hubwright.web.pages.frame import HEADERS, Frame

MAX_FORM = 4 * MAX_TOKEN
GITHUB_SESSION = 12 * 3600
"""Seconds after which who logged in with GitHub does so again, and their rights are looked up anew."""


class GitHubPages:
    """The pages. All that makes or forgets the App or the token needs the role `admin`."""

    def __init__(self, frame: Frame, gate: Gate, setup: GitHubSetup, attempts: Attempts, hook: AppHook) -> None:
        self._frame = frame
        self._gate = gate
        self._setup = setup
        self._attempts = attempts
        self._hook = hook
        self._making = Flow(frame.site, gate, "app")
        self._entering = Flow(frame.site, gate, "login")

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/github", self.show),
            Route("/github/app/new", self.begin_app, methods=["POST"]),
            Route("/github/app/created", self.end_app),
            Route("/github/app/forget", self.forget_app, methods=["POST"]),
            Route("/github/hook", self.show_hook),
            Route("/github/hook/on", self.install_hook, methods=["POST"]),
            Route("/github/token", self.keep_token, methods=["POST"]),
            Route("/github/token/forget", self.forget_token, methods=["POST"]),
            Route("/login/github", self.begin_login),
            Route("/login/github/callback", self.end_login),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /github`."""
        request.state.asker = await self._frame.require(request, "admin")
        return await self._show(request)

    async def _show(self, request: Request, hook: HookState | None = None) -> Response:
        standing = await asyncio.to_thread(self._setup.describe)
        number = standing.app["id"] if standing.app and not self._setup.terms.named else None
        installed = []
        if isinstance(number, int):
            installed = await self._frame.site.database.read(lambda connection: load_installations(connection, number))
        given: dict[str, Any] = {"standing": standing, "installed": installed, "hook": hook, "terms": self._setup.terms}
        return self._frame.show(request, "github.html", posted=None, manifest="", **given)

    async def show_hook(self, request: Request) -> Response:
        """`GET /github/hook`: the App's hook as GitHub tells it now."""
        request.state.asker = await self._frame.require(request, "admin")
        return await self._show(request, await asyncio.to_thread(self._hook.look))

    async def install_hook(self, request: Request) -> Response:
        """`POST /github/hook/on`: have the App's hook send here."""
        asker = await self._frame.require(request, "admin")
        await asyncio.to_thread(self._hook.install, asker.name)
        return RedirectResponse("/github/hook", 303)

    async def keep_token(self, request: Request) -> Response:
        """`POST /github/token`: ask with this personal token from now on."""
        asker = await self._frame.require(request, "admin")
        token = await self._read_field(request, "token")
        await asyncio.to_thread(self._setup.keep_token, token, asker.name)
        return RedirectResponse("/github", 303)

    async def forget_token(self, request: Request) -> Response:
        """`POST /github/token/forget`."""
        await self._frame.require(request, "admin")
        await asyncio.to_thread(self._setup.forget_token)
        return RedirectResponse("/github", 303)

    async def _read_field(self, request: Request, name: str) -> str:
        body = await read_body(request.headers.get("content-length"), request.receive, MAX_FORM)
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=5).get(name, [""])[0].strip()

    async def begin_app(self, request: Request) -> Response:
        """`POST /github/app/new`: the form that takes the browser to GitHub with the manifest."""
        request.state.asker = await self._frame.require(request, "admin")
        named = check_organization(await self._read_field(request, "organization"))
        where, manifest = await asyncio.to_thread(self._setup.form_app, named)
        kept, state, _ = self._making.begin()
        page = self._frame.show(
            request,
            "github.html",
            standing=await asyncio.to_thread(self._setup.describe),
            installed=[],
            hook=None,
            terms=self._setup.terms,
            posted=f"{where}?state={state}",
            manifest=orjson.dumps(manifest).decode(),
        )
        policy = HEADERS["Content-Security-Policy"]
        page.headers["Content-Security-Policy"] = policy.replace(
            "form-action 'self'", f"form-action 'self' {self._setup.terms.web_url}"
        )
        page.headers["Cache-Control"] = "no-store"
        self._making.mark(page, kept)
        return page

    async def end_app(self, request: Request) -> Response:
        """`GET /github/app/created?code=…&state=…`: GitHub sent the browser back."""
        asker = await self._frame.require(request, "admin")
        self._making.end(request)
        await asyncio.to_thread(self._setup.make_app, request.query_params.get("code", ""), asker.name)
        response = RedirectResponse("/github", 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        self._making.clear(response)
        return response

    async def forget_app(self, request: Request) -> Response:
        """`POST /github/app/forget`."""
        await self._frame.require(request, "admin")
        await asyncio.to_thread(self._setup.forget_app)
        return RedirectResponse("/github", 303)

    async def begin_login(self, request: Request) -> Response:
        """`GET /login/github?next=/…`: to GitHub."""
        self._gate.check_host(request)
        kept, state, challenge = self._entering.begin(request.query_params.get("next", "/"))
        where = await asyncio.to_thread(self._setup.form_login, state, challenge)
        response = RedirectResponse(where, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        self._entering.mark(response, kept)
        return response

    async def end_login(self, request: Request) -> Response:
        """`GET /login/github/callback?code=…&state=…`: a session for who logged in."""
        with self._attempts.counted(request):
            place, proof = self._entering.end(request)
            person = await asyncio.to_thread(self._setup.log_in, request.query_params.get("code", ""), proof)
        user = (person.id, person.login)
        asker = Asker(person.role, person.login, "cookie")
        session = await self._gate.enter(request, asker, user=user, seconds=GITHUB_SESSION)
        response = RedirectResponse(place, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        self._entering.clear(response)
        response.set_cookie(
            self._gate.cookie, session, max_age=GITHUB_SESSION, httponly=True, samesite="lax", secure=self._gate.secure
        )
        return response
