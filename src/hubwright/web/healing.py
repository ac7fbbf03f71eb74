"""What was delivered, recovered and missed: the figures, a look on demand, and stored deliveries understood again."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.wording import word_size
from hubwright.hub.healing import DAY, Healing, word_healing, word_place
from hubwright.hub.replay import replay
from hubwright.store.healing_figures import HealFigures, list_missing, list_watches, load_figures
from hubwright.store.views_lists import DeliveryFilter, load_deliveries, load_delivery
from hubwright.web.api.answers import Number, answer, moment
from hubwright.web.gate import Gate
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.routes import Routes
from hubwright.web.site import Site

LISTED = 200

SHOWN = 256 * 1024
"""Characters of a body that a page shows; the API gives all of it."""


class HealingDoors:
    """`/api/v1/healing`, `/api/v1/deliveries/{id}/replay`, and the pages of deliveries."""

    def __init__(self, site: Site, gate: Gate, frame: Frame, healing: Healing) -> None:
        self._site = site
        self._gate = gate
        self._frame = frame
        self._healing = healing

    def make_router(self) -> Routes:
        """The routes of the API."""
        router = Routes(prefix="/api/v1", tags=["hub"])
        router.add_api_route("/healing", self.show, methods=["GET"])
        router.add_api_route("/healing", self.ask, methods=["POST"], status_code=202)
        router.add_api_route("/deliveries/{delivery_id}/replay", self.replay, methods=["POST"], status_code=202)
        return router

    def routes(self) -> list[Route]:
        """The routes of the pages."""
        return [
            Route("/deliveries", self._frame.guard(self.list_page)),
            Route("/deliveries/heal", self.ask_on_page, methods=["POST"]),
            Route("/deliveries/{id:int}", self.show_page),
            Route("/deliveries/{id:int}/replay", self.replay_on_page, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The last day's figures and how far they are known, what is watched, and the deliveries that did not arrive.

        `places` are watched; `behind` of them were not tried since somebody has asked; `unlooked` were never looked at.
        """
        await self._gate.require(request, "read")
        since = self._site.clock() - DAY
        figures, watches, missing = await self._site.database.read(
            lambda connection: (
                load_figures(connection, since),
                list_watches(connection, LISTED),
                list_missing(connection, LISTED),
            )
        )
        return answer(
            {
                "text": word_healing(figures, on=self._healing.on),
                "on": self._healing.on,
                "since": moment(since),
                "delivered": figures.delivered,
                "recovered": figures.recovered,
                "missing": figures.missing,
                "looked_at": moment(figures.looked_at),
                "places": figures.watches,
                "behind": figures.behind,
                "unlooked": figures.unlooked,
                "could_not_look": _write_unseen(figures),
                "could_not_look_count": figures.unseen_count,
                "watches": [_write_watch(row) for row in watches],
                "deliveries": [_write_missed(row) for row in missing],
            }
        )

    async def ask(self, request: Request) -> Response:
        """Compare with GitHub now; `asked_at` is what `looked_at` of each watch will come after."""
        await self._gate.require(request, "write")
        now = self._site.clock()
        count = await asyncio.to_thread(self._healing.ask, now)
        return answer({"watches": count, "asked_at": moment(now)}, 202)

    async def replay(self, request: Request, delivery_id: Number) -> Response:
        """Understand a kept delivery again. What is built already is not built twice. 409 while it waits."""
        await self._gate.require(request, "write")
        await self._replay(delivery_id)
        return answer({"delivery": delivery_id, "state": "waiting"}, 202)

    async def list_page(self, request: Request) -> Response:
        """`GET /deliveries?before=&state=&event=&repo=`."""
        cursor, since = read_number(request, "before"), self._site.clock() - DAY
        chosen = read_filter(request)
        page, figures = await self._site.database.read(
            lambda connection: (
                load_deliveries(connection, cursor=cursor, chosen=chosen),
                load_figures(connection, since),
            )
        )
        told, unseen = word_healing(figures, on=self._healing.on), _write_unseen(figures)
        return self._frame.show(
            request, "deliveries.html", page=page, told=told, unseen=unseen, on=self._healing.on, chosen=chosen
        )

    async def show_page(self, request: Request) -> Response:
        """`GET /deliveries/{id}`: for those who may write, because a body may tell of private repositories."""
        request.state.asker = await self._frame.require(request, "write")
        number: int = request.path_params["id"]
        one, body = await self._site.database.read(lambda connection: load_delivery(connection, number))
        text = body[: SHOWN + 1].decode("utf-8", "replace")
        cut = f"{word_size(SHOWN)} of {word_size(len(body))} are shown." if len(body) > SHOWN else None
        return self._frame.show(request, "delivery.html", one=one, body=text[:SHOWN], cut=cut)

    async def replay_on_page(self, request: Request) -> Response:
        """`POST /deliveries/{id}/replay`."""
        await self._frame.require(request, "write")
        number: int = request.path_params["id"]
        await self._replay(number)
        return RedirectResponse(f"/deliveries/{number}", 303)

    async def ask_on_page(self, request: Request) -> Response:
        """`POST /deliveries/heal`."""
        await self._frame.require(request, "write")
        await asyncio.to_thread(self._healing.ask, self._site.clock())
        return RedirectResponse("/deliveries", 303)

    async def _replay(self, number: int) -> None:
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: replay(connection, number, now))
        self._site.wake("deliveries")


def read_filter(request: Request) -> DeliveryFilter:
    """What of the ledger is asked for."""
    query = request.query_params
    return DeliveryFilter(
        state=query.get("state") or None, event=query.get("event") or None, repository=query.get("repo") or None
    )


def _write_unseen(figures: HealFigures) -> list[dict[str, Any]]:
    return [
        {
            "what": one.what,
            "place": one.place,
            "name": word_place(one.what, one.place),
            "reason": one.why,
            "refused": one.refused,
            "due_at": moment(one.due),
        }
        for one in figures.unseen
    ]


def _write_watch(row: Any) -> dict[str, Any]:
    return {
        "what": row.what,
        "place": row.place,
        "hook": row.told.get("hook"),
        "tried_at": moment(row.tried_at),
        "looked_at": moment(row.looked_at),
        "due_at": moment(row.next_try_at),
        "note": row.error,
    }


def _write_missed(row: Any) -> dict[str, Any]:
    times = {name: moment(getattr(row, name)) for name in ("delivered_at", "found_at", "next_try_at", "recovered_at")}
    named = {name: getattr(row, name) for name in ("guid", "event", "status_code", "asked", "way", "error")}
    return {**named, **times}
