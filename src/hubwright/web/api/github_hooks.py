"""`/api/v1/hooks`: which repositories and organizations send us what happens, and the switch for each.

Only what GitHub says now counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.github_hooks import ORGANIZATION_EVENTS, HookState, compare_hooks
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.store.views_hooks import OrganizationView, RepositoryView, load_organizations, load_repositories
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Deed = Callable[[str, str | None], HookState]


class HookDoors:
    """The routes: `{owner}/{name}` is a repository, `{owner}` alone an organization.

    To look needs the role `write`, for GitHub is asked; to change `admin`.
    """

    def __init__(self, site: Site, gate: Gate, hooks: GitHubHooks) -> None:
        self._site = site
        self._gate = gate
        self._hooks = hooks

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/api/v1/hooks", tags=["hooks"])
        router.add_api_route("", self.list, methods=["GET"])
        router.add_api_route("/{owner}", self.look_at_organization, methods=["GET"])
        router.add_api_route("/{owner}", self.install_for_organization, methods=["PUT"])
        router.add_api_route("/{owner}", self.remove_from_organization, methods=["DELETE"])
        router.add_api_route("/{owner}/ping", self.ping_organization, methods=["POST"], status_code=202)
        router.add_api_route("/{owner}/{name}", self.look, methods=["GET"])
        router.add_api_route("/{owner}/{name}", self.install, methods=["PUT"])
        router.add_api_route("/{owner}/{name}", self.remove, methods=["DELETE"])
        router.add_api_route("/{owner}/{name}/ping", self.ping, methods=["POST"], status_code=202)
        return router

    async def list(
        self,
        request: Request,
        limit: Limit = 200,
        cursor: TextCursor = None,
        of: Annotated[
            Literal["repositories", "organizations"], Query(description="Whose hooks are listed.")
        ] = "repositories",
    ) -> Response:
        """Repositories, or organizations, by name, and how their hooks stood when GitHub was asked last."""
        asker = await self._gate.require(request, "read")
        if of == "organizations":
            found = await self._site.database.read(
                lambda connection: load_organizations(connection, limit=limit, cursor=cursor, app_id=self._hooks.app_id)
            )
            return answer_page(
                request, found, lambda one: write_organization(one, self._hooks.url), self._site.public_url
            )
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

    async def look_at_organization(self, request: Request, owner: str) -> Response:
        """Ask GitHub how the organization's hook stands, and compare it with what it should be."""
        await self._gate.require(request, "write")
        return await self._do(self._hooks.look, owner, None)

    async def install_for_organization(self, request: Request, owner: str) -> Response:
        """Make the organization's hook, for all its repositories, or mend the one that is there."""
        asker = await self._gate.require(request, "admin")
        return await self._do(lambda of, called: self._hooks.install(of, called, asker.name), owner, None)

    async def remove_from_organization(self, request: Request, owner: str) -> Response:
        """Remove every hook of the organization that sends to this hub."""
        await self._gate.require(request, "admin")
        return await self._do(self._hooks.remove, owner, None)

    async def ping_organization(self, request: Request, owner: str) -> Response:
        """Have GitHub send a `ping` through the organization's hook."""
        await self._gate.require(request, "write")
        return await self._do(self._hooks.ping, owner, None, 202)

    async def _do(self, deed: Deed, owner: str, name: str | None, status: int = 200) -> Response:
        state = await asyncio.to_thread(deed, owner, name)
        named = {"organization": owner} if name is None else {"repository": f"{owner}/{name}"}
        return answer({**named, **write_state(state)}, status)


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
    """A repository with its hook as it stood; `state` is `unknown` when GitHub was never asked.

    `organization_hook` is how the hook of its organization stood, which sends what happens here too.
    """
    return {
        "repository": repository.name,
        "repository_id": repository.id,
        "private": repository.private,
        "built": repository.is_built,
        "app_installed": repository.installation,
        "organization_hook": compare_hooks(repository.above, url, ORGANIZATION_EVENTS).word,
        "looked_at": moment(repository.looked_at),
        "news": None if repository.news is None else {"event": repository.news[0], "at": moment(repository.news[1])},
        **_write_known(compare_hooks(repository.hooks, url), repository),
    }


def write_organization(organization: OrganizationView, url: str) -> dict[str, Any]:
    """An organization with its hook as it stood; `state` is `unknown` when GitHub was never asked."""
    return {
        "organization": organization.name,
        "organization_id": organization.id,
        "app_installed": organization.installation,
        "looked_at": moment(organization.looked_at),
        **_write_known(compare_hooks(organization.hooks, url, ORGANIZATION_EVENTS), organization),
    }


def _write_known(state: HookState, view: RepositoryView | OrganizationView) -> dict[str, Any]:
    told = write_state(state)
    if view.looked_at is None and not view.hooks:
        told["state"] = "unknown"
    return told
