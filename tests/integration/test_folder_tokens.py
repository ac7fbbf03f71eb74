"""What a token with folders may do there: secrets, links and approvals of its own, and no repository but its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from door_requests import FOLDER, INSIDE, OUTSIDE, seed
from hubwright.store.tokens import keep_token
from quiet_hub import WholeHub, open_whole_hub

OWN, OTHER = f"octo/r{INSIDE.number}", f"octo/r{OUTSIDE.number}"


class Client:
    """Somebody with a token."""

    def __init__(self, hub: WholeHub, role: str, folders: list[str] | None = None) -> None:
        def keep(connection: Any) -> str:
            return keep_token(connection, f"{role}{folders}", name=role, role=role, now=1.0, folders=folders)

        self._client, self._token = hub.client, hub.hub.site.database.write(keep)

    def ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        sent = {} if body is None else {"json": body}
        return self._client.request(method, path, headers={"Authorization": f"Bearer {self._token}"}, **sent)

    def items(self, path: str) -> list[Any]:
        found: list[Any] = self.ask("GET", path).json()["items"]
        return found


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub")) as opened:
        seed(opened)
        yield opened


@pytest.fixture
def below(hub: WholeHub) -> Client:
    return Client(hub, "write", [FOLDER])


@pytest.fixture
def admin(hub: WholeHub) -> Client:
    return Client(hub, "admin")


def test_a_new_job_has_a_repository_that_one_below_has_already(below: Client, admin: Client) -> None:
    """Else a token for one folder would have anything built that the hub can reach; nobody else is bounded so."""
    elsewhere = "https://example.org/octo/r1"
    for at, definition in enumerate(
        [
            {"repository": OTHER}, {"repository": "evil/elsewhere"}, {"clone_url": elsewhere},
            {"repository": OWN, "clone_url": elsewhere},
        ]
    ):  # fmt: skip
        path = f"/api/v1/jobs/{FOLDER}/new{at}"
        answer = below.ask("PUT", path, definition)
        assert (answer.status_code, "below team/sub" in answer.text) == (422, True)
        assert below.ask("GET", path).status_code == 404
    for repository in (OWN, OWN.upper()):
        assert below.ask("PUT", f"/api/v1/jobs/{FOLDER}/{repository[-2:]}", {"repository": repository}).is_success
    assert admin.ask("PUT", f"/api/v1/jobs/{FOLDER}/new", {"clone_url": elsewhere}).status_code == 201


def test_a_job_that_is_there_gets_no_other_repository_either(below: Client, admin: Client) -> None:
    """By no way: PUT, PATCH, or an older version; what it has stays, and all else may change."""
    path = f"/api/v1/jobs/{INSIDE.path}"
    assert below.ask("PATCH", path, {"timeout": 77}).is_success
    assert below.ask("PATCH", path, {"repository": OTHER}).status_code == 422
    assert below.ask("PUT", path, {"repository": "evil/elsewhere"}).status_code == 422
    assert admin.ask("PUT", path, {"repository": OTHER}).is_success
    version = below.ask("GET", path).json()["version"]
    assert admin.ask("PUT", path, {"repository": OWN}).is_success
    assert below.ask("POST", f"{path}/versions/{version}/restore").status_code == 422
    assert below.ask("PUT", path, {"title": "Mine"}).is_success


def test_links_to_jobs_below(below: Client, admin: Client) -> None:
    """Links to other jobs are not there, nor does one of ours take their place."""
    mine, other = f"/api/v1/links/{OWN}/branch", f"/api/v1/links/{OTHER}/branch"
    assert admin.ask("PUT", other, {"job": OUTSIDE.path}).status_code == 201
    assert below.ask("PUT", mine, {"job": INSIDE.path}).status_code == 201
    assert [one["job"] for one in below.items("/api/v1/links")] == [INSIDE.path]
    assert len(admin.items("/api/v1/links")) == 2
    assert below.ask("GET", f"/api/v1/links?job={OUTSIDE.path}").status_code == 404
    refused = [
        below.ask("GET", other), below.ask("DELETE", other), below.ask("PUT", other, {"job": INSIDE.path}),
        below.ask("PUT", mine, {"job": OUTSIDE.path}),
        below.ask("PUT", "/api/v1/links/evil/elsewhere/branch", {"job": INSIDE.path}),
    ]  # fmt: skip
    assert [one.status_code for one in refused] == [404] * 5
    assert below.ask("GET", mine).json()["job"] == INSIDE.path
    assert below.ask("DELETE", mine).status_code == 204
    assert [one["job"] for one in admin.items("/api/v1/links")] == [OUTSIDE.path]


def test_secrets_of_folders_and_jobs_below(below: Client, admin: Client) -> None:
    """Set, listed and removed there; of the others not even the names are told."""
    for query in ("", "?folder=team", f"?job={OUTSIDE.path}"):
        assert admin.ask("PUT", f"/api/v1/secrets/THEIRS{query}", {"value": "a-long-secret"}).is_success
        assert below.ask("PUT", f"/api/v1/secrets/MINE{query}", {"value": "a-long-secret"}).status_code in {403, 404}
        assert below.ask("DELETE", f"/api/v1/secrets/THEIRS{query}").status_code in {403, 404}
    for query in (f"?folder={FOLDER}", f"?job={INSIDE.path}"):
        assert below.ask("PUT", f"/api/v1/secrets/MINE{query}", {"value": "a-long-secret"}).status_code == 201
    assert len(admin.items("/api/v1/secrets")) == 5
    for query in ("", f"?job={INSIDE.path}"):
        assert [one["scope"] for one in below.items(f"/api/v1/secrets{query}")] == [FOLDER, INSIDE.path]
    assert below.items("/api/v1/secrets?folder=team") == []
    assert below.ask("DELETE", f"/api/v1/secrets/MINE?folder={FOLDER}").status_code == 204


def test_builds_below_are_listed_and_approved(below: Client, hub: WholeHub) -> None:
    """System 3's list shows only these; a build that waits for nothing is another answer than one that is not there."""
    (listed,) = below.ask("GET", "/builds").json()
    assert listed["build_id"] == INSIDE.number
    seen = {"sha": f"{INSIDE.number:040x}"}
    assert below.ask("POST", f"/api/v1/builds/{INSIDE.number}/approve", seen).status_code == 409
    assert below.ask("POST", f"/api/v1/builds/{OUTSIDE.number}/approve", seen).status_code == 404
    assert below.ask("POST", "/builds/register", {"git_repository_url": "https://github.com/a/b"}).status_code == 404
