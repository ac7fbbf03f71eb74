"""`/api/v1/queue/demand`: how many builders of a kind are wanted, for what starts builders when there is work."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.scheduling import BuilderKind
from hubwright.store.views_demand import load_demand
from hubwright.web.api.answers import answer, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_LABELS = 64

Platform = Annotated[str, Query(min_length=1, max_length=100, description="The platform that the builders have.")]
Label = Annotated[
    list[Annotated[str, Query(max_length=100)]],
    Query(max_length=MAX_LABELS, description="A label that they have; may be given several times."),
]


class Demand:
    """The route. Whoever may read may ask, and builders: what starts them needs no other token than they do."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The route, for the app: it has a rule of its own about who may ask."""
        router = Routes(prefix="/api/v1", tags=["builders"], dependencies=[Depends(self._let_in)])
        router.add_api_route("/queue/demand", self.show_demand, methods=["GET"])
        return router

    async def _let_in(self, request: Request) -> None:
        asker = await self._gate.identify(request)
        if not asker.may("builder"):
            await self._gate.require(request, "read")

    async def show_demand(self, request: Request, platform: Platform, label: Label = []) -> Response:  # noqa: B006  FastAPI copies it
        """How many runs wait that a builder of this platform with these labels may take now, and how many go on.

        With a builder's token, `builders` are the connected ones that came with it: what it has started already.
        """
        asker = await self._gate.identify(request)
        kind = BuilderKind(platform=platform, labels=tuple(sorted(set(label))))
        token_id = asker.token_id if asker.may("builder") else None
        limits = self._site.platform_limits
        demand = await self._site.database.read(partial(load_demand, kind=kind, limits=limits, token_id=token_id))
        return answer(
            {
                "platform": kind.platform,
                "labels": kind.labels,
                "waiting": demand.waiting,
                "running": demand.running,
                "oldest": moment(demand.oldest),
                "builders": [asdict(one) for one in demand.builders],
            }
        )
