"""`/audit`: who changed what, for administrators."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.audit import AuditFilter, load_entries
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_ENTRIES = 50
_MAX_FIELD = 500


class AuditPage:
    """The entries, the newest first, by who asked and by the address."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /audit?actor=&path=&before=`."""
        request.state.asker = await self._frame.require(request, "admin")
        asked = {name: request.query_params.get(name, "").replace("\0", "")[:_MAX_FIELD] for name in ("actor", "path")}
        chosen = AuditFilter(actor=asked["actor"] or None, below=asked["path"] or None)
        cursor = read_number(request, "before")
        page = await self._frame.site.database.read(
            lambda connection: load_entries(connection, chosen, _ENTRIES, cursor)
        )
        older = urlencode({**{name: text for name, text in asked.items() if text}, "before": page.next or ""})
        return self._frame.show(request, "audit.html", page=page, asked=asked, older=older)
