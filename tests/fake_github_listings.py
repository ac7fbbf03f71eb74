"""Any listing of the fake GitHub: pages by number or by cursor, filters, single records, faults at one address.

    issues = github.list_at("/repos/octo/hello/issues", [issue(n) for n in range(1, 251)], by="number")
    issues.items.pop()

Links lead to /repositories/{id} as GitHub's do; ETags, tokens and limits are those of every other address.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import Fault, RefusalError, State, reply

NO_NUMBERS = (
    "Pagination with the page parameter is not supported for large datasets, please use cursor based pagination"
)


@dataclass
class FakeListing:
    """What is listed at one address. `by` is the key under which each item has an address of its own.

    With `cursor` there are no numbers of pages; from page `refuses_from` on they are told, and refused. Of a `bare` one
    the address of an item only tells that it is there.
    """

    items: list[dict[str, Any]]
    by: str | None = None
    wrapper: str | None = None
    cursor: bool = False
    refuses_from: int | None = None
    bare: bool = False

    def find(self, key: str) -> dict[str, Any]:
        """One item. Raises RefusalError 404."""
        for item in self.items:
            if self.by is not None and str(item.get(self.by)) == key:
                return item
        raise RefusalError(404, "Not Found")

    def choose(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """The items that a query asks for, in its order."""
        items = list(self.items)
        has_state = bool(items) and items[0].get("state") in {"open", "closed"}
        if has_state and (state := query.get("state", "open")) != "all":
            items = [item for item in items if item["state"] == state]
        if since := query.get("since"):
            items = [item for item in items if item.get("updated_at", "9") >= since]
        if sort := query.get("sort"):
            items.sort(key=lambda item: str(item.get(f"{sort}_at", "")), reverse=query.get("direction") != "asc")
        return items


@dataclass
class Listings:
    """All that is listed, by address below the API's; `broken` are faults by a part of the address, in their order."""

    at: dict[str, FakeListing] = field(default_factory=dict)
    single: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, deque[Fault]] = field(default_factory=dict)


def is_listed(state: State, request: Request) -> bool:
    """Whether a test has put something at the address; that goes before all else."""
    listings = state.listings
    path = _name_path(state, request.url.path.removeprefix("/api/v3"))
    return request.method == "GET" and (
        path in listings.single or path in listings.at or path.rpartition("/")[0] in listings.at or "/compare/" in path
    )


async def get_listed(state: State, request: Request) -> Response:
    """Answer from what a test has put at the address. Raises RefusalError."""
    listings = state.listings
    path = _name_path(state, request.url.path.removeprefix("/api/v3"))
    asked = f"{path}?{request.url.query}"
    for part, faults in listings.broken.items():
        if part in asked and faults:
            fault = faults.popleft()
            return reply(fault.body, fault.status, fault.headers)
    if path in listings.single:
        return reply(listings.single[path])
    if path in listings.at:
        return _answer_page(state, request, listings.at[path], path)
    above, _, key = path.rpartition("/")
    if above in listings.at:
        found = listings.at[above].find(key)
        return Response(status_code=204) if listings.at[above].bare else reply(found)
    if "/compare/" in path:
        return await asyncio.to_thread(_compare, state, request, path)
    raise RefusalError(404, "Not Found")


def _compare(state: State, request: Request, path: str) -> Response:
    """GET …/compare/{base}...{head}: what the head has and the base has not, oldest first."""
    _, _, owner, name, _, asked = path.split("/", 5)
    repository = state.repository(owner, name)
    base, head = (repository.find("main" if one == "HEAD" else one) for one in asked.split("..."))
    if base is None or head is None:
        raise RefusalError(404, "Not Found")
    commits = repository.log([head, f"^{base}"]) if base != head else []
    items = [repository.describe_for_api(commit) for commit in reversed(commits)]
    return _answer_page(state, request, FakeListing(items, wrapper="commits"), path)


def _name_path(state: State, path: str) -> str:
    """The address with the repository's name, however it was asked for."""
    if not path.startswith("/repositories/"):
        return path
    number, _, rest = path.removeprefix("/repositories/").partition("/")
    for repository in state.repositories.values():
        if str(repository.id) == number:
            return f"/repos/{repository.full_name}/{rest}".rstrip("/")
    return path


def _number_path(state: State, path: str) -> str:
    """The address with the repository's number, where it is one of a repository."""
    parts = path.split("/", 4)
    if parts[1] != "repos" or len(parts) < 5:
        return path
    return f"/repositories/{state.repository(parts[2], parts[3]).id}/{parts[4]}"


def _answer_page(state: State, request: Request, listing: FakeListing, path: str) -> Response:
    query = dict(request.query_params)
    items = listing.choose(query)
    size = min(int(query.get("per_page", 30)), 100)
    number = int(query.get("page", 1))
    if "page" in query and (listing.cursor or number >= (listing.refuses_from or number + 1)):
        raise RefusalError(422, NO_NUMBERS)
    start = int(query["after"]) if "after" in query else (number - 1) * size
    last = max(1, -(-len(items) // size))
    links: dict[str, dict[str, Any]] = {}
    if start + size < len(items):
        numbered = not listing.cursor and "after" not in query
        links["next"] = {"page": number + 1} if numbered else {"after": start + size}
        if numbered:
            links["last"] = {"page": last}
    if listing.refuses_from is not None and number == 1 and "next" in links and "after" not in query:
        links["next"] = {"after": size}
    base = f"{str(request.base_url).rstrip('/')}/api/v3{_number_path(state, path)}"
    kept = {name: value for name, value in query.items() if name not in {"page", "after"}}
    link = ", ".join(f'<{base}?{urlencode(kept | more)}>; rel="{name}"' for name, more in links.items())
    shown = items[start : start + size]
    body: Any = {"total_count": len(items), listing.wrapper: shown} if listing.wrapper else shown
    return reply(body, headers={"link": link} if link else {})
