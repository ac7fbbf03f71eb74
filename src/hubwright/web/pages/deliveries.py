"""`/deliveries`: the ledger of what GitHub has sent, what it led to, and what failed or is missing."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.wording import word_size
from hubwright.hub.healing import DAY, Healing, word_healing
from hubwright.store.healing_figures import list_missing, load_figures
from hubwright.store.views_lists import DeliveryFilter, load_deliveries
from hubwright.web.api.deliveries import Deliveries, load_whole
from hubwright.web.healing import write_unseen
from hubwright.web.pages.forms import need, read_day, read_fields
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

SHOWN = 256 * 1024
"""Characters of a body that a page shows; the API gives all of it."""

_MISSING = 20
_FIELDS = ("state", "event", "repo", "guid", "since", "missed")


class DeliveryPages:
    """The ledger is for everybody who may read; bodies and buttons are for the role `write`."""

    def __init__(self, frame: Frame, deliveries: Deliveries, healing: Healing) -> None:
        self._frame = frame
        self._deliveries = deliveries
        self._healing = healing

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/deliveries", self._frame.guard(self.list)),
            Route("/deliveries/heal", self.heal, methods=["POST"]),
            Route("/deliveries/replay", self.replay_failed, methods=["POST"]),
            Route("/deliveries/redeliver", self.redeliver, methods=["POST"]),
            Route("/deliveries/{id:int}", self.show),
            Route("/deliveries/{id:int}/replay", self.replay, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /deliveries?before=&state=&event=&repo=&guid=&since=&missed=`."""
        cursor, since = read_number(request, "before"), self._frame.site.clock() - DAY
        asked = {name: request.query_params.get(name, "").strip()[:201] for name in _FIELDS}

        def load(connection: Connection) -> tuple[Any, ...]:
            page = load_deliveries(connection, cursor=cursor, chosen=read_filter(asked))
            failed = load_deliveries(connection, 1, chosen=DeliveryFilter(state="failed")).items
            missing = [one for one in list_missing(connection, _MISSING) if one.recovered_at is None]
            return page, load_figures(connection, since), missing, bool(failed)

        page, figures, missing, has_failed = await self._frame.site.database.read(load)
        given: dict[str, Any] = {
            "told": word_healing(figures, on=self._healing.on), "unseen": write_unseen(figures), "on": self._healing.on,
            "asked": asked, "missing": missing, "has_failed": has_failed,
            "older": urlencode({**{name: text for name, text in asked.items() if text}, "before": page.next or ""}),
        }  # fmt: skip
        return self._frame.show(request, "deliveries.html", page=page, **given)

    async def show(self, request: Request) -> Response:
        """`GET /deliveries/{id}`: for those who may write, because a body may tell of private repositories."""
        request.state.asker = await self._frame.require(request, "write")
        number: int = request.path_params["id"]
        one, body, builds = await self._frame.site.database.read(lambda connection: load_whole(connection, number))
        text = await asyncio.to_thread(lay_out, body)
        cut = f"{word_size(SHOWN)} of {word_size(len(body))} are shown." if len(text) > SHOWN else None
        return self._frame.show(request, "delivery.html", one=one, builds=builds, body=text[:SHOWN], cut=cut)

    async def replay(self, request: Request) -> Response:
        """`POST /deliveries/{id}/replay`."""
        await self._frame.require(request, "write")
        number: int = request.path_params["id"]
        await self._deliveries.replay(number)
        return RedirectResponse(f"/deliveries/{number}", 303)

    async def replay_failed(self, request: Request) -> Response:
        """`POST /deliveries/replay`: all that failed."""
        await self._frame.require(request, "write")
        await self._deliveries.replay_failed()
        return RedirectResponse("/deliveries", 303)

    async def redeliver(self, request: Request) -> Response:
        """`POST /deliveries/redeliver`: have GitHub asked for one that is missing."""
        await self._frame.require(request, "write")
        await self._deliveries.ask_again(need(await read_fields(request), "guid")[:200])
        return RedirectResponse("/deliveries", 303)

    async def heal(self, request: Request) -> Response:
        """`POST /deliveries/heal`: compare with GitHub now."""
        await self._frame.require(request, "write")
        await asyncio.to_thread(self._healing.ask, self._frame.site.clock())
        return RedirectResponse("/deliveries", 303)


def read_filter(asked: dict[str, str]) -> DeliveryFilter:
    """What of the ledger is asked for; what can't be meant is left out."""
    return DeliveryFilter(
        state=asked["state"] or None,
        event=asked["event"] or None,
        repository=asked["repo"] or None,
        guid=asked["guid"] or None,
        since=read_day(asked["since"]),
        missed=bool(asked["missed"]),
    )


def lay_out(body: bytes) -> str:
    """A document as people read it; one that is large, or none, as it came."""
    if len(body) <= SHOWN:
        try:
            return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
        except ValueError:
            return body.decode("utf-8", "replace")
    return body[: SHOWN + 1].decode("utf-8", "replace")
