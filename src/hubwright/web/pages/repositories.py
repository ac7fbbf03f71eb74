"""The pages of repositories and organizations: which of them send us what happens, with the switch for each."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.github_hooks import EVENTS, ORGANIZATION_EVENTS
from hubwright.errors import NotFoundError
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_hooks import load_organizations, load_repositories
from hubwright.web.api.github_hooks import write_organization, write_repository
from hubwright.web.pages.frame import Frame

_ROLES = {"on": "admin", "off": "admin", "compare": "write", "ping": "write"}


class RepositoryPages:
    """`/repositories`, one of them, and an organization. They show what GitHub told last; the buttons ask it anew."""

    def __init__(self, frame: Frame, hooks: GitHubHooks) -> None:
        self._frame = frame
        self._hooks = hooks

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/repositories", self._frame.guard(self.list)),
            Route("/repositories/{owner}/{name}/replication", self._frame.guard(self.show)),
            *(Route(f"/repositories/{{owner}}/{{name}}/{word}", self.act, methods=["POST"]) for word in _ROLES),
            Route("/organizations/{owner}", self._frame.guard(self.show_organization)),
            *(Route(f"/organizations/{{owner}}/{word}", self.act, methods=["POST"]) for word in _ROLES),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /repositories?after=NAME`."""
        after = request.query_params.get("after") or None
        app_id = self._hooks.app_id
        page, owners = await self._frame.site.database.read(
            lambda connection: (
                load_repositories(connection, cursor=after, private=self._sees_private(request), app_id=app_id),
                load_organizations(connection, limit=MAX_PAGE, app_id=app_id),
            )
        )
        items = [(write_repository(one, self._hooks.url), one) for one in page.items]
        organizations = [] if after else [write_organization(one, self._hooks.url) for one in owners.items]
        return self._frame.show(request, "repositories.html", items=items, next=page.next, organizations=organizations)

    async def show(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}/replication`: the hook beside what it should be."""
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        page = await self._frame.site.database.read(
            lambda connection: load_repositories(
                connection, name=name, private=self._sees_private(request), app_id=self._hooks.app_id
            )
        )
        if not page.items:
            raise NotFoundError(f"No repository {name[:200]} is known here: load it, or register it.")
        found = page.items[-1]
        told = write_repository(found, self._hooks.url)
        return self._frame.show(
            request,
            "repository.html",
            one=told,
            name=found.name,
            address=f"/repositories/{quote(found.name)}",
            looked_at=found.looked_at,
            wanted_url=self._hooks.url,
            wanted_events=EVENTS,
        )

    async def show_organization(self, request: Request) -> Response:
        """`GET /organizations/{owner}`: the same for the hook of an organization."""
        name = request.path_params["owner"]
        page = await self._frame.site.database.read(
            lambda connection: load_organizations(connection, name=name, app_id=self._hooks.app_id)
        )
        if not page.items:
            raise NotFoundError(
                f"No organization {name[:100]} is known here: `hubwright hook check {name[:100]}` looks at one."
            )
        found = page.items[-1]
        return self._frame.show(
            request,
            "repository.html",
            one=write_organization(found, self._hooks.url),
            name=found.name,
            address=f"/organizations/{quote(found.name)}",
            looked_at=found.looked_at,
            wanted_url=self._hooks.url,
            wanted_events=ORGANIZATION_EVENTS,
        )

    async def act(self, request: Request) -> Response:
        """`POST …/on`, `…/off`, `…/compare`, `…/ping` below a repository or an organization; then back to it."""
        place, _, word = request.url.path.rpartition("/")
        asker = await self._frame.require(request, _ROLES[word])
        owner, name = request.path_params["owner"], request.path_params.get("name")
        if word == "on":
            await asyncio.to_thread(self._hooks.install, owner, name, asker.name)
        else:
            deed = {"off": self._hooks.remove, "compare": self._hooks.look, "ping": self._hooks.ping}[word]
            await asyncio.to_thread(deed, owner, name)
        return RedirectResponse(quote(place if name is None else f"{place}/replication"), 303)

    def _sees_private(self, request: Request) -> bool:
        return bool(request.state.asker.by != "anonymous")
