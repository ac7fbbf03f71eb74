"""`/audit`: who changed what, for administrators."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.audit import AuditFilter, load_entries
from hubwright.web.pages.forms import read_day
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")

_ENTRIES = 50
_STATUSES = frozenset(map(str, range(100, 600)))
_MAX_FIELD = 500
_FIELDS = ("actor", "path", "method", "status", "since", "until")


class AuditPage:
    """The entries, the newest first, by who asked, by the address, by how it was answered, and when."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /audit?actor=&path=&method=&status=&since=&until=&before=`."""
        request.state.asker = await self._frame.require(request, "admin")
        query = request.query_params
        asked = {name: query.get(name, "").replace("\0", "")[:_MAX_FIELD] for name in _FIELDS}
        chosen = AuditFilter(
            actor=asked["actor"] or None,
            below=asked["path"] or None,
            method=asked["method"] if asked["method"] in METHODS else None,
            status=int(asked["status"]) if asked["status"] in _STATUSES else None,
            since=read_day(asked["since"]),
            until=read_day(asked["until"]),
        )
        cursor = read_number(request, "before")
        page = await self._frame.site.database.read(
            lambda connection: load_entries(connection, chosen, _ENTRIES, cursor)
        )
        older = urlencode({**{name: text for name, text in asked.items() if text}, "before": page.next or ""})
        return self._frame.show(request, "audit.html", page=page, asked=asked, older=older, methods=METHODS)
