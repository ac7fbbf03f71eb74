"""Queue, commits, deliveries and facts; and the answers of systems 0: is it building, what is it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.waiting import hide_others
from hubwright.store.documents import write_fact
from hubwright.store.pauses import load_stops
from hubwright.store.views_lists import DeliveryFilter, load_commits, load_deliveries, load_facts
from hubwright.store.views_queue import count_remaining, load_running
from hubwright.store.views_values import Page
from hubwright.store.views_waiting import QueuePart, load_queue
from hubwright.web.api.answers import (
    MAX_NUMBER,
    Cursor,
    Limit,
    Number,
    TextCursor,
    answer,
    answer_page,
)
from hubwright.web.api.deliveries import load_whole
from hubwright.web.api.documents import (
    write_built,
    write_commit,
    write_delivery,
    write_queue,
    write_queued,
)
from hubwright.web.api.pauses import load_pauses, write_pauses
from hubwright.web.askers import folders_of, sees_fact
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class DeliveryQuery(BaseModel):
    """Which deliveries are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str | None, Query(max_length=10, description="Only those whose `state` this is.")] = None
    event: Annotated[str | None, Query(max_length=100, description="Only those of this event, such as push.")] = None
    repo: Annotated[str | None, Query(max_length=201, description="Only those of this repository.")] = None
    guid: Annotated[str | None, Query(max_length=200, description="Only the one that GitHub calls so.")] = None
    since: Annotated[AwareDatetime | None, Query(description="RFC 3339; received from this moment on.")] = None
    missed: Annotated[bool, Query(description="Only those that had to be recovered.")] = False
    limit: Limit = 50
    cursor: Cursor = None


class Lists:
    """The routes of everything that is only listed."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate
        self._public = site.public_url

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["hub"])
        router.add_api_route("/queue", self.list_queue, methods=["GET"])
        router.add_api_route("/commits", self.list_commits, methods=["GET"])
        router.add_api_route("/deliveries", self.list_deliveries, methods=["GET"])
        router.add_api_route("/deliveries/{delivery_id}", self.show_delivery, methods=["GET"])
        router.add_api_route("/facts", self.list_facts, methods=["GET"])
        router.add_api_route("/ping", self.ping, methods=["GET"])
        return router

    async def list_queue(self, request: Request, limit: Limit = 200, cursor: TextCursor = None) -> Response:
        """Runs that wait, the next one first, each with why; `queues`, one for each platform; and what is `paused`.

        Tokens with folders see only runs and paused jobs below these, and of other jobs and builders nothing.
        """
        now, folders = self._site.clock(), folders_of(request)
        part = QueuePart(limit, cursor, folders)
        (page, queues), paused = await self._site.database.read(
            lambda connection: (
                load_queue(connection, part, now, self._site.platform_limits),
                write_pauses(*load_pauses(connection, folders)),
            )
        )
        if folders is not None:
            page, queues = Page(tuple((view, hide_others(waiting)) for view, waiting in page.items), page.next), ()
        more = {"queues": [write_queue(queue) for queue in queues], "paused": paused}
        return answer_page(request, page, partial(write_queued, reasons={}), self._public, more)

    async def list_commits(
        self,
        request: Request,
        repo: Annotated[str, Query(max_length=201, description="The repository, OWNER/NAME.")],
        limit: Limit = 50,
        cursor: TextCursor = None,
    ) -> Response:
        """Known commits of a repository, latest first."""
        page = await self._site.database.read(lambda connection: load_commits(connection, repo, limit, cursor))
        return answer_page(request, page, write_commit, self._public)

    async def list_deliveries(
        self,
        request: Request,
        wanted: Annotated[DeliveryQuery, Query()],
    ) -> Response:
        """Webhooks, newest first, and what each led to; `missed`: only those that had to be recovered."""
        since = None if wanted.since is None else wanted.since.timestamp()
        plain = wanted.model_dump(exclude={"limit", "cursor", "repo", "since"})
        chosen = DeliveryFilter(**plain, repository=wanted.repo, since=since)
        page = await self._site.database.read(
            lambda connection: load_deliveries(connection, wanted.limit, wanted.cursor, chosen)
        )
        return answer_page(request, page, write_delivery, self._public)

    async def show_delivery(self, request: Request, delivery_id: Number) -> Response:
        """A webhook with its body, and the builds of its commits. For those who may write: a body may be private."""
        await self._gate.require(request, "write")
        delivery, body, builds = await self._site.database.read(lambda connection: load_whole(connection, delivery_id))
        told = [write_built(one) for one in builds]
        return answer({**write_delivery(delivery), "builds": told, "body": orjson.Fragment(body)})

    async def list_facts(
        self,
        request: Request,
        after: Annotated[int, Query(ge=0, le=MAX_NUMBER, description="The id of the last fact known.")] = 0,
        limit: Limit = 200,
    ) -> Response:
        """What happened, oldest first; `next` is the `after` of the following page, also when nothing followed yet."""
        facts = await self._site.database.read(lambda connection: load_facts(connection, after, limit))
        following = facts[-1].id if facts else after
        query = urlencode({**request.query_params, "after": following})
        link = f'<{self._public}{request.url.path}?{query}>; rel="next"'
        items = [write_fact(fact) for fact in facts if sees_fact(request, fact.data)]
        return answer({"items": items, "next": following}, headers={"Link": link})

    async def ping(self, request: Request) -> Response:
        """Whether something is being built, which builds, and what remains: runs that wait for a builder or within
        limits, and builds that are still planned. `held` runs wait for approval; `paused`: nothing new starts.
        """
        folders = folders_of(request)
        running, remaining, stops = await self._site.database.read(
            lambda connection: (
                load_running(connection, folders),
                count_remaining(connection, folders),
                load_stops(connection),
            )
        )
        building = bool(running or remaining.total)
        told: dict[str, Any] = {"running": running, "remaining": remaining.total, "held": remaining.held}
        older = {"building": building, "status": "building" if building else "success", "id": next(iter(running), None)}
        state = "building" if building else "idle"
        return answer({"state": state, **told, "paused": stops.hub is not None, **older})
