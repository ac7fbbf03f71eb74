"""Linked pull requests and branches are built by copies of a job, which come and go with what they are of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from fake_repository import FakeRepository
from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.job_copies import CopyKind
from hubwright.domain.repos import Repository
from hubwright.github.payloads import read_event
from hubwright.hub.glances import Seen, glance
from hubwright.store import copies, schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.folders import keep_folder
from hubwright.store.jobs import load_job
from hubwright.store.links import keep_link
from hubwright.store.versions import Change

FILE = ".hubwright.yml"
DAY = 86_400


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A desk on SQLite."""
    with closing(Database(sqlite_url)) as database, open_desk(database, tmp_path) as opened:
        yield opened


def define(desk: Desk, path: str = "team/app", **said: Any) -> None:
    document = {"repository": "octo/hello", **said}
    desk.database.write(lambda connection: keep_document(connection, path, document, Change("ann", desk.clock())))


def link(
    desk: Desk,
    repository: FakeRepository,
    *kinds: CopyKind,
    job: str = "team/app",
    globs: tuple[str, ...] = ("**",),
    known: bool = True,
) -> None:
    """Link a repository, by its number where it is `known`."""
    named = Repository(id=repository.id if known else None, owner=repository.owner, name=repository.name)
    with desk.database.reading() as connection:
        found = load_job(connection, job)
    assert found is not None
    for kind in kinds or tuple(CopyKind):
        desk.database.write(lambda it, kind=kind: keep_link(it, named, kind, found.id, globs, desk.clock()))


def tell(desk: Desk, event: str, payload: dict[str, Any]) -> str:
    """Have it delivered and understood, a second later; the outcome."""
    desk.clock.now += 1
    number = desk.deliver(event, payload)
    desk.work()
    row = desk.delivery(number)
    assert row.state == "done", row
    return str(row.outcome)


def jobs(desk: Desk) -> dict[str, Row[Any]]:
    return {row.path: row for row in rows(desk.database, schema.job)}


def built(desk: Desk) -> list[tuple[str, int, str]]:
    """Job, number and event of every build, in their order."""
    paths = {row.id: row.path for row in rows(desk.database, schema.job)}
    return [(paths[row.job_id], row.number, row.event) for row in desk.builds()]


def told(desk: Desk) -> list[tuple[str, Any]]:
    """Kind and job of every fact, in their order."""
    return [(row.kind, row.data.get("job")) for row in sorted(rows(desk.database, schema.fact), key=lambda row: row.id)]


def test_branches_and_pull_requests_are_built_by_copies_that_come_and_go(database: Database, tmp_path: Path) -> None:
    """The whole life: made, built, closed, archived, and back with its history."""
    with open_desk(database, tmp_path) as desk:
        repository = desk.repository()
        define(desk)
        link(desk, repository)
        tell(desk, "push", repository.push({FILE: RECIPE}))
        repository.move("release/1.2", str(repository.head()))
        tell(desk, "push", repository.push({"a": "1"}, branch="release/1.2"))
        repository.move("fix", str(repository.head()))
        repository.commit({"b": "1"}, branch="fix")
        tell(desk, "pull_request", repository.pull_request_payload(25, "fix"))
        repository.commit({"b": "2"}, branch="fix")
        tell(desk, "push", repository.push_payload("fix"))
        tell(desk, "pull_request", repository.pull_request_payload(25, "fix", action="synchronize"))
        assert built(desk) == [
            ("team/app", 1, "push"),
            ("team/app_release-1-2", 1, "push"),
            ("team/app_pr25", 1, "pull_request"),
            ("team/app_pr25", 2, "pull_request"),
        ]
        assert {row.family for row in desk.builds()} == {jobs(desk)["team/app"].id}
        assert {row.family for row in desk.runs()} == {jobs(desk)["team/app"].id}
        assert desk.runs()[3].assignment["env"]["CI_JOB_NAME"] == "team/app_pr25"

        tell(desk, "pull_request", repository.pull_request_payload(25, "fix", action="closed"))
        head = str(repository.head("release/1.2"))
        tell(desk, "push", repository.push_payload("release/1.2", before=head, after="0" * 40))
        tell(desk, "delete", repository.ref_payload("release/1.2"))
        found = jobs(desk)
        assert [row.closed_at is not None for row in found.values()] == [False, True, True]
        archived = database.write(lambda it: copies.archive_copies(it, desk.clock() + 8 * DAY))
        assert sorted(archived.ids) == sorted(found[path].id for path in ("team/app_release-1-2", "team/app_pr25"))

        tell(desk, "pull_request", repository.pull_request_payload(25, "fix", action="reopened"))
        tell(desk, "push", repository.push_payload("release/1.2", before="0" * 40, after=head))
        again = jobs(desk)
        assert [(row.closed_at, row.archived_at) for row in again.values()] == [(None, None)] * 3
        assert len(desk.builds()) == 4, "what was built is not built again"
        assert [fact for fact in told(desk) if fact[0].startswith("Copy")] == [
            ("CopyMade", "team/app_release-1-2"),
            ("CopyMade", "team/app_pr25"),
            ("CopyClosed", "team/app_pr25"),
            ("CopyClosed", "team/app_release-1-2"),
            ("CopyReopened", "team/app_pr25"),
            ("CopyReopened", "team/app_release-1-2"),
        ]


