"""More traps of deliveries: what old payloads lack, what nobody expects, and what only GitHub's times tell apart."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hubwright.domain.replica import LIVE, Reading, Record
from hubwright.domain.replica_merge import Row, merge
from hubwright.github.record_fields import UNREADABLE, time
from hubwright.github.records import read_delivery, read_listed

CAME = 1_800_000_000.0
USER = {"id": 1, "login": "ada", "type": "User"}
ORGANIZATION = {"id": 5, "login": "octo", "type": "Organization"}
REPOSITORY = {"id": 7, "name": "hello", "full_name": "octo/hello", "owner": USER, "updated_at": "2023-01-01T00:00:00Z"}
COMMIT = {"id": "c" * 40, "tree_id": "d" * 40, "message": "m", "author": {"name": "A", "email": "a@b"}}


def event(name: str, action: str | None = None, came: float = CAME, **told: Any) -> Reading:
    payload = {"repository": REPOSITORY, "sender": USER, **told}
    return read_delivery(name, {**payload, "action": action} if action else payload, came)


def records(reading: Reading, kind: str) -> list[Record]:
    return [record for record in reading.records if record.kind == kind]


def join(*records: Record) -> Row:
    row = Row(records[0].kind)
    for record in records:
        merge(row, record)
    return row


def test_an_owner_without_number_and_login_tells_neither() -> None:
    """Pushes of 2013 have owners of a name and an address only; what is known of the owner stays."""
    for owner in ({"name": "ada", "email": "ada@example.org"}, "ada", ["ada"]):
        (told,) = records(event("push", repository={**REPOSITORY, "owner": owner}), "repository")
        assert not {"owner_id", "owner_login"} & told.values.keys()
    (gone,) = records(event("push", repository={**REPOSITORY, "owner": None}), "repository")
    assert (gone.values["owner_id"], gone.values["owner_login"]) == (None, None)


def test_a_commit_of_an_unknown_author_has_none() -> None:
    """GitHub's API shows such an author as `{}` or as null."""
    for author in ({}, None):
        item = {"sha": "c" * 40, "author": author, "commit": {"message": "m"}}
        (told,) = records(read_listed("commit", item, parent={"repository_id": 7}, observed_at=CAME), "commit")
        assert (told.values["author_id"], told.values["author_login"]) == (None, None)


def test_numbers_that_no_column_holds_are_left_out_of_commits() -> None:
    """PostgreSQL refuses them, and with them all that came beside them."""
    item = {
        "sha": "c" * 40, "commit": {"message": "m", "comment_count": 2**40},
        "stats": {"additions": 2**31, "deletions": True, "total": 3},
    }  # fmt: skip
    (told,) = records(read_listed("commit", item, parent={"repository_id": 7}, observed_at=CAME), "commit")
    assert {"comment_count", "additions", "deletions"} & told.values.keys() == set()
    assert told.values["total"] == 3


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2" * 5_000_000, "never"])
def test_times_that_no_database_has_are_left_out(value: str) -> None:
    assert time(value) is UNREADABLE
    assert time("0001-01-01T00:00:00Z") == -62_135_596_800.0


def test_a_text_that_no_index_holds_is_left_out() -> None:
    """PostgreSQL's index takes 2,704 bytes; the delivery would fail for ever."""
    label = {"id": 3, "name": "é" * 2000, "color": "f00"}
    reading = event("label", "created", label=label)
    (told,) = records(reading, "label")
    assert "name" not in told.values
    assert told.values["color"] == "f00"
    assert any("label.name" in reason for reason in reading.left_out)


def test_a_repository_without_its_full_name_is_still_the_parent() -> None:
    """What needs its name is not asked for."""
    bare = {"id": 7, "name": "hello"}
    issue = {"id": 3, "number": 1, "updated_at": "2024-01-01T00:00:00Z"}
    reading = event("issues", "opened", repository=bare, issue=issue)
    assert records(reading, "issue")[0].values["repository_id"] == 7
    assert event("create", ref="topic", ref_type="branch", repository=bare).follow_ups == ()


def test_an_event_of_an_organization_tells_of_it_whatever_the_action() -> None:
    reading = event("organization", "member_added", organization=ORGANIZATION, membership={"user": USER})
    assert [record.key for record in records(reading, "organization")] == [(5,)]
    invited = {"invitation": {"inviter": {**USER, "id": 2}}, "user": {**USER, "id": 3}}
    told = records(event("organization", "member_invited", organization=ORGANIZATION, **invited), "user")
    assert {record.key for record in told} == {(1,), (2,), (3,)}


def test_a_fork_has_its_parent() -> None:
    fork = {**REPOSITORY, "id": 8, "full_name": "ada/hello", "fork": True}
    told = next(one for one in records(event("fork", forkee=fork), "repository") if one.key == (8,))
    assert told.values["parent_id"] == 7


