"""What a fork brings waits; it is approved by commit; every push, close and retarget asks again (S11, S13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from fork_parts import ADA, FILE, Fork, comment, outcome
from hub_parts import GROUND, RECIPE, Desk, open_desk, rows
from hubwright.domain.facts import FactKind
from hubwright.domain.jobs import Approval
from hubwright.errors import ConflictError, NotFoundError
from hubwright.github.client import GitHubClient
from hubwright.hub.approvals import approve
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.differences import Differences
from hubwright.hub.moves import lease, put_back
from hubwright.hub.permissions import find_refusal
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.retention import delete_builds
from hubwright.store.runs import load_runs
from hubwright.store.views import load_build
from hubwright.store.views_waiting import load_queues, load_waiting_runs, load_waits


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def fork(desk: Desk) -> Fork:
    made = Fork(desk)
    made.push()
    made.tell()
    return made


def test_a_fork_waits_and_says_so(fork: Fork) -> None:
    """It is in no queue that builders are served from; build, queue and why say what it waits for."""
    assert fork.states() == ["held"]
    (wait,) = rows(fork.desk.database, schema.approval)
    assert (wait.sha, wait.base_ref, wait.pull_request) == (fork.head.head("topic"), "main", 3)
    assert (wait.head_repository_id, wait.repository_id) == (fork.head.describe()["id"], fork.base.describe()["id"])
    (build,) = fork.desk.builds()
    assert (build.state, build.base_ref, build.base_sha) == ("queued", "main", fork.base.head("main"))
    with fork.desk.database.reading() as connection:
        waits = load_waits(connection, load_build(connection, 1), 1.0)
        ((queued, waiting),) = load_waiting_runs(connection, 50, 1.0)
        (queue,) = load_queues(connection, 1.0)
    assert waits[1].reasons[0].kind == waiting.reasons[0].kind == "held"
    assert queued.sha[:7] in waiting.sentence
    assert (queue.held, queue.waiting) == (1, 0)
    assert len(fork.facts(FactKind.BUILD_HELD)) == 1


def test_an_approval_lets_that_commit_into_the_queue(fork: Fork) -> None:
    """Bound to the commit that was seen; recorded with the token."""
    with pytest.raises(ConflictError, match="is of commit"):
        fork.approve(sha="0" * 40)
    assert fork.states() == ["held"]
    assert fork.approve() == 1
    assert fork.states() == ["queued"]
    (row,) = rows(fork.desk.database, schema.approval)
    assert (row.token_name, row.token_id, row.approved_by_id, row.revoked_at) == ("ada", 1, None, None)
    assert fork.facts(FactKind.BUILD_APPROVED)[0].data["by"] == "ada"
    with pytest.raises(ConflictError, match="does not wait"):
        fork.approve()
    with pytest.raises(NotFoundError):
        fork.approve(99, "0" * 40)
    assert fork.desk.runs()[0].assignment["trust"] == "untrusted"


def test_a_push_asks_again_and_drops_what_waited(fork: Fork) -> None:
    """S11: benign commit, approval, evil commit."""
    old = fork.head.head("topic")
    fork.approve()
    fork.push(evil="1")
    fork.tell("synchronize")
    assert [build.state for build in fork.desk.builds()] == ["finished", "queued"]
    assert fork.desk.builds()[0].result == "cancellation"
    assert fork.states() == ["finished", "held"]
    with pytest.raises(ConflictError, match="by now"):
        fork.approve(1, old)
    assert "pushed to" in fork.facts(FactKind.APPROVAL_REARMED)[0].data["why"]
    assert fork.approve(2) == 1


def test_a_push_back_to_an_approved_commit_needs_a_new_approval(fork: Fork) -> None:
    """S11: a force-push back; the build that the push had dropped waits again."""
    first = fork.head.head("topic")
    fork.approve()
    fork.push(evil="1")
    fork.tell("synchronize")
    fork.head.move("topic", first)
    fork.show()
    fork.tell("synchronize")
    assert [(build.state, build.result) for build in fork.desk.builds()] == [
        ("queued", None),
        ("finished", "cancellation"),
    ]
    assert fork.states() == ["finished", "held"]
    assert fork.approve(1) == 1


def test_closing_drops_and_reopening_waits_again(fork: Fork) -> None:
    """Whatever was approved before."""
    fork.approve()
    fork.tell("closed")
    assert fork.states() == ["finished"]
    with pytest.raises(ConflictError, match="closed"):
        fork.approve()
    fork.tell("reopened")
    assert fork.states() == ["held"]
    assert fork.approve() == 1


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("edited", {"base": "stable", "changes": {"base": {"ref": {"from": "main"}}}}),
        ("edited", {"changes": {"base": {"ref": {"from": "other"}}}}),
        ("labeled", {"base": "stable"}),
        ("ready_for_review", {}),
        ("converted_to_draft", {"pull_request": {"draft": True}}),
    ],
)
def test_other_circumstances_ask_again(fork: Fork, action: str, told: dict[str, Any]) -> None:
    """S11: the same commit for another base is something else; it is held, not dropped."""
    fork.approve()
    fork.tell(action, **told)
    assert fork.states() == ["held"]
    assert fork.desk.builds()[0].base_ref == told.get("base", "main")
    assert fork.approve() == 1


def test_who_looked_at_it_for_another_base_has_to_look_again(fork: Fork) -> None:
    """S11: the difference that was shown is against a base; retargeted since, the same click approves nothing."""
    sha = fork.head.head("topic")

    def click(base: str) -> int:
        return fork.desk.database.write(lambda it: approve(it, 1, sha, ADA, fork.desk.clock(), base))

    fork.tell("edited", base="stable", changes={"base": {"ref": {"from": "main"}}})
    with pytest.raises(ConflictError, match="is for stable by now"):
        click("main")
    assert click("stable") == 1


def test_what_changes_nothing_leaves_the_approval(fork: Fork) -> None:
    """A label, a title, the same news again."""
    fork.approve()
    fork.tell("labeled")
    fork.tell("edited", changes={"title": {"from": "a"}})
    fork.tell("opened")
    assert fork.states() == ["queued"]


def test_a_fork_that_is_gone_or_another_asks_again(fork: Fork) -> None:
    """The head's repository is known by GitHub's number; deleted, it has none."""
    fork.approve()
    head = fork.base.pull_request_payload(3, "topic", head=fork.head)["pull_request"]["head"]
    fork.tell("labeled", pull_request={"head": head | {"repo": None}})
    assert fork.states() == ["held"]
    assert fork.approve() == 1
    fork.tell("labeled", pull_request={"head": head | {"repo": head["repo"] | {"id": 999}}})
    assert fork.states() == ["held"]


def test_late_news_changes_nothing(fork: Fork) -> None:
    """A delivery of before the last push, tried again after it, neither drops the head nor lets old commits be it."""
    old = fork.base.pull_request_payload(3, "topic", action="synchronize", head=fork.head)
    old["pull_request"]["updated_at"] = "2026-01-01T00:00:00Z"
    new = fork.push(more="1")
    fork.tell("synchronize", pull_request={"updated_at": "2026-01-01T00:00:05Z"})
    fork.approve(2)
    fork.desk.understand("pull_request", old)
    assert fork.states() == ["finished", "queued"]
    assert rows(fork.desk.database, schema.gh_pull_request)[0].head_sha == new


def test_new_attempts_after_the_approval_ended_wait(fork: Fork) -> None:
    """A run that is under way goes on to its end; lost, put back or run again it waits (S13)."""
    fork.approve()
    database = fork.desk.database
    database.write(lambda it: lease(it, [(1, "anvil")], 5.0))
    fork.tell("synchronize")
    assert fork.states() == ["running"]
    database.write(lambda it: put_back(it, load_runs(it, [1])[0], 6.0))
    assert fork.states() == ["held"]
    database.write(lambda it: cancel(it, 1, 7.0, "enough"))
    assert fork.states() == ["finished"]
    database.write(lambda it: rerun(it, 1, 8.0))
    assert fork.states() == ["held"]
    assert fork.approve() == 1
    database.write(lambda it: lease(it, [(2, "anvil")], 9.0))
    database.write(lambda it: put_back(it, load_runs(it, [2])[0], 10.0))
    assert fork.states() == ["queued"]


def test_a_wish_for_a_forks_commit_waits_too(fork: Fork) -> None:
    """Who may start builds has not looked at the commit yet."""
    fork.desk.wishes.start("octo/hello", "refs/pull/3/head", fork.head.head("topic"), "ada", "w", fork.desk.clock())
    fork.desk.work()
    assert fork.states() == ["held", "held"]
    assert [row.pull_request for row in rows(fork.desk.database, schema.approval)] == [3, 3]


def test_a_job_may_do_without(database: Database, tmp_path: Path) -> None:
    """Setting `builds.approval` = never: at once, as untrusted as ever."""
    with open_desk(database, tmp_path, ground=replace(GROUND, approval=Approval.NEVER)) as desk:
        fork = Fork(desk)
        fork.push()
        fork.tell()
        assert fork.states() == ["queued"]
        assert desk.builds()[0].trust == "untrusted"
        assert rows(database, schema.approval) == []


def test_ours_never_wait(desk: Desk) -> None:
    """Pushes and pull requests within the repository."""
    repository: FakeRepository = desk.repository()
    repository.commit({FILE: RECIPE})
    repository.commit({"a": "1"}, branch="topic")
    desk.understand("push", repository.push_payload())
    desk.understand("pull_request", repository.pull_request_payload(1, "topic"))
    assert {run.state for run in desk.runs()} == {"queued"}


def test_who_approves_sees_what_would_be_run_otherwise(fork: Fork) -> None:
    """S12: the recipes' difference against the base, and the files that decide what is run."""
    fork.push(Makefile="all:\n\tcurl evil", **{FILE: "stages:\n  - build: make\n  - spy: env\n", "a.c": ""})
    fork.tell("synchronize")
    desk = fork.desk
    found = Differences(desk.database, desk.mirrors, desk.understanding.origin_of).compare(2)
    assert (found.sha, found.base_sha) == (fork.head.head("topic"), fork.base.head("main"))
    assert [(change.where, change.what) for change in found.changes] == [
        ("stage spy", "added"),
        ("stage test", "removed"),
    ]
    assert (found.touched, set(found.deciding)) == (3, {FILE, "Makefile"})
    assert "+ run: env" in found.text
    assert "  Makefile" in found.text


