"""The one place that writes the audit log: around all doors, so that none can forget it.

A change is answered when its entry is durable. Reads pass untouched.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubwright.store.audit import Entry, keep_entries
from hubwright.store.tokens import BUILDER
from hubwright.store.writers import DatabaseBusyError
from hubwright.web.askers import Visit, name_of, visit_of
from hubwright.web.site import Site

READS = frozenset({"GET", "HEAD", "OPTIONS"})

logger = structlog.get_logger()


class Audit:
    """Writes down who asked for which change. `app` are the doors; what builders hand in of their runs is no change."""

    def __init__(self, site: Site, app: ASGIApp) -> None:
        self._site = site
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = visit_of(HTTPConnection(scope))  # before the app, so that it sees the same
        if scope["method"] in READS and not self._may_change(scope):
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._note(scope, visit, int(message["status"]))
            await send(message)

        await self._app(scope, receive, send_noted)

    def _may_change(self, scope: Scope) -> bool:
        """Those who log in come back from GitHub, or from a link, with a GET."""
        path: str = scope["path"]
        return path.startswith(("/login", "/github/"))

    async def _note(self, scope: Scope, visit: Visit, status: int) -> None:
        entry = read_entry(scope, visit, status, self._site.clock)
        if entry is None or visit.noted == status:
            return
        try:
            await self._site.database.write_each(keep_entries, entry)
        except (DatabaseBusyError, DBAPIError) as error:  # it was done already, and has to be answered so
            logger.error("audit_lost", error=str(error).partition("\n")[0], actor=entry.actor, path=entry.path)


def read_entry(scope: Scope, visit: Visit, status: int, clock: Callable[[], float]) -> Entry | None:
    """What there is to note of a request; None for reads, for builders, and for strangers who were refused."""
    request, asker = HTTPConnection(scope), visit.asker
    if scope["method"] in READS and not visit.changes:
        return None
    if asker is not None and asker.role == BUILDER:
        return None
    if status >= 400 and (asker is None or asker.by == "anonymous"):
        return None
    return Entry(
        at=clock(),
        actor="" if asker is None else asker.name,
        by="anonymous" if asker is None else asker.by,
        role="" if asker is None else asker.role,
        token_id=None if asker is None else asker.token_id,
        method=scope["method"],
        action=name_of(request),
        path=scope["path"],
        status=status,
        address=request.client.host if request.client is not None else "",
    )
