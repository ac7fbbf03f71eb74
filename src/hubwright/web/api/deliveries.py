"""What is done with deliveries: the failed ones are replayed, missing ones asked for; and what one has led to."""

from __future__ import annotations

from typing import Annotated

import msgspec
import orjson
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.github.told_commits import find_commits
from hubwright.hub.healing import Healing
from hubwright.hub.replay import replay, replay_failed
from hubwright.store.views_lists import load_built, load_delivery
from hubwright.store.views_records import BuiltView, DeliveryView
from hubwright.web.api.answers import Number, answer
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Missing(msgspec.Struct, frozen=True):
    """Which delivery GitHub is to send again."""

    guid: Annotated[str, Meta(min_length=1, max_length=200)]


class Deliveries:
    """`/api/v1/deliveries/…`, for the role `write`; the methods that do the work are for the pages too."""

    def __init__(self, site: Site, gate: Gate, healing: Healing) -> None:
        self._site = site
        self._gate = gate
        self._healing = healing

    def make_router(self) -> Routes:
        """The routes of the API."""
        router = Routes(prefix="/api/v1/deliveries", tags=["hub"])
        router.add_api_route("/replay", self.replay_all, methods=["POST"], status_code=202)
        router.add_api_route(
            "/redeliver", self.redeliver, methods=["POST"], status_code=202, openapi_extra=takes(Missing)
        )
        router.add_api_route("/{delivery_id}/replay", self.replay_one, methods=["POST"], status_code=202)
        return router

    async def replay_one(self, request: Request, delivery_id: Number) -> Response:
        """Understand a kept delivery again. What is built already is not built twice. 409 while it waits."""
        await self._gate.require(request, "write")
        await self.replay(delivery_id)
        return answer({"delivery": delivery_id, "state": "waiting"}, 202)

    async def replay_all(self, request: Request) -> Response:
        """Understand the oldest of those that failed again, at most 500; how many."""
        await self._gate.require(request, "write")
        return answer({"replayed": await self.replay_failed()}, 202)

    async def redeliver(self, request: Request) -> Response:
        """Have GitHub asked now for one that is missing: `{"guid"}`, as `/api/v1/healing` lists it."""
        await self._gate.require(request, "write")
        wanted = convert(await read_object(request), Missing)
        await self.ask_again(wanted.guid)
        return answer({"guid": wanted.guid}, 202)

    async def replay(self, number: int) -> None:
        """Have one understood again. Raises NotFoundError, ConflictError."""
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: replay(connection, number, now))
        self._site.wake("deliveries")

    async def replay_failed(self) -> int:
        """Have those that failed understood again; how many."""
        now = self._site.clock()
        count = await self._site.database.write_soon(lambda connection: replay_failed(connection, now))
        self._site.wake("deliveries")
        return count

    async def ask_again(self, guid: str) -> None:
        """Have GitHub asked for it. Raises ConflictError, NotFoundError."""
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: self._healing.ask_for(connection, guid, now))
        self._healing.look_soon()


def load_whole(connection: Connection, number: int) -> tuple[DeliveryView, bytes, tuple[BuiltView, ...]]:
    """A webhook, its body, and the builds of the commits that it tells of. Raises NotFoundError."""
    one, body = load_delivery(connection, number)
    commits = _read_commits(body) if one.repository else ()
    return one, body, load_built(connection, str(one.repository), commits) if commits else ()


def _read_commits(body: bytes) -> tuple[str, ...]:
    """Of a body that is no JSON, none."""
    try:
        return find_commits(orjson.loads(body))
    except ValueError:
        return ()