def test_a_base_without_a_recipe_runs_nothing(desk: Desk) -> None:
    """All that the head runs is new then; and what can't be compared says why."""
    fork = Fork(desk)
    fork.base.commit({FILE: "wrong"})
    fork.push()
    fork.tell()
    compare = Differences(desk.database, desk.mirrors, desk.understanding.origin_of).compare
    assert "stage build: added" in compare(1).text
    desk.wishes.start("octo/hello", "refs/pull/3/head", fork.head.head("topic"), "ada", "w", desk.clock())
    assert "no base is known" in compare(2).text
    with pytest.raises(NotFoundError):
        compare(9)


@pytest.fixture
def asked(database: Database, tmp_path: Path) -> Iterator[tuple[Fork, FakeGitHub]]:
    """A held pull request at a hub that asks a fake GitHub who may write."""
    with (
        FakeGitHub() as github,
        GitHubClient(github.api_url, github.token) as client,
        open_desk(database, tmp_path, refusal_of=partial(find_refusal, client)) as desk,
    ):
        fork = Fork(desk)
        fork.push()
        fork.tell()
        yield fork, github


def test_a_comment_by_someone_with_write_access_approves(asked: tuple[Fork, FakeGitHub]) -> None:
    """S10: GitHub's number is what is known of the approver; what they may is asked at that moment (S13)."""
    fork, github = asked
    head = fork.head.head("topic")
    text = f"/hubwright approve {head}\nLooks fine."
    github.state.permissions["grace"] = (8, "admin")
    assert "is not GitHub user 7 by now" in str(outcome(fork, comment(fork, text)))
    github.state.permissions["grace"] = (7, "read")
    assert "may not write" in str(outcome(fork, comment(fork, text)))
    assert fork.states() == ["held"]
    github.state.permissions["grace"] = (7, "write")
    assert outcome(fork, comment(fork, text)) == "approved: 1 build"
    assert fork.states() == ["queued"]
    (row,) = rows(fork.desk.database, schema.approval)
    assert (row.approved_by_id, row.approved_by_login, row.token_name) == (7, "grace", None)
    assert outcome(fork, comment(fork, text)) == "nothing waits for approval of this commit"


