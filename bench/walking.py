"""Every address that answers GET, with values for what stands in it: for who looks at them all.

The routes are those of the hub itself, so one that is new is walked at once. Where it takes what a number is not, that
is to be said in `make_values`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from urllib.parse import quote, urlencode

from starlette.routing import Route

STREAMS = frozenset({"/api/v1/events", "/fragments/stream", "/api/v1/runs/{run_id}/log/stream"})
"""They never end; what they read, the feed, is walked by `/api/v1/facts`."""

ELSEWHERE = frozenset(
    {"/github/app/created", "/login/github", "/login/github/callback", "/static/{version}/{name}"}
    | {"/api/v1/peers/logs/{run:int}"}
)
"""They ask GitHub or no table."""

OTHER = ("5",)
"""What is put where nothing is said: a number, which most things take."""

_REPLICA = "/api/v1/github/"
_PART = re.compile(r"\{([a-z_]+)(?::[a-z]+)?\}")


@dataclass(frozen=True, kw_only=True)
class Values:
    """What may stand in an address. `of`: for one route, before what holds by the name alone."""

    path: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
    of: Mapping[str, Mapping[str, str]]


def make_values(builds: int, run: int, sha: str, pull: int = 5, job: str = "group0/team0/app1") -> Values:
    """Of a database that `bench.seed` filled with so many builds; `run` and `sha` are of one of them.

    `pull` is a pull request of the repository `octo/app1`.
    """
    middle = str(builds // 2)
    path = {
        "build_id": middle, "id": middle, "run": str(run), "run_id": str(run), "case_id": "1", "path": job, "sha": sha,
        "owner": "octo", "repo": "app1", "name": "app1", "org": "octo", "login": "octo", "number": "5",
        "delivery_id": "5", "platform": "linux-x86_64", "family": "f", "digest": "0" * 64, "task_id": "5",
        "kind": "branch", "job": job, "slug": "team", "test": "1", "ref": "main", "folder": "group0",
    }  # fmt: skip
    query = {
        "repo": ("octo/app1", "octo/app77", "octo/none"), "sha": (sha, sha[:8]), "job": (job, "group0/team3/app77"),
        "branch": ("main", "fix-77", "none"),
        "state": ("finished", "running", "queued"), "since": ("2026-06-01T00:00:00Z",),
        "until": ("2026-07-01T00:00:00Z",),
        "result": ("success", "failure", "skip"), "folder": ("group0", "group0/team3"), "event": ("push", "none"),
        "guid": ("delivery-guid-77",), "missed": ("true",), "failed": ("true",), "build": (middle,),
        "of": ("organizations",),
        "platform": ("linux-x86_64",), "path": ("*.gz",), "stage": ("test",), "change": ("now_failing",),
        "flaky": ("true",), "after": ("7",), "ansi": ("true",), "start": ("1",), "end": ("9",), "copies": ("true",),
        "archived": ("true",), "limit": ("200",), "from": ("1",), "to": ("2",),
        "kind": ("branch",), "parent": ("group0",), "method": ("POST",), "status": ("202",),
    }  # fmt: skip
    of = {
        "/repositories/{owner}/{name}/pulls/{number:int}": {"number": str(pull)},
        "/api/v1/repositories/{owner}/{repo}/pulls/{number}": {"number": str(pull)},
        "/builders/{name:path}": {"name": "oak-1"},
        "/api/v1/builders/{name}": {"name": "oak-1"},
        "/api/v1/builders/{name}/runs": {"name": "oak-1"},
        "/deliveries/{id:int}": {"id": "5"},
        "/irclogs/{path:path}": {"path": "builds/2026-06-01"},
        "/bisections/{id:int}": {"id": "5"},
        "/builds/{id:int}/runs/{run:int}": {"id": middle},
        "/artifacts/{sha}/{platform}/{path}": {"path": "app.tar.gz"},
        "/api/v1/runs/{run_id}/artifacts/{path}": {"path": "app.tar.gz"},
    }
    return Values(path=path, query=query, of=of)


def find_addresses(app: Any, document: Mapping[str, Any], values: Values) -> list[str]:
    """Addresses of all routes: of the app itself, and of its OpenAPI document with each query and each two of them."""
    found: dict[str, None] = {}
    for path in _plain(_routes_of(app)):
        if path not in document["paths"]:
            found[fill_path(path, values)] = None
    for path, methods in document["paths"].items():
        if "get" in methods and path not in STREAMS:
            asked = [one for one in methods["get"].get("parameters", ()) if one["in"] == "query"]
            for query in _queries(path, [one | {"schema": _find(document, one["schema"])} for one in asked], values):
                found[f"{fill_path(path, values)}?{query}".rstrip("?")] = None
    return list(found)


def _routes_of(app: Any) -> Iterable[object]:
    """Of an app that others may stand around."""
    while not hasattr(app, "router"):
        app = next(inner for name, inner in vars(app).items() if name in {"_rest", "_app"})
    return list(app.router.routes)


def _plain(routes: Iterable[object]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Route) and "GET" in (route.methods or ()) and route.path not in STREAMS | ELSEWHERE:
            yield route.path


def fill_path(path: str, values: Values) -> str:
    """The address of a route with the values in it."""
    given = {**values.path, **values.of.get(path, {})}
    return _PART.sub(lambda part: quote(given.get(part[1], OTHER[0])), path)


def _queries(path: str, asked: Iterable[Mapping[str, Any]], values: Values) -> Iterator[str]:
    """None, each by itself, and each two; what must be said is said always."""
    names = [one["name"] for one in asked if one["name"] != "cursor"]
    if path.startswith(_REPLICA):  # every column is one to ask by: of one repository's rows, see docs/replica.md
        names = [name for name in names if name in {"since", "limit"}]
    said = {
        one["name"]: _choices(one["schema"]) or values.query.get(one["name"], OTHER)
        for one in asked
        if one["name"] in names
    }
    needed = {
        name: said[name][0] for name in names if any(one["name"] == name and one.get("required") for one in asked)
    }
    yield urlencode(needed)
    for name in names:
        for value in said[name]:
            yield urlencode({**needed, name: value})
    for one, other in combinations(names, 2):
        yield urlencode({**needed, one: said[one][0], other: said[other][0]})
        yield urlencode({**needed, one: said[one][-1], other: said[other][-1]})


def _find(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with those that it refers to in their place."""
    if "$ref" in schema:
        return dict(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {**schema, "anyOf": [_find(document, one) for one in schema.get("anyOf", ())]}


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What the description itself allows, where it says so."""
    kinds = [schema, *schema.get("anyOf", ())]
    if any(one.get("type") == "boolean" for one in kinds):
        return ("true",)
    found = (one.get("enum") or ([one["const"]] if "const" in one else ()) for one in kinds)
    return tuple(str(choice) for choices in found for choice in choices)
