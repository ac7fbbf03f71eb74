"""GitHub's documents are read for what they tell, whatever they hold: the traps of real data."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer

from hubwright.domain.replica import LIVE, FollowUp, Reading, Record
from hubwright.domain.replica_merge import Row, merge
from hubwright.github.listings import LISTINGS
from hubwright.github.record_fields import words
from hubwright.github.records import read_delivery, read_listed
from hubwright.store.moments import Moment
from hubwright.store.schema import metadata
from odd_payloads import odd_deliveries
from payload_corpus import all_payloads

CAME = 1_800_000_000.0
DATE = 1_700_000_000.0
PARENT = {"repository_id": 7}
KNOWN = all_payloads() + [(one.event, one.payload) for one in odd_deliveries() if len(str(one.payload)) < 50_000]
INDEXED = {
    name.removeprefix("gh_"): {column.name for index in table.indexes for column in index.columns}
    for name, table in metadata.tables.items()
}
EVENTS = """push create delete pull_request pull_request_review pull_request_review_comment issues issue_comment
    commit_comment label milestone release repository status check_run check_suite team membership organization member
    fork star public meta ping installation installation_repositories merge_group"""
USER = {"id": 1, "login": "ada", "type": "User"}
REPOSITORY = {"id": 7, "name": "hello", "full_name": "octo/hello", "owner": USER, "updated_at": "2023-01-01T00:00:00Z"}


def event(name: str, action: str | None = None, **told: Any) -> Reading:
    payload = {"repository": REPOSITORY, "sender": USER, **told}
    return read_delivery(name, {**payload, "action": action} if action else payload, CAME)


def records(reading: Reading, kind: str) -> list[Record]:
    return [record for record in reading.records if record.kind == kind]


def listed(kind: str, item: dict[str, Any], **parent: Any) -> Record:
    (record,) = records(read_listed(kind, item, parent={**PARENT, **parent}, observed_at=DATE), kind)
    return record


def test_every_published_payload_is_read_whole_and_its_columns_exist() -> None:
    """Nothing is left out; each follow-up names a listing and has what its address needs."""
    for name, payload in all_payloads():
        reading = read_delivery(name, payload, CAME)
        assert reading.left_out == ()
        for record in reading.records:
            columns = metadata.tables[f"gh_{record.kind}"].c
            assert set(record.values) - {LIVE} <= set(columns.keys())
        for wish in reading.follow_ups:
            assert set(LISTINGS[wish.listing].parameters) <= dict(wish.where).keys()


def test_every_event_of_the_issue_tells_something() -> None:
    told = {name for name, payload in all_payloads() if read_delivery(name, payload, CAME).records}
    assert set(words(EVENTS)) <= told


WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63 - 1, 2**63, 2**70, 1.5, 1e308, "", "\x00", "x" * 5000, "é" * 3000, "true",
    "1", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 253_402_300_800,
    [], [[]], [None, 1, {}], {}, {"id": "x"}, {"id": 5, "login": None}, {"\x00": 1},
)  # fmt: skip
"""What may stand for what should be there."""


def spoil(chance: random.Random, payload: dict[str, Any]) -> None:
    """Put something else somewhere, or nothing."""
    place: Any = payload
    while place:
        key = chance.choice(sorted(place)) if isinstance(place, dict) else chance.randrange(len(place))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
            if isinstance(place, dict) and chance.random() < 0.1:
                del place[key]
            else:
                place[key] = copy.deepcopy(chance.choice(WRONG))
            return
        place = inner


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_in_a_payload_raises_or_spoils_its_neighbours(seed: int) -> None:
    """Any values anywhere may be of any type or missing; what a database refuses is in no record."""
    chance = random.Random(seed)
    name, payload = chance.choice(KNOWN)
    payload = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 4)):
        spoil(chance, payload)
    reading = read_delivery(name, payload, CAME)
    for wish in reading.follow_ups:
        assert set(LISTINGS[wish.listing].parameters) <= dict(wish.where).keys()
    for record in reading.records:
        merge(Row(record.kind), record)
        columns = metadata.tables[f"gh_{record.kind}"].c
        for column, value in record.values.items():
            assert column == LIVE or value is None or fits(columns[column].type, value)
            if isinstance(value, str) and column in INDEXED[record.kind]:
                assert len(value.encode()) <= 2600


def fits(kind: Any, value: Any) -> bool:
    """Whether PostgreSQL takes it."""
    if isinstance(kind, Moment):
        return isinstance(value, float) and -62_135_596_800 <= value < 253_402_300_800
    if isinstance(kind, Float):
        return isinstance(value, float | int)
    if isinstance(kind, Integer):
        return type(value) is int and abs(value) < (2**63 if isinstance(kind, BigInteger) else 2**31)
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    return isinstance(kind, JSON) or (isinstance(value, str) and "\x00" not in value)


def test_times_have_two_forms() -> None:
    """A push has `pushed_at` and `created_at` as Unix numbers (isaacs/github#1534)."""
    reading = event("push", ref="refs/heads/main", before="a" * 40, after="b" * 40, commits=[],
                    repository={**REPOSITORY, "pushed_at": 1_690_000_000, "created_at": 1_600_000_000})  # fmt: skip
    (repository,) = records(reading, "repository")
    assert (repository.values["pushed_at"], repository.values["created_at"]) == (1_690_000_000.0, 1_600_000_000.0)
    assert (
        listed("repository", {**REPOSITORY, "pushed_at": "2023-07-22T04:26:40Z"}).values["pushed_at"] == 1_690_000_000.0
    )
    (branch,) = records(reading, "branch")
    assert (branch.key, branch.version.at, branch.values, branch.past) == (
        (7, "main"), 1_690_000_000.0, {"sha": "b" * 40}, {"sha": "a" * 40},
    )  # fmt: skip


def test_only_keys_that_are_there_are_told_and_nulls_are() -> None:
    issue = {"id": 2**40, "number": 1, "closed_at": None, "user": None, "updated_at": "2024-01-01T00:00:00Z"}
    assert listed("issue", issue).values == {
        "number": 1, "closed_at": None, "user_id": None, "user_login": None, "repository_id": 7,
        "updated_at": 1_704_067_200.0,
    }  # fmt: skip


def test_issues_that_are_pull_requests_are_none() -> None:
    """GitHub lists both under /issues; the number there is not the pull request's (system 4 stored them as issues)."""
    item = {"id": 5, "number": 3, "user": USER, "pull_request": {"url": "…"}, "updated_at": "2024-01-01T00:00:00Z"}
    reading = read_listed("issue", item, parent=PARENT, observed_at=DATE)
    assert {record.kind for record in reading.records} == {"user"}
    comment = {"id": 9, "body": "b", "user": None, "updated_at": "2024-01-01T00:00:00Z"}
    told = event("issue_comment", "created", issue=item, comment=comment)
    assert records(told, "issue") == []
    assert records(told, "issue_comment")[0].values["issue_number"] == 3
    wished = (("number", 3), ("owner", "octo"), ("repo", "hello"), ("repository_id", 7))
    assert told.follow_ups == (FollowUp("pull", wished),)


def test_the_fork_of_a_pull_request_may_be_gone() -> None:
    head = {"ref": "topic", "sha": "a" * 40, "repo": None, "user": None}
    pull = {"id": 4, "number": 2, "head": head, "base": {"ref": "main", "sha": "b" * 40, "repo": REPOSITORY},
            "updated_at": "2024-01-01T00:00:00Z"}  # fmt: skip
    values = listed("pull_request", pull).values
    assert (values["head_repository_id"], values["head_user_id"], values["repository_id"]) == (None, None, 7)
    assert (values["head_sha"], values["base_ref"]) == ("a" * 40, "main")


def test_files_of_equal_content_and_renames_are_told_apart() -> None:
    """System 4 took the content's sha as the key, and left out renames, which have none."""
    files = [
        {"filename": "a", "sha": "1", "status": "added"},
        {"filename": "b", "sha": "1", "status": "added"},
        {"filename": "d", "sha": None, "status": "renamed", "previous_filename": "c"},
    ]
    kept = [listed("pull_request_file", one, pull_request_id=4) for one in files]
    assert [one.key for one in kept] == [(4, "a"), (4, "b"), (4, "d")]
    assert (kept[2].values["sha"], kept[2].values["previous_filename"]) == (None, "c")


def test_the_same_review_is_the_same_from_both_sides() -> None:
    """Webhooks say `approved`, the API `APPROVED`; webhooks name the pull request, the API its address."""
    review = {"id": 3, "state": "approved", "user": USER, "submitted_at": "2024-01-01T00:00:00Z",
              "pull_request_url": "https://api.github.com/repos/o/r/pulls/2"}  # fmt: skip
    pull = {"id": 4, "number": 2, "updated_at": "2024-01-01T00:00:00Z"}
    (told,) = records(event("pull_request_review", "submitted", review=review, pull_request=pull), "review")
    asked = listed("review", {**review, "state": "APPROVED"}, pull_request_id=4)
    assert told.values == asked.values
    assert asked.values["pull_request_number"] == 2


def test_a_push_has_the_login_where_a_user_has_a_name() -> None:
    owner = {**USER, "name": "ada", "email": "ada@example.org"}
    (user, *_) = records(event("push", repository={**REPOSITORY, "owner": owner}), "user")
    assert "name" not in user.values
    assert listed("user", {**USER, "name": "Ada Lovelace"}).values["name"] == "Ada Lovelace"


def test_a_commit_is_the_same_from_a_push_and_from_the_api() -> None:
    pushed = {"id": "c" * 40, "tree_id": "d" * 40, "message": "m", "timestamp": "2024-01-01T02:00:00+02:00",
              "author": {"name": "A", "email": "a@b", "username": "ada"},
              "committer": {"name": "A", "email": "a@b"},
              "url": "https://github.com/octo/hello/commit/c", "added": ["x"], "modified": []}  # fmt: skip
    who = {"name": "A", "email": "a@b", "date": "2024-01-01T00:00:00Z"}
    asked = {"sha": "c" * 40, "commit": {"message": "m", "author": who, "committer": who, "tree": {"sha": "d" * 40}},
             "author": USER, "committer": USER, "html_url": "https://github.com/octo/hello/commit/c"}  # fmt: skip
    told = event("push", ref="refs/heads/main", before="0" * 40, after="c" * 40, commits=[pushed], head_commit=pushed)
    (first, _) = records(told, "commit")
    api = listed("commit", asked)
    assert first.key == api.key == (7, "c" * 40)
    shared = first.values.keys() & api.values.keys()
    assert {name: first.values[name] for name in shared} == {name: api.values[name] for name in shared}
    assert {"message", "authored_at", "author_login", "tree_sha", "html_url"} <= shared


@pytest.mark.parametrize(
    ("name", "action", "told", "kind", "key", "live"),
    [
        ("membership", "added", {"member": USER, "team": {"id": 8, "slug": "t"}}, "team_member", (8, 1), True),
        ("membership", "removed", {"member": USER, "team": {"id": 8, "slug": "t"}}, "team_member", (8, 1), False),
        ("member", "added", {"member": USER}, "user_repository", (1, 7), True),
        ("member", "removed", {"member": USER}, "user_repository", (1, 7), False),
        ("organization", "member_removed", {"membership": {"user": USER}}, "organization_member", (5, 1), False),
        ("team", "added_to_repository", {"team": {"id": 8, "slug": "t"}}, "team_repository", (8, 7), True),
        ("star", "deleted", {"starred_at": None}, "star", (1, 7), False),
    ],
)  # fmt: skip
def test_who_belongs_where(name: str, action: str, told: dict[str, Any], kind: str, key: Any, live: bool) -> None:
    reading = event(name, action, organization={"id": 5, "login": "octo"}, **told)
    (record,) = records(reading, kind)
    assert (record.key, record.values[LIVE]) == (key, live)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("issues", "issue"), ("label", "label"), ("milestone", "milestone"), ("release", "release"),
     ("repository", "repository"), ("team", "team")],
)  # fmt: skip
def test_deletions_are_told(name: str, kind: str) -> None:
    thing = {"id": 7, "name": "x", "updated_at": "2024-01-01T00:00:00Z"}
    field = "issue" if kind == "issue" else kind
    (record,) = [each for each in records(event(name, "deleted", **{field: thing}), kind) if each.raw is not None]
    assert (record.deleted, record.gone_at) == (True, CAME)


