"""`/api/v1/github/…`: the copy at GitHub's addresses, for those who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from hubwright.store import schema
from hubwright.store.replica_reading import PLACES
from hubwright.store.tokens import keep_token
from hubwright.web.api.replica import ReplicaReads
from hubwright.web.gate import Gate
from served import NOW, Served, served_site

BIG = 2**53 + 1


class Copy:
    """A served site with a public and a private repository, asked by role."""

    def __init__(self, site: Served) -> None:
        self.site = site
        self._tokens = {role: self._make_token(role) for role in ("read", "write", "builder")}

    def _make_token(self, role: str) -> str:
        return self.site.site.database.write(
            lambda connection: keep_token(connection, f"of {role}", name=role, role=role, now=NOW)
        )

    def ask(self, path: str, role: str | None = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._tokens[role]}"} if role else {}
        return self.site.client.get(f"/api/v1/github{path}", headers=headers)

    def items(self, path: str, role: str | None = None) -> list[dict[str, Any]]:
        answer = self.ask(path, role)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    with served_site(tmp_path) as site:
        keep = site.rows.keep
        for number, name, private in ((1, "octo/open", False), (2, "octo/secret", True), (3, "octo/half", None)):
            keep(schema.gh_repository, {
                "id": number, "full_name": name, "owner_login": "Octo", "private": private, "raw": {"id": number},
                "last_replicated_via_api_at": NOW,
            })  # fmt: skip
            pull = {"id": BIG + number, "repository_id": number, "number": 5, "state": "open", "updated_at": NOW}
            keep(schema.gh_pull_request, pull)
            keep(schema.gh_pull_request_file, {"pull_request_id": BIG + number, "filename": "a b.c"})
            keep(schema.gh_branch, {"repository_id": number, "name": "feature/é", "sha": "a" * 40})
            keep(schema.gh_user_repository, {"user_id": 9, "repository_id": number, "admin": True})
        for number in range(1, 8):
            state = "open" if number % 2 else "closed"
            gone = NOW if number == 7 else None
            issue = {"id": 100 + number, "repository_id": 1, "number": number, "state": state, "deleted_at": gone}
            keep(schema.gh_issue, issue)
        keep(schema.gh_label, {"id": 50, "repository_id": 1, "name": "bug"})
        keep(schema.gh_issue_label, {"issue_id": 101, "label_id": 50, "repository_id": 1, "label_name": "bug"})
        keep(schema.gh_user, {"id": 9, "login": "Ada"})
        keep(schema.gh_organization, {"id": 10, "login": "Octo"})
        keep(schema.gh_organization_member, {"organization_id": 10, "user_id": 9, "user_login": "Ada"})
        yield Copy(site)


def test_a_row_is_given_by_githubs_own_names(copy: Copy) -> None:
    """Names do not mind capitals, ids have 64 bits, times are RFC 3339; the merge's own column is not shown."""
    found = copy.ask("/repos/Octo/OPEN/pulls/5").json()

    assert (found["id"], found["state"], found["updated_at"]) == (BIG + 1, "open", "2026-09-21T14:13:20.000000Z")
    assert not {"raw", "versions"} & set(found)
    assert copy.ask("/repos/octo/open").json()["last_replicated_at"] == "2026-09-21T14:13:20.000000Z"
    assert copy.ask("/users/ada").json()["id"] == 9
    assert copy.ask("/repos/octo/open/branches/feature/é").json()["sha"] == "a" * 40
    assert [one["filename"] for one in copy.items("/repos/octo/open/pulls/5/files")] == ["a b.c"]
    assert [one["label_name"] for one in copy.items("/repos/octo/open/issues/1/labels")] == ["bug"]


def test_lists_have_pages_and_filters_and_leave_out_the_deleted(copy: Copy) -> None:
    """Every page follows from the one before, whatever is filtered."""
    assert [one["number"] for one in copy.items("/repos/octo/open/issues")] == [6, 5, 4, 3, 2, 1]
    assert [one["number"] for one in copy.items("/repos/octo/open/issues?deleted=1")] == [7, 6, 5, 4, 3, 2, 1]
    assert [one["number"] for one in copy.items("/repos/octo/open/issues?state=closed")] == [6, 4, 2]
    seen, path = [], "/repos/octo/open/issues?state=open&limit=2"
    while path:
        answer = copy.ask(path)
        seen.append([one["number"] for one in answer.json()["items"]])
        path = answer.links["next"]["url"].partition("/github")[2] if "next" in answer.links else ""
    assert seen == [[5, 3], [1]]
    assert copy.ask("/repos/octo/open/issues/7").status_code == 404
    assert copy.ask("/repos/octo/open/issues/7?deleted=1").status_code == 200


