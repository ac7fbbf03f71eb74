"""`/notifications`: what who looks wants to be told of, and the form in which they say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.preferences import Preference, Way, make_preference
from hubwright.domain.streaks import Turn
from hubwright.web.api.preferences import ME, Preferences, find_login
from hubwright.web.pages.forms import read_fields
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.people import read_me

EVENTS = {
    Turn.BROKEN: "Broken", Turn.STILL_FAILING: "Still failing", Turn.FIXED: "Fixed", Turn.SUCCESS: "Passed again",
}  # fmt: skip
WAYS = {Way.MAIL: "Mail", Way.PAGE: "An open page of the hub", Way.IRC: "A query on IRC"}


class PreferencePages:
    """For who has logged in with GitHub; others see how one does."""

    def __init__(self, frame: Frame, preferences: Preferences) -> None:
        self._frame = frame
        self._preferences = preferences

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/notifications", self.show),
            Route("/notifications", self.keep, methods=["POST"]),
            Route("/notifications/remove", self.remove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /notifications?path=`: the place that the form is filled for."""
        request.state.asker = await self._frame.require(request, "read")
        me = read_me(request)
        if me is None or not me.certain:
            return self._frame.show(request, "preferences.html", me=None)
        kept, addresses = await self._preferences.load(me.name.lower())
        path = request.query_params.get("path", "").strip("/")[:400]
        filled = next((one.wanted for one in kept if one.wanted.path == path), Preference(path=path))
        given: dict[str, Any] = {"kept": kept, "addresses": addresses, "filled": filled, "events": EVENTS, "ways": WAYS}
        return self._frame.show(request, "preferences.html", me=me, **given)

    async def keep(self, request: Request) -> Response:
        """`POST /notifications`."""
        asker = await self._frame.require(request, "read")
        wanted = _read_wanted(await read_fields(request))
        await self._preferences.keep(asker, find_login(asker, ME), wanted)
        return RedirectResponse("/notifications", 303)

    async def remove(self, request: Request) -> Response:
        """`POST /notifications/remove`."""
        asker = await self._frame.require(request, "read")
        fields = await read_fields(request)
        await self._preferences.drop(find_login(asker, ME), fields.get("path", ""))
        return RedirectResponse("/notifications", 303)


def _read_wanted(fields: Mapping[str, str]) -> Preference:
    """What the form says. Raises UnprocessableError."""
    return make_preference(
        fields.get("path", ""),
        events=[one.value for one in EVENTS if f"on-{one}" in fields],
        mine=fields.get("whose") != "all",
        ways=[one.value for one in WAYS if f"by-{one}" in fields],
        address=fields.get("address") or None,
    )
