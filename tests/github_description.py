"""What GitHub itself says about its REST API (openapi/README.md): is a request, or an answer, as it describes them?

    assert find_request_problems("POST", "/repos/octo/hello/statuses/1234", "", b'{"state": "green"}') == [
        "state: 'green' is not one of ['error', 'failure', 'pending', 'success']"
    ]
    check_requests(github.requests)

The fake GitHub calls `check_requests` at its end, so whatever Hubwright sends it in any test is checked.
"""

from __future__ import annotations

import functools
import lzma
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from jsonschema import Draft202012Validator, FormatChecker

from fake_github_state import Recorded

BELOW = "/api/v3"
"""What the fake GitHub's addresses begin with."""

OURS = "hubwright"
"""The user agent of requests that are checked; tests of the fake itself send wrong ones on purpose."""

_FILE = Path(__file__).parent / "openapi" / "github-rest.json.xz"
_LONG = ("path", "ref", "basehead", "branch")
"""Parameters in which a slash may come unescaped."""

_CURSORS = frozenset({"after", "before", "cursor"})
"""Large listings have them in their Link headers only."""

_BY_NUMBER = (
    (re.compile(r"^/repositories/\d+(?=/|$)"), "/repos/owner/repo"),
    (re.compile(r"^/organizations/\d+(?=/|$)"), "/orgs/org"),
    (re.compile(r"^/user/\d+(?=/|$)"), "/users/username"),
)
"""Addresses of Link headers and redirects, which GitHub serves and does not describe."""

_FORMATS = FormatChecker(())


@_FORMATS.checks("date-time", ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value) is not None


@_FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def check_requests(recorded: Iterable[Recorded]) -> None:
    """Fail the test for each request of ours that GitHub does not describe."""
    found: dict[str, list[str]] = {}
    for one in recorded:
        if one.headers.get("user-agent") != OURS or not one.path.startswith(BELOW):
            continue
        problems = find_request_problems(one.method, one.raw_path.removeprefix(BELOW), one.query, one.body)
        if problems:
            found[f"{one.method} {one.path}?{one.query}"] = problems
    assert not found, f"not as GitHub describes its requests: {found}"


def find_request_problems(method: str, path: str, query: str = "", body: bytes = b"") -> list[str]:
    """What GitHub's description has against a request; `path` is below the API's address, `query` as sent."""
    name = find_operation(method, path)
    if name is None:
        return [f"there is no {method} {path}"]
    return [*_find_query_problems(name, query), *_find_body_problems(name, body)]


def find_answer_problems(method: str, path: str, status: int, json: Any) -> list[str]:
    """What GitHub's description has against an answer, where it describes one with this status."""
    name = find_operation(method, path)
    if name is None:
        return [f"there is no {method} {path}"]
    operation = _document()["operations"][name]
    if str(status) not in operation["statuses"] and status < 400:
        return [f"{name} never answers {status}"]
    if str(status) not in operation["answers"]:
        return []
    return list(_explain(_validator(name, f"answers.{status}"), json))


def find_operation(method: str, path: str) -> str | None:
    """The operation, such as `GET /repos/{owner}/{repo}`, None when GitHub has none."""
    for pattern, described in _BY_NUMBER:
        path = pattern.sub(described, path)
    return next((name for match, name in _patterns()[method] if match.match(path)), None) if path else None


def _find_query_problems(name: str, query: str) -> Iterator[str]:
    operation = _document()["operations"][name]
    sent = dict(parse_qsl(query, keep_blank_values=True))
    yield from (f"{one} is missing" for one in operation["needed"] if one not in sent)
    for key, text in sent.items():
        if key in _CURSORS and "per_page" in operation["query"]:
            continue
        if key not in operation["query"]:
            yield f"there is no parameter {key}"
            continue
        schema = operation["query"][key]
        yield from (f"{key}: {problem}" for problem in _explain(_validator(name, f"query.{key}"), _read(schema, text)))
        if key == "per_page" and not 1 <= int(text) <= 100:
            yield "per_page: GitHub cuts it to 100 without a word"


def _find_body_problems(name: str, body: bytes) -> Iterator[str]:
    operation = _document()["operations"][name]
    if not body:
        if operation["body_needed"]:
            yield "the body is missing"
        return
    if operation["body"] is None:
        if body not in {b"{}", b"null"}:
            yield "no body is expected"
        return
    document = orjson.loads(body)
    yield from _explain(_validator(name, "body"), document)
    if isinstance(document, dict) and (known := _properties(operation["body"])):
        yield from (f"there is no property {key}" for key in document if key not in known)


def _properties(schema: dict[str, Any]) -> set[str]:
    """The names that an object of this schema may have; none when it may have any."""
    found = set(schema.get("properties", ()))
    for several in ("oneOf", "anyOf", "allOf"):
        for one in schema.get(several, ()):
            found |= _properties(one)
    if "$ref" in schema:
        found |= _properties(_document()["schemas"][schema["$ref"].rpartition("/")[2]])
    return found


def _read(schema: dict[str, Any], text: str) -> Any:
    """A parameter's text as what its schema expects."""
    kind = schema.get("type")
    if kind in {"integer", "number"} and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text.split(",") if kind == "array" else text


def _explain(validator: Draft202012Validator, value: Any) -> Iterator[str]:
    for error in validator.iter_errors(value):
        place = ".".join(str(part) for part in error.absolute_path)
        message = error.message if len(error.message) <= 300 else f"{error.message[:200]}…{error.message[-99:]}"
        yield f"{place}: {message}" if place else message


@functools.cache
def _validator(name: str, part: str) -> Draft202012Validator:
    schema = _document()["operations"][name]
    for key in part.split(".", 1):
        schema = schema[key]
    rooted = {**schema, "components": {"schemas": _document()["schemas"]}}
    return Draft202012Validator(rooted, format_checker=_FORMATS)


@functools.cache
def _patterns() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """How to know an operation by its path, the most literal first."""
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    names = sorted(_document()["operations"], key=lambda name: (name.count("{"), -len(re.sub(r"{\w+}", "", name))))
    for name in names:
        method, path = name.split(" ", 1)
        parts = re.split(r"{([\w-]+)}", path)
        regex = "".join(
            re.escape(part) if number % 2 == 0 else (".+" if part in _LONG else "[^/]+")
            for number, part in enumerate(parts)
        )
        found.setdefault(method, []).append((re.compile(f"{regex}$"), name))
    return found


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(lzma.decompress(_FILE.read_bytes()))
    return document
