"""`/api/v1/hooks`: which repositories send us what happens, and the switch for it. Only what GitHub says now counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.github_hooks import HookState, compare_hooks
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.store.views_hooks import RepositoryView, load_repositories
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page, moment
from hubwright.web.gate import Gate
from hubwright.web.site import Site

Deed = Callable[[str, str], HookState]


class HookDoors:
    """The routes. To look needs the role `write`, for GitHub is asked; to change `admin`."""

    def __init__(self, site: Site, gate: Gate, hooks: GitHubHooks) -> None:
        self._site = site
        self._gate = gate
        self._hooks = hooks

    def make_router(self) -> APIRouter:
        """The routes, for the API."""
        router = APIRouter(prefix="/api/v1/hooks", tags=["hooks"])
        router.add_api_route("", self.list, methods=["GET"])
        router.add_api_route("/{owner}/{name}", self.look, methods=["GET"])
        router.add_api_route("/{owner}/{name}", self.install, methods=["PUT"])
        router.add_api_route("/{owner}/{name}", self.remove, methods=["DELETE"])
        router.add_api_route("/{owner}/{name}/ping", self.ping, methods=["POST"], status_code=202)
        return router

    async def list(self, request: Request, limit: Limit = 200, cursor: TextCursor = None) -> Response:
        """Repositories by name, and how their hooks stood when GitHub was asked last."""
        asker = await self._gate.require(request, "read")
        page = await self._site.database.read(
            lambda connection: load_repositories(
                connection, limit=limit, cursor=cursor, private=asker.by != "anonymous", app_id=self._hooks.app_id
            )
        )
        return answer_page(request, page, lambda one: write_repository(one, self._hooks.url), self._site.public_url)

    async def look(self, request: Request, owner: str, name: str) -> Response:
        """Ask GitHub how the repository's hook stands, and compare it with what it should be."""
        await self._gate.require(request, "write")
        return await self._do(self._hooks.look, owner, name)

    async def install(self, request: Request, owner: str, name: str) -> Response:
        """Make the hook, or mend the one that is there; doubles are removed."""
        asker = await self._gate.require(request, "admin")
        return await self._do(lambda of, called: self._hooks.install(of, called, asker.name), owner, name)

    async def remove(self, request: Request, owner: str, name: str) -> Response:
        """Remove every hook that sends to this hub."""
        await self._gate.require(request, "admin")
        return await self._do(self._hooks.remove, owner, name)

    async def ping(self, request: Request, owner: str, name: str) -> Response:
        """Have GitHub send a `ping` through the hook: it comes as a delivery."""
        await self._gate.require(request, "write")
        return await self._do(self._hooks.ping, owner, name, 202)

    async def _do(self, deed: Deed, owner: str, name: str, status: int = 200) -> Response:
        state = await asyncio.to_thread(deed, owner, name)
        return answer({"repository": f"{owner}/{name}", **write_state(state)}, status)


def write_state(state: HookState) -> dict[str, Any]:
    """How a hook stands, for programs."""
    return {
        "state": state.word,
        "id": state.id,
        "url": state.url,
        "active": state.active,
        "events": list(state.events),
        "differences": list(state.differences),
        "last_delivery": {"code": state.code, "answer": state.answer},
        "doubles": list(state.doubles),
        "other_hooks": state.others,
    }


def write_repository(repository: RepositoryView, url: str) -> dict[str, Any]:
    """A repository with its hook as it stood; `state` is `unknown` when GitHub was never asked."""
    told = write_state(compare_hooks(repository.hooks, url))
    if repository.looked_at is None and not repository.hooks:
        told["state"] = "unknown"
    return {
        "repository": repository.name,
        "repository_id": repository.id,
        "private": repository.private,
        "built": repository.is_built,
        "app_installed": repository.installation,
        "looked_at": moment(repository.looked_at),
        **told,
    }
