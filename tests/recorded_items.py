"""The items of recorded answers with what they are, told by the addresses that they were asked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

from hubwright.domain.replica import Reading
from hubwright.github.listings import LISTINGS
from hubwright.github.records import read_listed
from recorded import Exchange, all_tapes

_PARENT = {
    "repository_id": 1, "organization_id": 2, "organization_login": "octo", "pull_request_id": 3, "issue_id": 4,
    "pull_request_number": 3, "issue_number": 4, "team_id": 5, "hook_id": 6, "installation_id": 7, "sha": "a" * 40,
}  # fmt: skip
_MOVED = ((r"^/repositories/\d+", "/repos/octo/hello"), (r"^/organizations/\d+/team/(\d+)", r"/orgs/octo/teams/\1"),
         (r"^/user/\d+", "/users/octo"), (r"^/teams/", "/orgs/octo/teams/"))  # fmt: skip
_MORE = {
    "/repos/{owner}/{repo}/stargazers": "star", "/repos/{owner}/{repo}/contributors": "user",
    "/repos/{owner}/{repo}/forks": "repository", "/users/{user}/subscriptions": "repository",
    "/users/{user}/followers": "user", "/users/{user}/following": "user", "/users/{user}/orgs": "organization",
    "/repos/{owner}/{repo}/subscribers": "user", "/repos/{owner}/{repo}/assignees": "user", "/users": "user",
    "/organizations": "organization", "/repositories": "repository", "/orgs/{org}/public_members": "user",
    "/repos/{owner}/{repo}/issues/{number}/comments": "issue_comment", "/user/teams": "team",
    "/repos/{owner}/{repo}/issues/{number}/labels": "label", "/repos/{owner}/{repo}/milestones/{n}/labels": "label",
    "/repos/{owner}/{repo}/pulls/{number}/comments": "review_comment", "/repos/{owner}/{repo}/teams": "team",
    "/repos/{owner}/{repo}/check-runs/{id}": "check_run", "/repos/{owner}/{repo}/check-suites/{id}": "check_suite",
    "/repos/{owner}/{repo}/commits/{sha}/comments": "commit_comment", "/orgs/{org}/hooks": "hook",
    "/repos/{owner}/{repo}/releases/latest": "release", "/repos/{owner}/{repo}/releases/tags/{tag}": "release",
    "/repos/{owner}/{repo}/commits/{sha}/pulls": "pull_request", "/orgs/{org}/hooks/{id}": "hook",
    "/orgs/{org}/teams/{team}/repos": "team_repository", "/user/followers": "user",
    "/repos/{owner}/{repo}/statuses/{sha}": "status",
    "/repos/{owner}/{repo}/check-suites/{id}/check-runs": "check_run",
}  # fmt: skip
"""Addresses that nobody loads, whose answers are records of the copy all the same."""

_WRAPPERS = ("check_runs", "check_suites", "repositories", "commits")


def _know_kinds() -> list[tuple[re.Pattern[str], str]]:
    """How to know the kind by the address; the most literal first."""
    found = {listing.path: listing.kind for listing in LISTINGS.values()} | _MORE
    paths = sorted(found, key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace(".", r"\.")) + "/?$"), found[path]) for path in paths]


_PATTERNS = _know_kinds()


def kind_of(one: Exchange) -> str | None:
    """What is listed or shown at the address; None for what the copy has no table of."""
    path = one.path
    for old, new in _MOVED:
        path = re.sub(old, new, path)
    return next((kind for pattern, kind in _PATTERNS if pattern.match(path)), None)


def items_of(one: Exchange) -> list[dict[str, Any]]:
    """The objects of an answer, one by one."""
    document = one.json
    if isinstance(document, dict):
        named = next((name for name in _WRAPPERS if isinstance(document.get(name), list)), None)
        document = document[named] if named else [document]
    return [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []


def read(kind: str, one: Exchange, item: dict[str, Any]) -> Reading:
    """What an item tells, at the time when GitHub answered."""
    return read_listed(kind, item, parent=_PARENT, observed_at=parsedate_to_datetime(one.headers["date"]).timestamp())


def recorded_items() -> Iterator[tuple[str, Exchange, dict[str, Any]]]:
    """Each item whose kind its address tells. Labels of 2012 had no number yet."""
    for one in all_tapes():
        invented = one.tape.startswith("pygithub BadAttributes")
        if one.method == "GET" and one.status == 200 and not invented and (kind := kind_of(one)) is not None:
            yield from ((kind, one, item) for item in items_of(one) if kind != "label" or "id" in item)