def test_a_copy_builds_its_head_itself_also_when_the_branchs_copy_has_built_it(desk: Desk) -> None:
    """Each copy is a job of its own, with a badge of its own; within one a commit is built once."""
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    tell(desk, "push", repository.push({FILE: RECIPE}))
    tell(desk, "push", repository.push({"a": "1"}, branch="fix"))
    for action in ("opened", "ready_for_review", "reopened"):
        tell(desk, "pull_request", repository.pull_request_payload(1, "fix", action=action))
    tell(desk, "push", repository.push_payload("fix"))
    assert built(desk)[1:] == [("team/app_fix", 1, "push"), ("team/app_pr1", 1, "pull_request")]
    assert len({row.sha for row in desk.builds()[1:]}) == 1


def test_late_news_of_a_pull_request_does_not_open_its_copy_again(desk: Desk) -> None:
    """Deliveries may come in any order."""
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    repository.commit({FILE: RECIPE})
    repository.commit({FILE: RECIPE, "a": "1"}, branch="fix")
    opened = repository.pull_request_payload(25, "fix")
    closed = repository.pull_request_payload(25, "fix", action="closed")
    reopened = repository.pull_request_payload(25, "fix", action="reopened")
    tell(desk, "pull_request", closed)
    tell(desk, "pull_request", opened)
    assert jobs(desk)["team/app_pr25"].closed_at is not None
    tell(desk, "pull_request", reopened)
    tell(desk, "pull_request", closed)
    assert jobs(desk)["team/app_pr25"].closed_at is None
    assert len(desk.builds()) == 1


def test_a_push_that_waited_until_its_branch_was_gone_leaves_no_open_copy(desk: Desk) -> None:
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    tell(desk, "push", repository.push({FILE: RECIPE}))
    payload = repository.push({FILE: RECIPE, "a": "1"}, branch="fix")
    away = repository.path.rename(repository.path.with_suffix(".away"))
    desk.clock.now += 1
    waiting = desk.deliver("push", payload)
    desk.work()
    assert jobs(desk)["team/app_fix"].closed_at is None
    tell(desk, "push", repository_gone(payload))
    away.rename(repository.path)
    desk.clock.now += 60
    desk.work()
    assert desk.delivery(waiting).state == "done"
    assert jobs(desk)["team/app_fix"].closed_at is not None


def repository_gone(payload: dict[str, Any]) -> dict[str, Any]:
    """The push that tells that the branch of another push was deleted."""
    gone = {"before": payload["after"], "after": "0" * 40, "deleted": True, "created": False}
    return {**payload, **gone, "commits": [], "head_commit": None}


def test_changes_of_job_and_folder_reach_the_copies(desk: Desk) -> None:
    repository = desk.repository()
    define(desk, environment={"A": "1"})
    link(desk, repository)
    tell(desk, "push", repository.push({FILE: RECIPE}, branch="next"))
    define(desk, environment={"A": "2"})
    desk.database.write(lambda it: keep_folder(it, "team", {"environment": {"B": "3"}}, Change("ann", desk.clock())))
    tell(desk, "push", repository.push({"a": "1"}, branch="next"))
    desk.database.write(
        lambda it: keep_document(it, "team/app_next", {"environment": {"A": "4"}}, Change("ann", desk.clock()))
    )
    tell(desk, "push", repository.push({"a": "2"}, branch="next"))
    told = [{key: run.assignment["env"].get(key) for key in "AB"} for run in desk.runs()]
    assert told == [{"A": "1", "B": None}, {"A": "2", "B": "3"}, {"A": "4", "B": "3"}]


