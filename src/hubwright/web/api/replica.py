"""`/api/v1/github/…`: rows of the copy of GitHub at GitHub's own addresses; nothing is asked of GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Column, Integer
from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import NotFoundError, ParameterError
from hubwright.store.moments import Moment
from hubwright.store.replica_reading import PLACES, Place, Wanted, filters_of, load_list, load_one, times_of
from hubwright.web.api.answers import MAX_NUMBER, answer, answer_page, moment
from hubwright.web.api.bodies import check_keys
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

PREFIX = "/github"
_CONVERTERS = {"number": ":int", "id": ":int", "name": ":path"}
_OPTIONS = ("limit", "cursor", "deleted", "raw")
_OFF = frozenset({"", "0", "false", "no", "off"})
_LONGEST = 600
_TOLD: Mapping[str, dict[str, Any]] = {
    "limit": {"schema": {"type": "integer", "minimum": 1}, "description": "Rows at once; never more than 200."},
    "cursor": {"schema": {"type": "string"}, "description": "The `next` of the page before."},
    "deleted": {"schema": {"type": "boolean"}, "description": "Also rows that are deleted at GitHub."},
    "raw": {"schema": {"type": "boolean"}, "description": "Also GitHub's own document (role `write`)."},
}


class ReplicaReads:
    """The routes. Who has the role `write` sees private things too; for others they are not there."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """An address for all that the copy has."""
        router = Routes(prefix=PREFIX, tags=["replica"])
        for address, place in PLACES.items():
            router.add_api_route(
                _form_route(address), self.read, methods=["GET"], openapi_extra=_describe(address, place)
            )
        return router

    async def read(self, request: Request) -> Response:
        """Rows of the copy; `?limit= &cursor=`, columns and times as filters, `?deleted=1`, `?raw=1` (role `write`)."""
        place = PLACES[_find_address(request)]
        query = request.query_params
        raw = query.get("raw", "").lower() not in _OFF
        asker = await (self._gate.require(request, "write") if raw else self._gate.identify(request))
        wanted = Wanted(
            parts=_read_parts(request),
            filters={} if place.one else _read_filters(query, place),
            sees_all=asker.may("write"),
            gone=query.get("deleted", "").lower() not in _OFF,
            raw=raw,
        )
        if place.one:
            row = await self._site.database.read(lambda connection: load_one(connection, place, wanted))
            return answer(_write(place, row))
        limit = _read_limit(query.get("limit"))
        page = await self._site.database.read(
            lambda connection: load_list(connection, place, wanted, limit, query.get("cursor"))
        )
        return answer_page(request, page, lambda row: _write(place, row), self._site.public_url)


def _write(place: Place, row: Mapping[str, Any]) -> dict[str, Any]:
    columns = place.table.c
    # SQLAlchemy's names are a kind of text that orjson does not take
    return {
        str(name): moment(value) if isinstance(columns[name].type, Moment) else value for name, value in row.items()
    }


def _read_parts(request: Request) -> dict[str, Any]:
    """The address's parts. Raises NotFoundError for what nothing is called."""
    for value in request.path_params.values():
        strange = not value.isprintable() or len(value) > _LONGEST if isinstance(value, str) else value > MAX_NUMBER
        if strange:
            raise NotFoundError("Nothing has such a name.")
    return dict(request.path_params)


def _read_filters(query: Mapping[str, str], place: Place) -> dict[str, str]:
    """The columns that the query names. Raises UnprocessableError, ParameterError."""
    known = (*filters_of(place.table), *times_of(place.table))
    given = {name: value for name, value in query.items() if name not in _OPTIONS}
    check_keys(given, (*known, *_OPTIONS))
    for name, value in {**given, "cursor": query.get("cursor", "")}.items():
        if "\0" in value or len(value) > _LONGEST:
            raise ParameterError(f"The value of {name} can't be used.", name)
    return given


def _read_limit(text: str | None) -> int:
    if text is None:
        return 50
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0):
        raise ParameterError("limit is a whole number from 1.", "limit")
    return int(text)


def _form_route(address: str) -> str:
    for name, converter in _CONVERTERS.items():
        address = address.replace(f"{{{name}}}", f"{{{name}{converter}}}")
    return address


def _find_address(request: Request) -> str:
    address = str(request.scope["route"].path).partition(PREFIX)[2]
    for name, converter in _CONVERTERS.items():
        address = address.replace(f"{{{name}{converter}}}", f"{{{name}}}")
    return address


def _describe(address: str, place: Place) -> dict[str, Any]:
    """The parameters, for the API's document."""
    names = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    inside = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if name in {"number", "id"} else "string"},
        }
        for name in names
    ]
    known = {} if place.one else {name: _TOLD[name] for name in ("limit", "cursor")}
    known |= {name: _TOLD[name] for name in ("deleted", "raw")}
    if not place.one:
        known |= {name: _describe_column(place.table.c[name]) for name in filters_of(place.table)}
        known |= {name: _describe_time(column.name, later) for name, (column, later) in times_of(place.table).items()}
    options = [
        {"name": name, "in": "query", "required": False, **told} for name, told in known.items() if name not in names
    ]
    return {"summary": f"Read {place.table.name}", "parameters": [*inside, *options]}


def _describe_column(column: Column[Any]) -> dict[str, Any]:
    kinds = ((Boolean, "boolean"), (Integer, "integer"))
    kind = next((word for type_, word in kinds if isinstance(column.type, type_)), "string")
    return {"schema": {"type": kind}, "description": f"Only rows whose `{column.name}` is this."}


def _describe_time(name: str, later: bool) -> dict[str, Any]:  # noqa: FBT001 - from a table of two kinds
    which = "at this time or later" if later else "before this time"
    return {"schema": {"type": "string", "format": "date-time"}, "description": f"Only rows whose `{name}` is {which}."}
