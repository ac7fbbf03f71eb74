"""What the API's routes are sent: a bounded JSON object, read after the asker is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import Request

from hubwright.errors import MalformedError, TooLargeError, UnprocessableError

Body = TypeVar("Body", bound=msgspec.Struct)

_MISSING = re.compile(r"missing required field `([^`]+)`")

MAX_BODY = 256 * 1024
"""Bytes of a body, a job's inline recipe included."""


async def read_object(request: Request) -> dict[str, Any]:
    """The body's JSON object; no body is an empty one. Raises TooLargeError, MalformedError."""
    body = await read_bytes(request)
    try:
        data = orjson.loads(body or b"{}")
    except ValueError as error:
        raise MalformedError(f"The body is not JSON: {error}.", "") from error
    if not isinstance(data, dict):
        raise MalformedError("The body is not a JSON object.", "")
    return data


async def read_bytes(request: Request) -> bytes:
    """The body as it was sent. Raises TooLargeError."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLargeError(f"The body has more than {MAX_BODY} bytes.")
    return body


def takes(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """For a route's description: that its body is the object which `convert` makes `kind` of."""
    _, shapes = msgspec.json.schema_components((kind,))
    shape = {**shapes[kind.__name__], "additionalProperties": False}
    content = {"application/json": {"schema": shape}}
    return {"requestBody": {"required": bool(shape.get("required")), "content": content}}


def convert(data: Mapping[str, Any], kind: type[Body]) -> Body:
    """The object as `kind`. Raises UnprocessableError that names the wrong key or value."""
    check_keys(data, kind.__struct_fields__)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise UnprocessableError(f"{error}.".replace("$.", "").replace("`", ""), _find_pointer(str(error))) from error


def check_keys(data: Mapping[str, Any], known: Iterable[str], prefix: str = "") -> None:
    """Raises UnprocessableError for a key that is not known, with the one that was perhaps meant."""
    names = tuple(known)
    for key in data:
        if key not in names:
            close = get_close_matches(key, names, 1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(names)}."
            pointer = "/" + "/".join(map(_escape, [*prefix.split(".")[:-1], key[:80]]))
            raise UnprocessableError(f"{prefix + key[:80]!a} is not known; {hint}", pointer)


def _find_pointer(told: str) -> str:
    """The JSON pointer to what msgspec complains about: its words end in ``at `$.path[0].key` ``."""
    _, _, place = told.rpartition(" at `$")
    parts = re.findall(r"\[(\d+)\]|\.([^.\[]+)", place.rstrip("`")) if place != told else []
    names = [number or name for number, name in parts]
    if missing := _MISSING.search(told):
        names.append(missing[1])
    return "".join(f"/{_escape(name)}" for name in names)


def _escape(name: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc6901#section-3"""
    return name.replace("~", "~0").replace("/", "~1")
