"""How the API answers: JSON written by orjson, pages of lists with their Link, parameters that many routes take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store import documents
from hubwright.store.views_values import Page

Item = TypeVar("Item")

MAX_NUMBER = 2**63 - 1
"""The largest number that a database holds."""

moment, duration = documents.moment, documents.duration

Number = Annotated[int, Path(ge=0, le=MAX_NUMBER)]
Limit = Annotated[int, Query(ge=1, description="Items at once; more than 200 are never given.")]
Cursor = Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="The `next` of the page before.")]
TextCursor = Annotated[str | None, Query(max_length=500, description="The `next` of the page before.")]


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON, never cached."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status, sent, media_type="application/json")


def answer_page(
    request: Request,
    page: Page[Item],
    write: Callable[[Item], Any],
    public_url: str,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """A list as `{"items": […], "next": cursor}`, with RFC 8288's Link to what follows; `more` stands beside it."""
    following = None if page.next is None else str(page.next)
    headers = {}
    if following is not None:
        query = {**request.query_params, "cursor": following}
        headers["Link"] = f'<{public_url}{request.url.path}?{urlencode(query)}>; rel="next"'
    items = [write(item) for item in page.items]
    return answer({"items": items, "next": following, **(more or {})}, headers=headers)