def test_commits_that_suites_and_queues_name_are_kept() -> None:
    suite = {
        "id": 4,
        "updated_at": "2024-01-01T00:00:00Z",
        "head_commit": COMMIT,
        "app": {"id": 9, "owner": ORGANIZATION},
    }
    reading = event("check_suite", "completed", check_suite=suite)
    assert [(record.key, record.values["message"]) for record in records(reading, "commit")] == [((7, "c" * 40), "m")]
    assert [record.key for record in records(reading, "organization")] == [(5,)]
    queued = event("merge_group", "checks_requested", merge_group={"head_sha": "c" * 40, "head_commit": COMMIT})
    assert [record.values["tree_sha"] for record in records(queued, "commit")] == ["d" * 40]


def test_teams_that_are_asked_to_review_and_earlier_owners_are_kept() -> None:
    pull = {"id": 4, "number": 2, "updated_at": "2024-01-01T00:00:00Z", "requested_teams": [{"id": 6, "slug": "t"}]}
    assert [record.key for record in records(event("pull_request", "review_requested", pull_request=pull), "team")] == [
        (6,)
    ]
    moved = event("repository", "transferred", changes={"owner": {"from": {"user": {**USER, "id": 2}}}})
    assert (2,) in {record.key for record in records(moved, "user")}


def test_a_branch_is_there_before_its_push_is() -> None:
    """`create` does not tell the commit; after the deletion it brings nothing back."""
    (made,) = records(event("create", ref="a/b ü'\"", ref_type="branch"), "branch")
    (gone,) = records(event("delete", ref="a/b ü'\"", ref_type="branch"), "branch")
    assert join(made).deleted_at is None
    assert join(made, gone).deleted_at == join(gone, made).deleted_at is not None
    assert records(event("create", ref="v1", ref_type="tag"), "branch") == []


def starred(given: bool, at: str, came: float) -> Record:
    repository = {**REPOSITORY, "updated_at": at}
    told = event(
        "star", "created" if given else "deleted", came, repository=repository, starred_at=at if given else None
    )
    (record,) = records(told, "star")
    return record


@pytest.mark.parametrize("gone", ["2024-01-01T00:00:05Z", "2024-01-01T00:00:00Z"])
def test_a_star_that_was_taken_back_is_gone_however_late_its_beginning_is_told(gone: str) -> None:
    """Not arrival but GitHub's times tell what was last: the star, and the repository that it changed."""
    given, back = starred(True, "2024-01-01T00:00:00Z", CAME + 9), starred(False, gone, CAME)
    again = starred(True, "2024-01-01T00:01:00Z", CAME + 5)
    for order in itertools.permutations([given, back]):
        assert join(*order).values[LIVE] is False
    for order in itertools.permutations([given, back, again, starred(True, "2024-01-01T00:00:00Z", CAME + 20)]):
        assert join(*order).values[LIVE] is True


def test_of_members_the_last_that_came_tells() -> None:
    """Nothing in these deliveries bears a time: then who comes, leaves and comes again is there."""
    news = [records(event("member", action, CAME + n, member=USER), "user_repository")[0]
            for n, action in enumerate(["added", "removed", "added"])]  # fmt: skip
    for order in itertools.permutations(news):
        assert join(*order).values[LIVE] is True
    assert join(*news[:2]).values[LIVE] is False


def test_what_an_event_is_about_tells_more_than_what_another_mentions() -> None:
    """Of one second: `archived` and a push that has the repository beside it."""
    (mentioned,) = records(
        event("issues", "closed", repository={**REPOSITORY, "name": "z", "archived": False}), "repository"
    )
    about = records(event("repository", "archived", repository={**REPOSITORY, "archived": True}), "repository")[-1]
    for order in ([mentioned, about], [about, mentioned]):
        assert join(*order).values["archived"] is True
        assert join(*order).values["name"] == "hello"


@pytest.mark.parametrize(
    ("name", "kind", "field", "first", "then"),
    [
        ("issues", "issue", "state", ("labeled", "open"), ("closed", "closed")),
        ("issues", "issue", "state", ("closed", "closed"), ("reopened", "open")),
        ("issues", "issue", "locked", ("locked", True), ("unlocked", False)),
        ("pull_request", "pull_request", "draft", ("converted_to_draft", True), ("ready_for_review", False)),
        ("pull_request", "pull_request", "draft", ("opened", False), ("converted_to_draft", True)),
        ("repository", "repository", "archived", ("archived", True), ("unarchived", False)),
        ("check_suite", "check_suite", "status", ("requested", "queued"), ("completed", "completed")),
    ],
)
def test_of_one_second_the_event_that_comes_after_such_others_tells(
    name: str, kind: str, field: str, first: tuple[str, Any], then: tuple[str, Any]
) -> None:
    """Bots label an issue and close it within a second: both documents bear the same time."""
    told = []
    for action, value in (first, then):
        doc = {"id": 7, "number": 1, "updated_at": "2024-01-01T00:00:00Z", field: value, "full_name": "octo/hello"}
        told.append(records(event(name, action, **{kind: doc}), kind)[-1])
    for order in itertools.permutations(told):
        assert join(*order).values[field] == then[1]
