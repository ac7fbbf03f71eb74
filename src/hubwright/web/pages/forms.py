"""What the forms of pages send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import Request

from hubwright.domain.job_parameters import MAX_PARAMETERS
from hubwright.errors import UnprocessableError
from hubwright.web.hooks import read_body

MAX_FORM = 256 * 1024
"""Bytes of a form."""

EPOCH = 1970
"""Nothing happened here in that year or before."""


async def read_fields(request: Request) -> dict[str, str]:
    """The fields of a page's form, the last of each name. Raises UnprocessableError, TooLargeError."""
    body = await read_body(request.headers.get("content-length"), request.receive, MAX_FORM)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_PARAMETERS + 2))
    except ValueError as error:
        raise UnprocessableError("This is not the page's form.") from error


def need(fields: Mapping[str, str], name: str) -> str:
    """The field's text without the space around it. Raises UnprocessableError when there is none."""
    text = fields.get(name, "").strip()
    if not text:
        raise UnprocessableError(f"{name}: something is expected here.", f"/{name}")
    return text


def split_words(text: str) -> tuple[str, ...]:
    """What stands between commas, spaces and ends of lines."""
    return tuple(text.replace(",", " ").split())


def read_day(text: str) -> float | None:
    """When a day like 2026-11-23 begins in UTC, Unix seconds; a whole time of RFC 3339 is taken too. None for none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year <= EPOCH:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
