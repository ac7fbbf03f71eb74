"""Every recorded answer of GitHub's API, 2013 to 2024, through our readers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer

from hubwright.domain.replica import LIVE, Reading, Record
from hubwright.domain.replica_merge import Row, merge
from hubwright.github.listings import LISTINGS
from hubwright.github.record_fields import KINDS
from hubwright.github.records import read_listed
from hubwright.store.moments import Moment
from hubwright.store.schema import metadata
from recorded import Exchange, all_tapes

PARENT = {
    "repository_id": 1, "organization_id": 2, "organization_login": "octo", "pull_request_id": 3, "issue_id": 4,
    "pull_request_number": 3, "issue_number": 4, "team_id": 5, "hook_id": 6, "installation_id": 7, "sha": "a" * 40,
}  # fmt: skip
MOVED = ((r"^/repositories/\d+", "/repos/octo/hello"), (r"^/organizations/\d+/team/(\d+)", r"/orgs/octo/teams/\1"),
         (r"^/user/\d+", "/users/octo"), (r"^/teams/", "/orgs/octo/teams/"))  # fmt: skip
MORE = {
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

OURS = {"id", "raw", "versions"}
"""Columns that are the key, or our own."""

WRAPPERS = ("check_runs", "check_suites", "repositories", "commits")


def known_kinds() -> list[tuple[re.Pattern[str], str]]:
    """How to know the kind by the address; the most literal first."""
    found = {listing.path: listing.kind for listing in LISTINGS.values()} | MORE
    paths = sorted(found, key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace(".", r"\.")) + "/?$"), found[path]) for path in paths]


PATTERNS = known_kinds()


def kind_of(one: Exchange) -> str | None:
    path = one.path
    for old, new in MOVED:
        path = re.sub(old, new, path)
    if one.method != "GET":  # what was made or changed is answered as it is shown
        path += "/1" if one.method == "POST" and isinstance(one.json, dict) else ""
    return next((kind for pattern, kind in PATTERNS if pattern.match(path)), None)


def items_of(one: Exchange) -> list[dict[str, Any]]:
    document = one.json
    if isinstance(document, dict):
        named = next((name for name in WRAPPERS if isinstance(document.get(name), list)), None)
        document = document[named] if named else [document]
    return [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []


def read(kind: str, one: Exchange, item: dict[str, Any]) -> Reading:
    return read_listed(kind, item, parent=PARENT, observed_at=parsedate_to_datetime(one.headers["date"]).timestamp())


def recorded() -> Iterator[tuple[str, Exchange, dict[str, Any]]]:
    """Each item whose kind its address tells."""
    for one in all_tapes():
        if one.method == "GET" and one.status == 200 and (kind := kind_of(one)) is not None:
            yield from ((kind, one, item) for item in items_of(one))


def check(record: Record) -> None:
    """Its values fit their columns."""
    columns = metadata.tables[f"gh_{record.kind}"].c
    for column, value in record.values.items():
        assert column == LIVE or value is None or fits(columns[column].type, value), (record.kind, column, value)


def fits(kind: Any, value: Any) -> bool:
    """Whether PostgreSQL takes it."""
    if isinstance(kind, Moment | Float):
        return isinstance(value, float | int)
    if isinstance(kind, Integer):
        return type(value) is int and abs(value) < (2**63 if isinstance(kind, BigInteger) else 2**31)
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    return isinstance(kind, JSON) or (isinstance(value, str) and "\x00" not in value)


def own_record(kind: str, reading: Reading) -> Record:
    """The record that an item is; the organization, where it stands among people."""
    kinds = {kind, "organization"} if kind == "user" else {kind}
    return [record for record in reading.records if record.kind in kinds][-1]


def is_pull_request_among_issues(kind: str, item: dict[str, Any]) -> bool:
    return kind == "issue" and bool(item.get("pull_request"))


def test_every_recorded_item_is_read_whole() -> None:
    """4,000 items of 25 kinds: none is left out, no value of theirs either, and all fit their columns."""
    count, kinds = 0, set()
    for kind, one, item in recorded():
        reading = read(kind, one, item)
        assert reading.left_out == (), one.url
        if not is_pull_request_among_issues(kind, item):
            assert own_record(kind, reading), one.url
        for record in reading.records:
            check(record)
        count += 1
        kinds.add(kind)
    assert count >= 3900
    assert len(kinds) == 25


def test_each_column_has_what_github_said_under_its_name() -> None:
    """Compared with the documents themselves, not with what the readers make of them: over 30,000 values."""
    compared = 0
    for kind, one, item in recorded():
        if is_pull_request_among_issues(kind, item):
            continue
        record = own_record(kind, read(kind, one, item))
        columns = metadata.tables[f"gh_{record.kind}"].c
        for name, value in item.items():
            if name not in record.values or isinstance(value, dict | list):
                continue
            is_time = isinstance(columns[name].type, Moment) and isinstance(value, str)
            wanted = datetime.fromisoformat(value).timestamp() if is_time else value
            assert record.values[name] == wanted, (kind, name, one.url)
            compared += 1
        if type(item.get("id")) is int and record.key == (item["id"],):
            missing = (set(item) & set(columns.keys())) - set(record.values) - OURS
            assert not missing, (kind, missing, one.url)
    assert compared >= 30_000


def test_nothing_that_was_recorded_troubles_any_reader() -> None:
    """Whatever was answered to whatever request, errors too, is given to the readers of every kind."""
    bodies = 0
    for one in all_tapes():
        items = items_of(one)
        bodies += bool(items)
        for item in items[:2]:
            for kind in KINDS:
                for record in read(kind, one, item).records:
                    check(record)
    assert bodies >= 900


@pytest.mark.parametrize("seed", [1, 2])
def test_recorded_items_end_in_the_same_rows_in_any_order(seed: int) -> None:
    """The same repositories and people were recorded for eleven years; what GitHub said last stands."""
    records = [record for kind, one, item in recorded() for record in read(kind, one, item).records]
    shuffled = records + random.Random(seed).sample(records, len(records) // 4)
    random.Random(seed).shuffle(shuffled)

    def join(some: list[Record]) -> dict[Any, Any]:
        rows: dict[Any, Row] = {}
        for record in some:
            merge(rows.setdefault((record.kind, record.key), Row(record.kind)), record)
        return {key: (row.values, row.deleted_at, row.raw) for key, row in rows.items()}

    assert join(records) == join(shuffled)
