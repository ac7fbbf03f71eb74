"""The door of those who watch: `WS /api/v1/live`. docs/live.md tells what is said on it."""

from __future__ import annotations

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from hubwright.errors import RefusedError
from hubwright.web.broadcast import Broadcast
from hubwright.web.feed import Feed
from hubwright.web.gate import Gate, check_origin
from hubwright.web.site import Site
from hubwright.web.watcher import Watcher

REFUSED, TRY_AGAIN = 1008, 1013
"""WebSocket close codes, https://www.iana.org/assignments/websocket/websocket.xhtml."""


class Live:
    """The route, and how many are at it."""

    def __init__(self, site: Site, gate: Gate, feed: Feed) -> None:
        self._site = site
        self._gate = gate
        self._broadcast = Broadcast(site, feed)

    def route(self) -> WebSocketRoute:
        """The one door."""
        return WebSocketRoute("/api/v1/live", self.connect)

    async def connect(self, socket: WebSocket) -> None:
        """Serve one watcher until it leaves, or may no longer read."""
        try:
            await self._check(socket)
        except RefusedError as error:
            await socket.close(REFUSED, str(error)[:120])
            return
        await socket.accept()
        if self._broadcast.watchers >= self._site.max_watchers:
            await socket.close(TRY_AGAIN, "as many watch already as LIVE__WATCHERS allows")
            return
        self._broadcast.watchers += 1
        try:
            await Watcher(self._site, self._broadcast, socket, self._check, self._gate).serve()
        finally:
            self._broadcast.watchers -= 1

    async def _check(self, socket: WebSocket) -> None:
        """Whether it may watch. A browser says which site's page asks, and only ours may. Raises RefusedError."""
        asker = await self._gate.require(socket, "read")
        if asker.by != "token" and "origin" in socket.headers:
            check_origin(socket)
