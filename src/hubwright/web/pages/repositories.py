"""The pages of repositories: which of them send us what happens, with the switch for each."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.github_hooks import EVENTS
from hubwright.errors import NotFoundError
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.store.views_hooks import load_repositories
from hubwright.web.api.github_hooks import write_repository
from hubwright.web.pages.frame import Frame

_ROLES = {"on": "admin", "off": "admin", "compare": "write", "ping": "write"}


class RepositoryPages:
    """`/repositories` and `/repositories/{owner}/{name}`. They show what GitHub told last; the buttons ask it anew."""

    def __init__(self, frame: Frame, hooks: GitHubHooks) -> None:
        self._frame = frame
        self._hooks = hooks

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/repositories", self._frame.guard(self.list)),
            Route("/repositories/{owner}/{name}", self._frame.guard(self.show)),
            *(Route(f"/repositories/{{owner}}/{{name}}/{word}", self.act, methods=["POST"]) for word in _ROLES),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /repositories?after=NAME`."""
        after = request.query_params.get("after") or None
        page = await self._frame.site.database.read(
            lambda connection: load_repositories(
                connection, cursor=after, private=self._sees_private(request), app_id=self._hooks.app_id
            )
        )
        items = [write_repository(one, self._hooks.url) for one in page.items]
        return self._frame.show(request, "repositories.html", items=items, next=page.next)

    async def show(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}`: the hook beside what it should be."""
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
            looked_at=found.looked_at,
            wanted_url=self._hooks.url,
            wanted_events=EVENTS,
        )

    async def act(self, request: Request) -> Response:
        """`POST /repositories/{owner}/{name}/on`, `…/off`, `…/compare`, `…/ping`; then back to the repository."""
        word = request.url.path.rpartition("/")[2]
        asker = await self._frame.require(request, _ROLES[word])
        owner, name = request.path_params["owner"], request.path_params["name"]
        if word == "on":
            await asyncio.to_thread(self._hooks.install, owner, name, asker.name)
        else:
            deed = {"off": self._hooks.remove, "compare": self._hooks.look, "ping": self._hooks.ping}[word]
            await asyncio.to_thread(deed, owner, name)
        return RedirectResponse(f"/repositories/{quote(owner)}/{quote(name)}", 303)

    def _sees_private(self, request: Request) -> bool:
        return bool(request.state.asker.by != "anonymous")
