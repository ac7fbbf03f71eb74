"""`/api/v1/identity`: who this hub is to GitHub, its token, and the hook of its App."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hubwright.hub.github_app_hook import AppHook
from hubwright.hub.github_setup import GitHubSetup, Standing
from hubwright.web.api.answers import answer
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.api.github_hooks import write_state
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes


class _Entered(msgspec.Struct, frozen=True):
    token: str


class IdentityDoors:
    """The routes. To look needs the role `write`, to change `admin`. No answer has a token or a key in it."""

    def __init__(self, gate: Gate, setup: GitHubSetup, hook: AppHook) -> None:
        self._gate = gate
        self._setup = setup
        self._hook = hook

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/api/v1/identity", tags=["hooks"])
        router.add_api_route("", self.show, methods=["GET"])
        router.add_api_route("/token", self.keep_token, methods=["PUT"], openapi_extra=takes(_Entered))
        router.add_api_route("/token", self.forget_token, methods=["DELETE"])
        router.add_api_route("/hook", self.look, methods=["GET"])
        router.add_api_route("/hook", self.install, methods=["PUT"])
        return router

    async def show(self, request: Request) -> Response:
        """Whether the hub is an App, has a token or is nobody to GitHub, and why."""
        await self._gate.require(request, "write")
        return answer(write_standing(await asyncio.to_thread(self._setup.describe)))

    async def keep_token(self, request: Request) -> Response:
        """Use a personal token, `{"token"}`, from now on. GitHub is asked whose it is; `lacks` says what it may not."""
        asker = await self._gate.require(request, "admin")
        entered = convert(await read_object(request), _Entered)
        await asyncio.to_thread(self._setup.keep_token, entered.token, asker.name)
        return answer(write_standing(await asyncio.to_thread(self._setup.describe)))

    async def forget_token(self, request: Request) -> Response:
        """Use the token no more that was entered here."""
        await self._gate.require(request, "admin")
        await asyncio.to_thread(self._setup.forget_token)
        return answer(write_standing(await asyncio.to_thread(self._setup.describe)))

    async def look(self, request: Request) -> Response:
        """Ask GitHub how the hook of this hub's App stands, and compare it with what it should be."""
        await self._gate.require(request, "write")
        return answer({"app": True, **write_state(await asyncio.to_thread(self._hook.look))})

    async def install(self, request: Request) -> Response:
        """Have the App's hook send here, with our secret. Its events are chosen on the App's page at GitHub."""
        asker = await self._gate.require(request, "admin")
        return answer({"app": True, **write_state(await asyncio.to_thread(self._hook.install, asker.name))})


def write_standing(standing: Standing) -> dict[str, Any]:
    """Who the hub is to GitHub, for programs; the token itself is never shown."""
    return {
        "using": standing.using,
        "why": standing.why,
        "app": None if standing.app is None else dict(standing.app),
        "token": None if standing.token is None else dict(standing.token),
    }
