"""Rows compared with the payloads themselves: a reader of its own finds in them what each table must have.

It knows of our readers nothing but the contract: columns have the names of GitHub's fields, accounts are `…_id` and
`…_login`, and what is nested has rows too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from hubwright.domain.replica_merge import Row, merge
from hubwright.github.records import read_delivery
from hubwright.store.moments import Moment
from hubwright.store.schema import metadata
from payload_corpus import all_payloads, other_payloads

CAME = 1_800_000_000.0
Doc = dict[str, Any]
Told = tuple[str, tuple[Any, ...], Doc]

OURS = frozenset({"labels", "assignees", "requested_reviewers", "requested_teams", "parents", "raw", "versions"})
"""Columns that have GitHub's names and less than GitHub's lists."""

ABOUT = {
    "issue_comment": ("comment", "issue_comment"), "pull_request_review_comment": ("comment", "review_comment"),
    "commit_comment": ("comment", "commit_comment"), "pull_request_review": ("review", "review"),
    "release": ("release", "release"), "check_run": ("check_run", "check_run"), "team": ("team", "team"),
    "check_suite": ("check_suite", "check_suite"), "ping": ("hook", "hook"), "meta": ("hook", "hook"),
    "installation": ("installation", "installation"), "installation_repositories": ("installation", "installation"),
    "label": ("label", "label"), "milestone": ("milestone", "milestone"), "fork": ("forkee", "repository"),
}  # fmt: skip
"""Where an event has what it is about, and in which table that is."""

KNOWN = {*ABOUT, "push", "create", "delete", "pull_request", "issues", "repository", "status", "membership", "star",
         "organization", "member", "public", "merge_group"}  # fmt: skip


def columns_of(kind: str, doc: Doc) -> Doc:
    """What the columns must have that bear the names of the document's fields."""
    columns, told = metadata.tables[f"gh_{kind}"].c, {}
    for name, value in doc.items():
        if name in columns and name not in OURS and not columns[name].primary_key:
            is_time = isinstance(columns[name].type, Moment) and isinstance(value, str)
            told[name] = datetime.fromisoformat(value).timestamp() if is_time else value
        elif f"{name}_login" in columns and (value is None or "login" in value):
            told |= {f"{name}_id": value and value["id"], f"{name}_login": value and value["login"]}
    return told


def people_in(value: Any) -> Iterator[Told]:
    """Every account that is anywhere in it. In a push the `name` is the login."""
    if isinstance(value, dict):
        if "login" in value and value.get("type") in {"User", "Bot", "Organization"} and value.get("id"):
            kind = "organization" if value["type"] == "Organization" else "user"
            known = {name: told for name, told in value.items() if name not in {"name", "email"}}
            yield kind, (value["id"],), columns_of(kind, known)
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from people_in(inner)


def rows_in(event: str, payload: Doc) -> Iterator[Told]:
    """All that the delivery must leave."""
    repository, organization = payload.get("repository") or {}, payload.get("organization") or {}
    here = {"repository_id": repository["id"]} if repository else {}
    if organization:
        yield "organization", (organization["id"],), columns_of("organization", organization)
    if repository:
        yield "repository", (repository["id"],), columns_of("repository", repository)
    if event not in KNOWN:
        return
    yield from people_in(payload)
    yield from threads_in(event, payload, here)
    if event in ABOUT:
        name, kind = ABOUT[event]
        doc = payload[name]
        told = columns_of(kind, doc) | (here if kind not in {"repository", "installation", "team"} else {})
        if kind == "review":
            told["state"] = told["state"].upper()
        yield kind, (doc["id"],), told
    yield from code_in(event, payload, here)
    yield from belongings_in(event, payload, here)


