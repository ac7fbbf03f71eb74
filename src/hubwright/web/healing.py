"""What was delivered, recovered and missed: the figures, and a look on demand."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubwright.hub.healing import DAY, Healing, word_healing, word_place
from hubwright.store.healing_figures import HealFigures, list_missing, list_watches, load_figures
from hubwright.web.api.answers import answer, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

LISTED = 200


class HealingDoors:
    """`/api/v1/healing`."""

    def __init__(self, site: Site, gate: Gate, healing: Healing) -> None:
        self._site = site
        self._gate = gate
        self._healing = healing

    def make_router(self) -> Routes:
        """The routes of the API."""
        router = Routes(prefix="/api/v1", tags=["hub"])
        router.add_api_route("/healing", self.show, methods=["GET"])
        router.add_api_route("/healing", self.ask, methods=["POST"], status_code=202)
        return router

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
                "could_not_look": write_unseen(figures),
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


def write_unseen(figures: HealFigures) -> list[dict[str, Any]]:
    """The places that could not be looked at, and why."""
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
