"""What GitHub's merge queue is about to merge: built once, as its pull requests are, and told at its own commit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository, user
from github_pace import unpaced
from hub_parts import Desk, open_desk
from hubwright.github.client import GitHubClient
from hubwright.hub.builds import cancel
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from payload_corpus import all_payloads

RECIPE = """
stages:
  - build: make
  - test: {run: make check, when: {event: pull_request, branch: release/1}}
  - deploy: {run: make deploy, when: {event: push}}
"""


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def repository(desk: Desk) -> FakeRepository:
    made = desk.repository()
    made.commit({".hubwright.yml": RECIPE}, branch="release/1")
    return made


def merge(repository: FakeRepository, message: str = "Merge pull request #7 from octo/topic") -> dict[str, Any]:
    """Pull request 7 waits in the queue of `release/1`: the payload of `merge_group`."""
    base = str(repository.head("release/1"))
    branch = f"gh-readonly-queue/release/1/pr-7-{base}"
    repository.git("update-ref", f"refs/heads/{branch}", base)
    sha = repository.commit({"topic": "1"}, message, branch=branch)
    head = repository.push_payload(branch, before=base)["head_commit"]
    group = {
        "head_sha": sha, "head_ref": f"refs/heads/{branch}", "base_sha": base, "base_ref": "refs/heads/release/1",
        "head_commit": {key: head[key] for key in ("id", "tree_id", "message", "timestamp", "author", "committer")},
    }  # fmt: skip
    return {"action": "checks_requested", "merge_group": group, "repository": repository.describe(),
            "sender": user("ada")}  # fmt: skip


def push_of(repository: FakeRepository, group: dict[str, Any]) -> dict[str, Any]:
    """GitHub tells of the queue's branch as of any other."""
    branch = group["merge_group"]["head_ref"].removeprefix("refs/heads/")
    return repository.push_payload(branch, before="0" * 40)


@pytest.mark.parametrize("order", list(itertools.permutations(["merge_group", "push"])))
def test_a_merge_group_is_built_once(desk: Desk, repository: FakeRepository, order: tuple[str, str]) -> None:
    """As the pull requests in it, for the branch that it goes into; whichever event comes first, also doubled."""
    group = merge(repository)
    bodies = {"merge_group": group, "push": push_of(repository, group)}
    for event in (*order, *order):
        desk.deliver(event, bodies[event])
    desk.work()
    (build,) = desk.builds()
    told = group["merge_group"]
    assert (build.sha, build.ref, build.event) == (told["head_sha"], told["head_ref"], "merge_group")
    assert (build.base_ref, build.trust, build.author_name) == ("release/1", "trusted", "Ada Lovelace")
    assert build.branch == told["head_ref"].removeprefix("refs/heads/")
    (run,) = desk.runs()
    assert [stage["name"] for stage in run.assignment["stages"]] == ["build", "test"]


def test_its_message_can_t_skip_it(desk: Desk, repository: FakeRepository) -> None:
    """The queue waits for the required check: nobody would ever tell it."""
    desk.deliver("merge_group", merge(repository, "Merge pull request #7\n\n[skip ci]"))
    desk.work()
    assert len(desk.builds()) == 1


def test_a_group_that_is_taken_apart_builds_nothing(desk: Desk, repository: FakeRepository) -> None:
    group = merge(repository) | {"action": "destroyed", "reason": "dequeued"}
    number = desk.deliver("merge_group", group)
    desk.work()
    assert (desk.delivery(number).state, desk.delivery(number).outcome) == ("done", "kept")
    assert desk.builds() == []


def test_githubs_own_example_builds_at_the_head_of_the_group(desk: Desk) -> None:
    """Its `head_commit` has another id; the head is what the queue waits for. The commit can't be had."""
    body = next(payload for event, payload in all_payloads() if event == "merge_group")
    desk.deliver("merge_group", body)
    desk.work()
    (build,) = desk.builds()
    assert build.sha == body["merge_group"]["head_sha"]
    assert build.base_ref == "main"


def test_its_head_is_told(database: Database, tmp_path: Path) -> None:
    """What the queue waits for stands at the group's own commit."""
    with FakeGitHub(tmp_path / "remotes") as github, open_desk(database, tmp_path) as desk:
        repository = github.create_repository("octo/hello")
        repository.commit({".hubwright.yml": RECIPE}, branch="release/1")
        with GitHubClient(github.api_url, github.token, gate=unpaced(desk.clock), clock=desk.clock) as client:
            reporter = StatusReporter(database, client, "https://ci.example.org")
            relay = Relay(database, [reporter], "hub", desk.clock, [].append)
            relay.enroll()
            group = merge(repository)
            sha = group["merge_group"]["head_sha"]
            desk.deliver("merge_group", group)
            desk.work()
            (build,) = desk.builds()
            relay.drain_facts()
            relay.drain_reports()
            database.write(partial(cancel, build_id=build.id, now=desk.clock(), reason="enough"))
            relay.drain_facts()
            relay.drain_reports()
            relay.close()
        assert [one["state"] for one in github.statuses(sha, "hubwright")] == ["pending", "error"]