def threads_in(event: str, payload: Doc, here: Doc) -> Iterator[Told]:
    """Issues and pull requests with their labels, milestones, repositories."""
    issue, pull = payload.get("issue") or {}, payload.get("pull_request") or {}
    for thing, kind in ((issue, "issue"), (pull, "pull_request")):
        if not thing or event not in KNOWN or "title" not in thing:
            continue
        for label in thing.get("labels") or []:
            if "id" in label:
                yield "label", (label["id"],), columns_of("label", label) | here
        if thing.get("milestone"):
            yield "milestone", (thing["milestone"]["id"],), columns_of("milestone", thing["milestone"]) | here
        if not (kind == "issue" and thing.get("pull_request")):
            yield kind, (thing["id"],), columns_of(kind, thing) | here
    for side in ("head", "base") if "title" in pull else ():
        end = pull[side]
        yield "pull_request", (pull["id"],), {f"{side}_ref": end["ref"], f"{side}_sha": end["sha"]}
        if end["repo"]:
            yield "repository", (end["repo"]["id"],), columns_of("repository", end["repo"])
    for team in pull.get("requested_teams") or []:
        yield "team", (team["id"],), columns_of("team", team)


def code_in(event: str, payload: Doc, here: Doc) -> Iterator[Told]:
    """Commits, branches, statuses."""
    commits = [*(payload.get("commits") or []), payload.get("head_commit")] if event == "push" else []
    commits += [(payload.get(event) or {}).get("head_commit")] if event in {"check_suite", "merge_group"} else []
    for commit in filter(None, commits):
        author = commit["author"]
        told = {"message": commit["message"], "tree_sha": commit["tree_id"], "author_name": author["name"]}
        yield "commit", (here["repository_id"], commit["id"]), told
    if event == "push" and payload["ref"].startswith("refs/heads/"):
        name = payload["ref"].removeprefix("refs/heads/")
        yield "branch", (here["repository_id"], name), {"sha": None if payload["deleted"] else payload["after"]}
    if event in {"create", "delete"} and payload["ref_type"] == "branch":
        yield "branch", (here["repository_id"], payload["ref"]), {}
    if event == "status":
        own = {name: value for name, value in payload.items() if name not in {"repository", "organization", "sender"}}
        yield "status", (payload["id"],), columns_of("status", own) | here
        yield "commit", (here["repository_id"], payload["sha"]), {"message": payload["commit"]["commit"]["message"]}


def belongings_in(event: str, payload: Doc, here: Doc) -> Iterator[Told]:
    """Who belongs where."""
    member, team = payload.get("member") or {}, payload.get("team") or {}
    if event == "membership" and not team.get("deleted"):
        yield "team", (team["id"],), columns_of("team", team)
        yield "team_member", (team["id"], member["id"]), {"user_login": member["login"]}
    if event == "member":
        yield "user_repository", (member["id"], here["repository_id"]), {"user_login": member["login"]}
    if event == "star":
        yield "star", (payload["sender"]["id"], here["repository_id"]), columns_of("star", payload)
    if event == "organization" and payload["action"] in {"member_added", "member_removed"}:
        user = payload["membership"]["user"]
        yield "organization_member", (payload["organization"]["id"], user["id"]), {"user_login": user["login"]}
    for name in ("repositories", "repositories_added", "repositories_removed"):
        for each in payload.get(name) or [] if event.startswith("installation") else []:
            key = (payload["installation"]["id"], each["id"])
            yield "installation_repository", key, {"full_name": each["full_name"]}
            yield "repository", (each["id"],), columns_of("repository", each)


def rows_of(event: str, payload: Doc) -> dict[tuple[str, tuple[Any, ...]], Row]:
    """What the delivery leaves."""
    reading = read_delivery(event, payload, CAME)
    assert reading.left_out == ()
    rows: dict[tuple[str, tuple[Any, ...]], Row] = {}
    for record in reading.records:
        merge(rows.setdefault((record.kind, record.key), Row(record.kind)), record)
    return rows


@pytest.mark.parametrize("release", ["newest", "others"])
def test_each_row_has_exactly_what_its_payload_says(release: str) -> None:
    """1,110 payloads, of seven releases of @octokit/webhooks-examples and of GitHub Enterprise Server."""
    compared = 0
    for event, payload in all_payloads() if release == "newest" else other_payloads():
        rows = rows_of(event, payload)
        for kind, key, told in rows_in(event, payload):
            row = rows.get((kind, key))
            assert row is not None, (event, payload.get("action"), kind, key)
            wrong = {name: row.values.get(name, "missing") for name in told if row.values.get(name, ...) != told[name]}
            assert wrong == {}, (event, payload.get("action"), kind, key)
            compared += len(told)
    assert compared >= (19_000 if release == "newest" else 40_000)