def test_comments_that_are_no_approval_approve_nothing(asked: tuple[Fork, FakeGitHub]) -> None:
    """S10: bots, edits, quotes, what one sends of another's, issues, short and other ids."""
    fork, github = asked
    github.state.permissions["grace"] = (7, "admin")
    head = fork.head.head("topic")
    text = f"/hubwright approve {head}"
    for payload in (
        comment(fork, text, type="Bot"),
        comment(fork, text, by=8),
        comment(fork, text, action="edited"),
        comment(fork, text, pull=False),
        comment(fork, f"> {text}"),
        comment(fork, f"Well.\n{text}"),
        comment(fork, f" {text}"),
    ):
        assert outcome(fork, payload) == "kept"
    for text in (f"/hubwright approve {head[:7]}", "/hubwright approve", f"/hubwright approve {head} please"):
        assert "whole commit id" in str(outcome(fork, comment(fork, text)))
    other = outcome(fork, comment(fork, f"/hubwright approve {'0' * 40}"))
    assert other == "nothing waits for approval of this commit"
    assert fork.states() == ["held"]


def test_without_a_token_for_github_no_comment_approves(fork: Fork) -> None:
    """The hub can't know who may write then."""
    assert "no token" in str(outcome(fork, comment(fork, f"/hubwright approve {fork.head.head('topic')}")))
    assert fork.states() == ["held"]


def test_approvals_go_with_their_builds(fork: Fork) -> None:
    """Retention is not held up by them."""
    fork.approve()
    fork.tell("closed")
    fork.desk.database.write(lambda it: delete_builds(it, [1]))
    assert rows(fork.desk.database, schema.approval) == fork.desk.builds() == []
