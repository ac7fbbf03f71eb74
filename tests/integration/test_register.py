"""System 3's doors: register a repository, list the builds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from git_repositories import GitRepository
from hub_parts import rows
from hubwright.hub.addresses import AddressRules
from hubwright.store import schema
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.register import make_register_routes, read_status
from hubwright.web.site import Site
from served import make_site, make_wishes, serve

TABLES = (schema.job, schema.build, schema.delivery, schema.fact)


@dataclass
class Door:
    site: Site
    folder: Path
    client: httpx2.Client

    def post(self, document: Any, **options: Any) -> httpx2.Response:
        return self.client.post("/builds/register", json=document, **options)

    def written(self) -> int:
        return sum(len(rows(self.site.database, table)) for table in TABLES)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A hub on loopback that builds from bare repositories at `tmp_path`/OWNER/NAME.git."""
    with make_site(tmp_path, anonymous_register=True) as site, make_wishes(site, tmp_path) as wishes:
        rules = AddressRules(clone_base=f"file://{tmp_path}", protocols=("https",))
        routes = make_register_routes(site, Gate(site), wishes, rules)
        handlers: Any = PROBLEM_HANDLERS
        with serve(Starlette(routes=routes, exception_handlers=handlers)) as url, httpx2.Client(base_url=url) as client:
            yield Door(site, tmp_path, client)


@pytest.fixture
def head(door: Door) -> str:
    return GitRepository(door.folder / "octo" / "hello.git").commit({"Makefile": "all:\n"})


def test_a_registered_repository_is_built_once(door: Door, head: str) -> None:
    """The same answer however often one asks, until there is a new commit."""
    url = f"file://{door.folder}/octo/hello"
    first = door.post({"git_repository_url": url})
    assert first.status_code == 200
    document = first.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", document.pop("created_at"))
    assert document == {"build_id": 1, "git_repository_url": url, "commit_hash": head, "build_status": "QUEUED"}
    assert door.post({"git_repository_url": url}).json() == first.json()
    listed = door.client.get("/builds").json()
    assert listed == [first.json()]


def test_builds_are_listed_newest_first_each_as_it_was_answered(door: Door, head: str) -> None:
    """System 3 gave the first ten of an unordered list."""
    answers = [door.post({"git_repository_url": f"file://{door.folder}/octo/hello"}).json()]
    for name in ("other", "third"):
        GitRepository(door.folder / "octo" / f"{name}.git").commit({"Makefile": "all:\n"})
        answers.append(door.post({"git_repository_url": f"file://{door.folder}/octo/{name}"}).json())
    assert door.client.get("/builds").json() == answers[::-1]


@pytest.mark.parametrize(
    ("document", "status"),
    [({}, 422), ([], 422), (None, 400), ({"git_repository_url": ""}, 400), ({"git_repository_url": "  "}, 400),
     ({"git_repository_url": 7}, 422), ({"git_repository_url": "x" * 3000}, 422), ({"git_repository_url": None}, 422),
     ({"git_repository_url": "nonsense"}, 400),
     ({"git_repository_url": "ext::sh -c id"}, 401),  # a command, by nobody known
     ({"git_repository_url": "file:///etc/o/n"}, 422), ({"git_repository_url": "https://127.0.0.1/o/n"}, 422),
     ({"git_repository_url": "https://169.254.169.254/o/n"}, 422),
     ({"git_repository_url": "http://example.org/o/n"}, 422),
     ({"git_repository_url": "BASE/octo/hello", "branch": "gone"}, 422),
     ({"git_repository_url": "BASE/octo/hello", "branch": "a..b"}, 400),
     ({"git_repository_url": "BASE/octo/hello", "branch": 7}, 422),
     ({"git_repository_url": "BASE/octo"}, 422), ({"git_repository_url": "BASE/octo/away"}, 502)],
)  # fmt: skip
def test_every_refusal_is_a_problem_and_writes_nothing(door: Door, head: str, document: Any, status: int) -> None:
    if isinstance(document, dict) and isinstance(document.get("git_repository_url"), str):
        url = document["git_repository_url"].replace("BASE", f"file://{door.folder}")
        document = document | {"git_repository_url": url}
    answer = door.post(document)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["status"] == status
    assert "Traceback" not in answer.text
    assert door.written() == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken_because_a_page_can_not_send_it_unasked(door: Door, head: str, kind: str) -> None:
    """S33: a form of another site reaches a hub on loopback."""
    body = f'{{"git_repository_url": "file://{door.folder}/octo/hello"}}'.encode()
    answer = door.client.post("/builds/register", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert door.written() == 0


def test_a_blank_address_is_answered_in_system_3s_words(door: Door) -> None:
    """400 and `Url may not be blank`; what is not there at all is 422, and both say where."""
    for url in ("", "  "):
        answer = door.post({"git_repository_url": url})
        assert (answer.status_code, answer.json()["detail"][:20]) == (400, "Url may not be blank")
    missing = door.post({}).json()
    assert (missing["status"], missing["errors"][0]["pointer"]) == (422, "#/git_repository_url")


def test_a_large_body_is_refused(door: Door) -> None:
    assert door.post({"git_repository_url": "x" * 100_000}).status_code == 413


def test_a_rebound_name_and_a_wrong_token_are_refused(door: Door, head: str) -> None:
    document = {"git_repository_url": f"file://{door.folder}/octo/hello"}
    assert door.post(document, headers={"Host": "evil.example.org"}).status_code == 403
    assert door.post(document, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert door.written() == 0
    assert door.post(document, headers={"Authorization": "Bearer admin-secret"}).status_code == 200


@pytest.mark.parametrize(
    ("state", "result", "word"),
    [("queued", None, "QUEUED"), ("running", None, "RUNNING"), ("finished", "success", "SUCCEEDED"),
     ("finished", "skip", "SUCCEEDED"), ("finished", "failure", "FAILED"), ("finished", "error", "FAILED"),
     ("finished", "cancellation", "FAILED"), ("finished", "timeout", "FAILED")],
)  # fmt: skip
def test_system_3s_words(state: str, result: str | None, word: str) -> None:
    assert read_status(state, result) == word
