"""Every list of the API comes in pages, whatever it is of, and refuses what is no page; on both databases.

The lists are those that the API's description shows, so one that is new is looked at without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from bench.depths import find_pull
from bench.seed import seed
from bench.seed_world import Size
from bench.walking import fill_path, make_values
from sqlalchemy import Table, create_engine, insert, text
from sqlalchemy.pool import NullPool

from hubwright.store import schema
from quiet_hub import open_whole_hub
from served import NOW
from tables import EMPTY, fresh_postgres

SIZE = Size(jobs=30, copies=120, builds=600)
ADMIN = {"Authorization": "Bearer the-admin-token-of-these-tests"}
SAID = {
    "/api/v1/commits": "repo=octo/app1",
    "/api/v1/folders": "parent=group0",
    "/api/v1/downloads": "job=j",
    "/api/v1/tests": "job=group0/team0/app1",
}
"""What must be said, and what leads to rows."""

CURSOR = {"/api/v1/facts": "after"}
"""Where the cursor has another name."""

SHORT = {
    "/api/v1/jobs/{path}/differences": "a definition's places are few",
    "/api/v1/folders/{path}/differences": "a definition's places are few",
    "/api/v1/builds/{build_id}/approval": "of one build",
    "/api/v1/builds/{build_id}/reports": "of one build",
    "/api/v1/downloads": "one for each platform",
    "/api/v1/search": "the best few",
}
"""Lists that are short by what they are of."""

COPY = "/api/v1/github/"
"""One function at many addresses, of which some have too few rows here to have a second page."""

ANY_TEXT = {"/api/v1/jobs", "/api/v1/folders", "/api/v1/builders", "/api/v1/hooks", "/api/v1/commits"} | {
    "/api/v1/runs/{run_id}/artifacts", "/api/v1/jobs/{path}", f"{COPY}repos/{{owner}}/{{repo}}/branches",
    f"{COPY}repos/{{owner}}/{{repo}}/commits", f"{COPY}repos/{{owner}}/{{repo}}/pulls/{{number}}/files",
}  # fmt: skip
"""Lists by name or path: whatever text comes before the next one is a cursor."""


@dataclass
class Lists:
    """A hub with some of everything, and the addresses of its lists."""

    client: httpx2.Client
    document: dict[str, Any]
    addresses: dict[str, str]

    def get(self, address: str, **query: Any) -> httpx2.Response:
        return (
            self.client.get(address, params=query, headers=ADMIN) if query else self.client.get(address, headers=ADMIN)
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lists(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    folder = tmp_path_factory.mktemp("lists")
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/hubwright.db"
        if request.param == "postgresql":
            url = stack.enter_context(fresh_postgres("postgresql", EMPTY))
        seed(url, SIZE, say=lambda _: None)
        run, sha, pull = _pick(url)
        _add_rows(url, run)
        flags = {"database_url": url, "admin_token": ADMIN["Authorization"][7:], "access.requests_per_minute": "100000"}
        hub = stack.enter_context(open_whole_hub(folder, **flags))
        for value in "abc":
            body = {"environment": {"A": value}}
            assert hub.client.patch("/api/v1/folders/group0", json=body, headers=ADMIN).is_success
        document = hub.client.get("/openapi.json").json()
        values = make_values(SIZE.builds, run, sha, pull)
        values = replace(values, of={**values.of, "/api/v1/folders/{path}/versions": {"path": "group0"}})
        paths = [path for path, told in document["paths"].items() if "get" in told and _is_list(path, told["get"])]
        addresses = {path: f"{fill_path(path, values)}?{SAID.get(path, '')}".rstrip("?") for path in paths}
        addresses["/api/v1/jobs/{path}"] = "/api/v1/jobs/group0"
        yield Lists(hub.client, document, addresses)


def _pick(url: str) -> tuple[int, str, int]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        query = text("SELECT artifact.run_id, build.sha FROM artifact JOIN build ON build.id = :build LIMIT 1")
        run, sha = connection.execute(query, {"build": SIZE.builds // 2}).one()
        return run, sha, find_pull(connection)


def _add_rows(url: str, run: int) -> None:
    """Of what there are too few to turn a page."""
    when = {"created_at": NOW, "updated_at": NOW}
    sealed = {"key_id": "k", "sealed": "s", "created_by": "ann", "updated_by": "ann", **when}
    file = {"run_id": run, "sha": "a" * 40, "platform": "linux", "size": 1, "sha256": "b" * 64, "kept_at": NOW}
    case = {"run_id": run, "suite": "s", "classname": "c", "result": "passed"}
    session = {"name": "read", "role": "session", "created_at": NOW, "expires_at": NOW + 1e9}
    search = {
        "job_id": 1,
        "platform": "linux",
        "matrix": {},
        "ref": "main",
        "bad": "c" * 40,
        "commits": [],
        "targets": [],
    }
    search |= {"findings": [], "state": "cancelled", "max_builds": 9, "next_try_at": NOW, "created_at": NOW}
    told = {"reporter": "statuses", "fact_id": 1, "body": {}, "state": "failed", "error": "no", "next_try_at": NOW}
    added: dict[Table, list[dict[str, Any]]] = {
        schema.secret: [{"scope": scope, "name": name, **sealed} for scope in ("", "a:b/c") for name in ("A", "B")],
        schema.artifact: [{**file, "path": path} for path in ("x.txt", "y.txt", "z.txt")],
        schema.test_case: [{**case, "position": 900 + at, "name": f"t{at}"} for at in range(3)],
        schema.token: [{**session, "hash": f"{at:064x}"} for at in range(3)],
        schema.bisection: [search] * 3,
        schema.report: [{**told, "target": f"octo/app{at} main"} for at in range(3)],
    }
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for table, rows in added.items():
            connection.execute(insert(table), rows)


def _is_list(path: str, operation: dict[str, Any]) -> bool:
    shown = [
        kind.get("example") for told in operation["responses"].values() for kind in told.get("content", {}).values()
    ]
    return path.startswith("/api/v1/") and any(isinstance(one, dict) and "items" in one for one in shown)


def test_every_list_says_how_it_is_paged(lists: Lists) -> None:
    """`limit` and a cursor, but for those that are short; and what each parameter of the API is for."""
    assert len(lists.addresses) > 50
    lacking, silent = [], []
    for path, methods in lists.document["paths"].items():
        told = [one for one in methods.get("get", {}).get("parameters", ()) if one["in"] == "query"]
        silent += [f"{path} {one['name']}" for one in told if not one.get("description")]
        if path in lists.addresses and path not in SHORT:
            lacking += [path] if {"limit", CURSOR.get(path, "cursor")} - {one["name"] for one in told} else []
    assert (lacking, silent) == ([], [])


def test_every_page_leads_to_the_next(lists: Lists) -> None:
    """Pages of one, by their Link, are what one page of all of it is: nothing twice and nothing left out."""
    wrong, seldom = [], set()
    for path, address in lists.addresses.items():
        if path in SHORT:
            continue
        whole = lists.get(address)
        assert whole.status_code == 200, (path, whole.text)
        items = whole.json()["items"][:4]
        if len(items) < 2:
            seldom.add(path)
        found: list[Any] = []
        page = lists.get(f"{address}{'&' if '?' in address else '?'}limit=1")
        while page.json()["items"]:
            found += page.json()["items"]
            link = page.links.get("next")
            if len(found) == len(items) or link is None:
                break
            page = lists.get(_path_of(link))
        if [_name(one) for one in found] != [_name(one) for one in items]:
            wrong.append((path, [_name(one) for one in found], [_name(one) for one in items]))
    assert not wrong
    assert not ", ".join(path for path in seldom if not path.startswith(COPY))


def _path_of(link: dict[str, str]) -> str:
    return "/" + link["url"].split("/", 3)[3]


def _name(item: dict[str, Any]) -> Any:
    """What tells one item from another, however time goes on."""
    return [item[key] for key in ("id", "run", "number", "path", "name", "sha", "listing", "scope") if key in item]


def test_what_is_no_page_is_refused(lists: Lists) -> None:
    """With a problem that names the parameter; and no page has more than 200."""
    wrong = []
    for path, address in lists.addresses.items():
        if path in SHORT:
            continue
        cursor = CURSOR.get(path, "cursor")
        bad = [("limit", "0"), ("limit", "-1"), ("limit", "many"), (cursor, "x" * 1200)]
        bad += [] if path in ANY_TEXT else [(cursor, "none of it")]
        for name, value in bad:
            answer = lists.get(f"{address}{'&' if '?' in address else '?'}{name}={value}")
            errors = answer.json().get("errors", [])
            if answer.status_code not in {400, 422} or not any(one.get("parameter") == name for one in errors):
                wrong.append((path, name, value, answer.status_code, errors))
        most = lists.get(f"{address}{'&' if '?' in address else '?'}limit=100000")
        assert len(most.json()["items"]) <= 200
        nul = lists.get(f"{address}{'&' if '?' in address else '?'}{cursor}=%00")
        assert nul.status_code in {200, 400, 422}, (path, nul.text)
    assert not wrong, "\n".join(map(str, wrong))


def test_the_documentation_names_every_filter(lists: Lists) -> None:
    """docs/api.md has them by list; those of the copy are its columns."""
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    lacking = []
    for path in lists.addresses:
        name = re.sub(r"\{[^}]+\}", "ID", path.removeprefix("/api/v1/"))
        told = lists.document["paths"][path]["get"].get("parameters", ())
        filters = {one["name"] for one in told if one["in"] == "query"} - {"limit", "cursor"}
        if path not in SHORT and not path.startswith(COPY):
            lacking += [f"{name} {one}" for one in filters if f"`{one}`" not in rows.get(name, "")]
    assert not lacking
