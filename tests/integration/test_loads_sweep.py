"""What loads take for gone, list by list; and what came since the last one, where no time tells that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from fake_repository import user
from github_items import issue, moment, pull
from hubwright.store.database import Database
from hubwright.store.schema import gh_issue
from load_parts import HELLO, Yard, open_yard

HERE = "/repos/octo/hello"


@pytest.fixture
def yard(database: Database) -> Iterator[Yard]:
    with open_yard(database) as opened:
        yield opened


def alive(yard: Yard, kind: str, column: str) -> set[Any]:
    return {getattr(row, column) for row in yard.rows(f"gh_{kind}") if row.deleted_at is None}


def person(number: int) -> dict[str, Any]:
    return user(f"member{number}", 9_500_000_000 + number)


def member(number: int) -> dict[str, Any]:
    return {**person(number), "permissions": {"pull": True, "push": number % 2 == 0}, "role_name": "write"}


# --- people


def test_who_may_no_longer_write_is_gone(yard: Yard) -> None:
    """Collaborators on one page: the list itself tells."""
    listing = yard.github.list_at(f"{HERE}/collaborators", [member(n) for n in range(1, 6)], by="login", bare=True)
    yard.load("collaborators")
    gone = listing.items.pop(1)

    yard.load("collaborators")

    assert alive(yard, "user_repository", "user_login") == {item["login"] for item in listing.items}
    assert gone["login"] in {row.user_login for row in yard.rows("gh_user_repository")}
    assert yard.asked("/collaborators/") == []


def test_of_many_people_each_missing_one_is_asked_for(yard: Yard) -> None:
    """A list of two pages may shift while it is read; GitHub's 204 says that somebody is still there."""
    listing = yard.github.list_at(f"{HERE}/collaborators", [member(n) for n in range(1, 131)], by="login", bare=True)
    yard.load("collaborators")
    gone, skipped = listing.items.pop(120), listing.items.pop(7)
    asked = len(yard.asked("/collaborators/"))
    yard.github.put_at(f"{HERE}/collaborators/{skipped['login']}", {})

    progress = yard.load("collaborators")

    assert len(yard.asked("/collaborators/")) - asked == 2
    assert progress.payload["told"]["vanished"] == 1
    logins = alive(yard, "user_repository", "user_login")
    assert gone["login"] not in logins
    assert skipped["login"] in logins


def make_organization(yard: Yard) -> None:
    yard.github.put_at("/orgs/octo", {"id": 900, "login": "octo", "description": None})


@pytest.mark.parametrize("count", [3, 120])
def test_members_of_an_organization_come_and_go(yard: Yard, count: int) -> None:
    make_organization(yard)
    listing = yard.github.list_at("/orgs/octo/members", [person(n) for n in range(1, count + 1)], by="login", bare=True)
    where = {"org": "octo"}
    yard.load("org_members", where=where)
    gone = listing.items.pop(1)

    yard.load("org_members", where=where)

    assert alive(yard, "organization_member", "user_login") == {item["login"] for item in listing.items}
    assert gone["login"] in {row.user_login for row in yard.rows("gh_organization_member")}


@pytest.mark.parametrize("count", [3, 120])
def test_members_of_a_team_come_and_go(yard: Yard, count: int) -> None:
    """Of many, one who left the list and is still a member stays."""
    make_organization(yard)
    yard.github.put_at("/orgs/octo/teams/core", {"id": 70, "slug": "core", "name": "Core"})
    listing = yard.github.list_at("/orgs/octo/teams/core/members", [person(n) for n in range(1, count + 1)])
    where = {"org": "octo", "team": "core"}
    yard.load("team_members", where=where)
    gone, skipped = listing.items.pop(1), listing.items.pop(1)
    yard.github.put_at(f"/orgs/octo/teams/core/memberships/{skipped['login']}", {"state": "active", "role": "member"})

    yard.load("team_members", where=where)

    logins = alive(yard, "team_member", "user_login")
    assert gone["login"] not in logins
    assert (skipped["login"] in logins) is (count > 100)
    assert len(logins) == count - (1 if count > 100 else 2)


def test_what_can_not_be_asked_for_is_not_taken_for_gone(yard: Yard) -> None:
    """A row that only a part was told of may lack its number; no address is made up from nothing."""
    listing = yard.list_issues(130)
    yard.load("issues")
    unknown = listing.items.pop(50)["id"]
    forget = update(gh_issue).where(gh_issue.c.id == unknown).values(number=None)
    yard.database.write(lambda connection: connection.execute(forget))

    progress = yard.load("issues")

    assert progress.payload["told"]["vanished"] == 0
    assert len(yard.alive()) == 130
    assert not [address for address in yard.asked() if "None" in address]


# --- what is said about a commit


def check(kind: str, number: int, sha: str) -> dict[str, Any]:
    """A check run or suite, or a status, as the lists of a commit have it."""
    if kind == "statuses":
        return {"id": number, "state": "success", "context": f"c{number}", "created_at": moment(1),
                "updated_at": moment(1), "url": f"https://api.github.com{HERE}/statuses/{sha}"}  # fmt: skip
    return {"id": number, "head_sha": sha, "name": f"check {number}", "status": "completed", "conclusion": "success",
            "started_at": moment(1), "completed_at": moment(2), "updated_at": moment(2)}  # fmt: skip


