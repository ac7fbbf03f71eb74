"""`/api/v1/info`: what answers here, of which versions, its time, its limits; and where Redis is, for those who may."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, text
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.revision import HEAD
from hubwright.store.views import MAX_PAGE
from hubwright.web.api.answers import answer, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site
from hubwright.wire import MAX_FRAME, WIRE_VERSION

_ASK = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}


class Info:
    """The route. Builders may ask too: system 1's modules asked their hub for Redis."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The route, for the app: it has a rule of its own about who may ask."""
        router = Routes(prefix="/api/v1", tags=["hub"])
        router.add_api_route("/info", self.show_info, methods=["GET"])
        return router

    async def show_info(self, request: Request) -> Response:
        """Versions of the hub's parts, its time, its limits; for the roles admin and builder the address of Redis."""
        asker = await self._gate.identify(request)
        is_part = asker.may("builder") or asker.may("admin")
        if not is_part:
            await self._gate.require(request, "read")
        now = self._site.clock()
        content: dict[str, Any] = {
            "name": "hubwright",
            "version": self._site.version,
            "url": self._site.public_url,
            "api": "/api/v1",
            "time": moment(now),
            "unix_time": now,
            "modules": await load_modules(self._site),
            "limits": self._limits(),
        }
        if is_part:
            content["redis"] = _read_address(self._site.redis_url, self._site.redis_prefix)
        return answer(content)

    def _limits(self) -> Mapping[str, int | None]:
        """Sizes are bytes."""
        files = self._site.artifacts
        return {
            "page": MAX_PAGE,
            "webhook": self._site.max_body,
            "frame": MAX_FRAME,
            "artifact": files.max_size,
            "artifacts": files.total,
            "cache": files.cache_size,
            "caches": files.cache_total,
            "watchers": self._site.max_watchers,
        }


async def load_modules(site: Site) -> dict[str, str | int]:
    """The versions of the hub's parts, by their names."""
    database = await site.database.read(_load_database_version)
    own: dict[str, str | int] = {
        "hubwright": site.version,
        "wire": WIRE_VERSION,
        "migration": HEAD,
        "python": platform.python_version(),
    }
    return {**own, **database}


def _load_database_version(connection: Connection) -> dict[str, str]:
    name = connection.dialect.name
    return {name: str(connection.execute(text(_ASK[name])).scalar_one())}


def _read_address(url: str | None, prefix: str) -> dict[str, Any] | None:
    """Where Redis is, without the name and password that the hub has there."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return {"address": f"unix://{parts.path}", "prefix": prefix}
    host, port = parts.hostname or "localhost", parts.port or 6379
    shown = f"[{host}]" if ":" in host else host
    address = f"{parts.scheme}://{shown}:{port}{parts.path}"
    return {"address": address, "host": host, "port": port, "prefix": prefix}