def test_globs_tags_and_triggers_say_what_builds_where(desk: Desk) -> None:
    """What no link wants is the job's own, by its triggers; so are tags, and what the merge queue asks for."""
    repository = desk.repository()
    define(desk, triggers={"push": ["main", "wip/*"], "tag": ["v*"]}, default_branch="trunk")
    link(desk, repository, CopyKind.BRANCH, globs=("release/*", "trunk"))
    base = repository.commit({FILE: RECIPE})
    for branch in ("main", "trunk", "release/1.2", "wip/x", "other", "gh-readonly-queue/main/pr-7-" + "a" * 40):
        repository.move(branch, base)
        tell(desk, "push", repository.push({"a": branch}, branch=branch))
    for tag in ("v1", "nightly"):
        repository.tag(tag, base)
        tell(desk, "push", repository.push_payload(before="0" * 40, after=base, ref=f"refs/tags/{tag}"))
    refs = {
        (row.ref.removeprefix("refs/heads/"), path)
        for row, (path, _, _) in zip(desk.builds(), built(desk), strict=True)
    }
    assert refs == {
        ("main", "team/app"),
        ("release/1.2", "team/app_release-1-2"),
        ("wip/x", "team/app"),
        ("gh-readonly-queue/main/pr-7-" + "a" * 40, "team/app"),
        ("refs/tags/v1", "team/app"),
    }


def test_forks_and_repositories_of_one_name_keep_apart(desk: Desk) -> None:
    """A fork's pull request has a copy that is not trusted; another repository's are its own, by GitHub's number."""
    repository, fork = desk.repository(), desk.repository("mallory/hello")
    define(desk)
    link(desk, repository)
    link(desk, fork, known=False)
    repository.commit({FILE: RECIPE})
    head = fork.commit({FILE: RECIPE, "evil": "1"}, branch="main")
    repository.git("fetch", "-q", str(fork.path), "+refs/heads/main:refs/pull/3/head")
    tell(desk, "push", fork.push_payload(before="0" * 40))
    tell(desk, "pull_request", repository.pull_request_payload(3, "main", head=fork))
    fork.commit({FILE: RECIPE, "b": "1"}, branch="next")
    tell(desk, "pull_request", fork.pull_request_payload(3, "next"))
    found = jobs(desk)
    own, (branch, pull) = found["team/app_pr3"], [row for path, row in found.items() if "_hello-" in path]
    assert (own.repository, branch.repository, pull.repository) == ("octo/hello", "mallory/hello", "mallory/hello")
    assert (branch.copy_key, pull.copy_key) == (f"branch:main #{fork.id}", f"pull_request:3 #{fork.id}")
    assert {row.job_id: row.trust for row in desk.builds(sha=head)} == {own.id: "untrusted", branch.id: "trusted"}
    assert {row.repository_id for row in rows(desk.database, schema.link)} == {repository.id, fork.id}
    assert "mallory/hello" not in found, "a repository that is linked needs no job of its own"

    fork.id = 99  # the old one was renamed, and this is a new one
    link(desk, fork)
    tell(desk, "pull_request", fork.pull_request_payload(3, "next"))
    assert len([path for path in jobs(desk) if "_hello-pr3" in path]) == 2, "the name's next owner has its own"


def test_a_disabled_job_builds_no_copy_but_lets_it_end(desk: Desk) -> None:
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    tell(desk, "push", repository.push({FILE: RECIPE}, branch="next"))
    define(desk, enabled=False)
    assert tell(desk, "push", repository.push({"a": "1"}, branch="next")) == "every job of the repository is disabled"
    tell(desk, "push", repository.push_payload("next", before=str(repository.head("next")), after="0" * 40))
    assert len(desk.builds()) == 1
    assert jobs(desk)["team/app_next"].closed_at is not None


def test_a_copy_ends_also_when_its_link_is_gone(desk: Desk) -> None:
    """Else it would stand in the lists for ever; and no other end takes more than a look."""
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    repository.commit({FILE: RECIPE})
    repository.commit({FILE: RECIPE, "a": "1"}, branch="fix")
    tell(desk, "pull_request", repository.pull_request_payload(25, "fix"))
    desk.database.write(lambda connection: connection.execute(schema.link.delete()))
    tell(desk, "pull_request", repository.pull_request_payload(25, "fix", action="closed"))
    assert jobs(desk)["team/app_pr25"].closed_at is not None
    other = read_event("pull_request", repository.pull_request_payload(26, "fix", action="closed"))
    with desk.database.reading() as connection:
        (seen,) = glance(connection, [other], lambda _: True)
    assert seen == Seen("0 builds")


def test_a_renamed_repository_takes_its_links_and_copies_along(desk: Desk) -> None:
    repository = desk.repository()
    define(desk)
    link(desk, repository)
    tell(desk, "push", repository.push({FILE: RECIPE}, branch="next"))
    payload = repository.push({"a": "1"}, branch="next")
    payload["repository"] |= {"name": "renamed", "full_name": "octo/renamed"}
    tell(desk, "push", payload)
    assert {row.repository for row in jobs(desk).values()} == {"octo/renamed"}
    assert {row.repository for row in rows(desk.database, schema.link)} == {"octo/renamed"}
    assert [entry[:2] for entry in built(desk)] == [("team/app_next", 1), ("team/app_next", 2)]