@pytest.mark.parametrize(
    ("listing", "place", "kind"),
    [("statuses", "statuses", "status"), ("check_runs", "check-runs", "check_run"),
     ("check_suites", "check-suites", "check_suite")],
)  # fmt: skip
def test_what_is_said_about_a_commit_is_swept_for_that_commit_only(
    yard: Yard, listing: str, place: str, kind: str
) -> None:
    """A branch's name leads to the commit that it is at; what other commits have is not touched."""
    first = yard.repository.head("main")
    second = yard.repository.commit({"more": "1"}, "More")
    listed = {}
    for at, sha in enumerate((first, second)):
        items = [check(listing, 1000 * (at + 1) + n, str(sha)) for n in range(3)]
        wrapper = None if listing == "statuses" else listing
        listed[sha] = yard.github.list_at(f"{HERE}/commits/{sha}/{place}", items, wrapper=wrapper)
        yard.load(listing, where={**HELLO, "ref": sha})
    del listed[second].items[0]

    yard.load(listing, where={**HELLO, "ref": "main"})

    assert alive(yard, kind, "id") == {1000, 1001, 1002, 2001, 2002}
    assert len(yard.rows(f"gh_{kind}")) == 6
    assert {row.sha for row in yard.rows("gh_commit")} == {first, second}


# --- issues that are pull requests


def test_pull_requests_among_the_issues_are_no_issues(yard: Yard) -> None:
    """GitHub lists them under /issues with numbers of their own (system 4 kept them so: bug 15).

    They have one row, in gh_pull_request; reading the issues neither makes another nor takes that one for gone.
    """
    pulls = yard.github.list_at(f"{HERE}/pulls", [pull(n, yard.repository) for n in (3, 4)], by="number")
    shown = {"pull_request": {"url": "https://api.github.com/repos/octo/hello/pulls/3"}}
    items = [issue(1), issue(2), issue(3, **shown), issue(4, **shown)]
    listing = yard.github.list_at(f"{HERE}/issues", items, by="number")
    yard.load("pulls")
    yard.load("issues")
    del listing.items[0], listing.items[2]

    yard.load("issues")

    assert yard.alive() == [2]
    assert [row.number for row in yard.rows("gh_issue")] == [1, 2]
    assert yard.alive("gh_pull_request") == [item["number"] for item in pulls.items]


# --- what came since the last load


def test_only_new_commits_are_loaded_since_the_last(yard: Yard) -> None:
    """Exactly those that the branch has got, whatever times they bear: `since` would leave out old ones."""
    yard.load("commits")
    old = yard.repository.head("main")
    shas = yard.repository.commit_each([({"f": str(number)}, f"Commit {number}") for number in range(130)])

    progress = yard.load("commits", since="last")
    again = yard.load("commits", since="last")

    assert progress.payload["told"]["items"] == 130
    assert (again.payload["told"]["items"], again.payload["told"]["pages"]) == (0, 1)
    assert {row.sha for row in yard.rows("gh_commit")} == {old, *shas}
    assert yard.asked("/compare/")[0].split("?")[0].endswith(f"/compare/{old}...HEAD")
    assert [(row.listing, row.changed_until) for row in yard.rows("scan")] == [("commits", shas[-1])]


def test_a_branch_that_was_forced_is_followed(yard: Yard) -> None:
    """What the last load ended at is no longer in the branch: the rest is told by where the two part."""
    first = yard.repository.head("main")
    yard.repository.commit({"a": "1"}, "Dropped")
    yard.load("commits")
    yard.repository.move("main", str(first))
    new = yard.repository.commit({"b": "1"}, "Instead")

    yard.load("commits", since="last")

    assert len(yard.rows("gh_commit")) == 3
    assert new in {row.sha for row in yard.rows("gh_commit")}


def test_commits_are_loaded_whole_where_the_last_one_is_lost(yard: Yard) -> None:
    """GitHub drops what no branch has; then it answers 404, and all is read again."""
    yard.load("commits")
    yard.repository.commit({"a": "1"}, "New")
    yard.github.break_at("/compare/", 1, status=404)

    progress = yard.load("commits", since="last")
    (scan,) = yard.rows("scan")

    assert progress.payload["told"]["items"] == 2
    assert (scan.listing, scan.changed_until) == ("commits", yard.repository.head("main"))
    yard.load("commits", since="last")
    assert yard.repository.head("main") in yard.asked("/compare/")[-1]


@pytest.mark.parametrize("narrowed", [{"state": "open"}, {"since": "2026-02-20T00:00:00Z"}])
def test_a_load_of_a_part_does_not_hide_what_changed_before(yard: Yard, narrowed: dict[str, str]) -> None:
    """The next `since=last` goes on from the last load that saw every change, not from the last one."""
    listing = yard.list_issues(5)
    yard.load("issues")
    closed = {"state": "closed", "closed_at": "2026-02-10T00:00:00Z", "updated_at": "2026-02-10T00:00:00Z"}
    listing.items[1] |= closed
    listing.items.append(issue(6, updated_at="2026-03-01T00:00:00Z"))
    yard.load("issues", **narrowed)

    yard.load("issues", since="last")

    assert [row.number for row in yard.rows("gh_issue", state="closed")] == [2]