def test_a_transferred_issue_is_gone_here_and_new_there() -> None:
    elsewhere = {**REPOSITORY, "id": 8, "full_name": "octo/other", "name": "other"}
    issue = {"id": 3, "number": 1, "updated_at": "2024-01-01T00:00:00Z"}
    changes = {"new_issue": {**issue, "id": 4, "number": 9}, "new_repository": elsewhere}
    old, new = records(event("issues", "transferred", issue=issue, changes=changes), "issue")
    assert (old.key, old.gone_at) == ((3,), CAME)
    assert (new.key, new.gone_at, new.values["repository_id"]) == ((4,), None, 8)


def test_what_an_app_says_of_its_checks_is_no_time_of_github_s() -> None:
    """`completed_at` may lie in any future; then nothing told later would count."""
    check = {
        "id": 3,
        "status": "completed",
        "started_at": "2024-01-01T00:00:00Z",
        "completed_at": "2999-01-01T00:00:00Z",
    }
    (record,) = records(event("check_run", "completed", check_run=check), "check_run")
    assert record.version.at < CAME + 100_000
    (user, *_) = records(event("check_run", "completed", check_run=check), "user")
    assert user.version.at == 1_672_531_200.0


def test_unknown_events_tell_of_what_they_mention() -> None:
    reading = event("quantum_entangled", "observed", quark={"id": 1})
    assert {record.kind for record in reading.records} == {"repository", "user"}


def test_a_token_that_clones_is_not_kept() -> None:
    """`GET /repos/…` gives those who may a `temp_clone_token`; whoever reads the copy must not get it."""
    parent = {**REPOSITORY, "id": 8, "temp_clone_token": "AAA"}
    item = {**REPOSITORY, "temp_clone_token": "BBB", "parent": parent}
    reading = read_listed("repository", item, parent=PARENT, observed_at=DATE)
    record = next(one for one in records(reading, "repository") if one.raw is not None)

    assert record.raw is not None
    assert "temp_clone_token" not in str(record.raw)
    assert record.raw["parent"]["id"] == 8