@pytest.mark.parametrize("role", [None, "read", "builder"])
def test_what_is_private_is_not_there_for_others(copy: Copy, role: str | None) -> None:
    """Not "forbidden", which would tell that there is something; not yet told counts as private."""
    hidden = [
        *(f"/repos/octo/{name}{path}" for name in ("secret", "half") for path in ("", "/pulls", "/pulls/5/files")),
        "/repos/octo/open/collaborators", "/repos/octo/open/hooks", "/orgs/octo/members", "/orgs/octo/teams",
    ]  # fmt: skip
    answers = {path: copy.ask(path, role).status_code for path in hidden}

    if role == "builder":
        assert set(answers.values()) == {403}
        return
    assert answers == dict.fromkeys(hidden, 404)
    assert copy.ask("/repos/octo/nothing", role).text == copy.ask("/repos/octo/half/pulls", role).text
    assert [one["full_name"] for one in copy.items("/repos", role)] == ["octo/open"]
    assert [one["full_name"] for one in copy.items("/repos?private=true", role)] == []
    assert [one["full_name"] for one in copy.items("/orgs/octo/repos", role)] == ["octo/open"]
    assert copy.ask("/repos/octo/open?raw=1", role).status_code in {401, 403}


def test_who_may_write_sees_what_is_private(copy: Copy) -> None:
    """The same role that reads bodies of deliveries."""
    assert copy.ask("/repos/octo/secret/pulls/5", "write").json()["id"] == BIG + 2
    assert [one["id"] for one in copy.items("/repos", "write")] == [3, 2, 1]
    assert [one["user_id"] for one in copy.items("/repos/octo/half/collaborators", "write")] == [9]
    assert [one["user_login"] for one in copy.items("/orgs/OCTO/members", "write")] == ["Ada"]
    assert copy.ask("/repos/octo/open?raw=1", "write").json()["raw"] == {"id": 1}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/repos/octo/open/issues?stat=open", 422),
        ("/repos/octo/open/issues?versions=1", 422),
        ("/repos/octo/open/issues?number=x", 422),
        ("/repos/octo/open/issues?id=99999999999999999999", 422),
        ("/repos/octo/open/issues?locked=maybe", 422),
        ("/repos/octo/open/issues?limit=0", 422),
        ("/repos/octo/open/issues?since=yesterday", 422),
        ("/repos/octo/open/issues?updated=2026-01-01", 422),
        ("/repos/octo/open/issues?since=2999-01-01T00:00:00Z", 200),
        ("/repos/octo/open/issues?since=2999-01-01T00:00:00%2B01:00", 200),
        ("/repos/octo/open/issues?cursor=x", 422),
        ("/repos/octo/open/issues?state=%00", 422),
        ("/repos/octo/open/issues/99999999999999999999", 404),
        ("/repos/octo/open/branches/%00", 404),
        ("/repos/octo/open'--/issues", 404),
        ("/repos/octo/open/issues?state=open'%20OR%201=1--", 200),
    ],
)
def test_odd_questions_are_refused_in_a_sentence(copy: Copy, path: str, status: int) -> None:
    """Names and values from outside are data."""
    answer = copy.ask(path)

    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["items"] == []


def test_every_address_answers(copy: Copy) -> None:
    """Each row of the table of addresses leads to a query that both roles may ask."""
    values = {"owner": "octo", "repo": "open", "number": "1", "id": "1", "sha": "a" * 40, "name": "x", "login": "ada",
              "org": "octo"}  # fmt: skip
    for address, place in PLACES.items():
        answer = copy.ask(address.format_map(values), "write")
        allowed = {200, 404} if place.one or "pulls/{number}/files" in address else {200}
        assert answer.status_code in allowed, (address, answer.text)


def test_a_name_that_was_taken_over_leads_to_the_newer_repository(copy: Copy) -> None:
    """Ids are the identity: after a rename another repository may have the old name."""
    row = {"id": 99, "full_name": "octo/open", "private": False, "last_replicated_via_webhook_at": NOW + 5}
    copy.site.rows.keep(schema.gh_repository, row)

    assert copy.ask("/repos/octo/open").json()["id"] == 99
    assert copy.items("/repos/octo/open/issues") == []


def test_the_apis_document_describes_every_filter(copy: Copy) -> None:
    """Times as times, numbers as numbers; nothing that is refused."""
    app = FastAPI()
    ReplicaReads(copy.site.site, Gate(copy.site.site)).make_router().add_to(app)
    paths = app.openapi()["paths"]
    issues = {one["name"]: one for one in paths["/github/repos/{owner}/{repo}/issues"]["get"]["parameters"]}
    assert issues["since"]["schema"] == {"type": "string", "format": "date-time"}
    assert "`updated_at` is at this time or later" in issues["updated_since"]["description"]
    assert (issues["number"]["schema"], issues["locked"]["schema"]) == ({"type": "integer"}, {"type": "boolean"})
    assert {"limit", "cursor", "deleted", "raw", "closed_before", "last_replicated_since"} <= set(issues)
    one = {each["name"] for each in paths["/github/repos/{owner}/{repo}/issues/{number}"]["get"]["parameters"]}
    assert one == {"owner", "repo", "number", "deleted", "raw"}
