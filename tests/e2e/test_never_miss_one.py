"""Whatever happens to deliveries, each push is built once: a hub that was away, lost deliveries, broken tunnels."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fake_github import FakeGitHub
from fake_github_state import Recorded
from fake_repository import FakeRepository
from github_items import issue
from hub_process import GREEN, SECRET, HubProcess
from waiting import until

PATIENCE = 90.0
"""Seconds on a machine that is busy with other tests."""

QUICK = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own."""
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture
def hub(tmp_path: Path, github: FakeGitHub) -> Iterator[HubProcess]:
    """A hub that looks only when it is told to."""
    with HubProcess(tmp_path, github=github, settings=QUICK) as process:
        yield process


def heal(hub: HubProcess, done: int = 0) -> dict[str, Any]:
    """Look now; how it stands once nothing is missing and so much is recovered."""
    hub.post("healing")

    def look() -> dict[str, Any] | None:
        found = dict(hub.get("healing"))
        return found if found["missing"] == 0 and found["recovered"] >= done else None

    found = until(look, PATIENCE, f"{done} recovered deliveries")
    assert found is not None
    return found


def count_builds(hub: HubProcess, repository: FakeRepository) -> dict[str, int]:
    """How many builds each commit has."""
    counts: dict[str, int] = {}
    for build in hub.builds(repository):
        counts[build["sha"]] = counts.get(build["sha"], 0) + 1
    return counts


@pytest.mark.timeout(360)
def test_twenty_pushes_while_the_hub_is_down_are_each_built_once(hub: HubProcess, github: FakeGitHub) -> None:
    """R8: GitHub sends nothing again by itself; the hub asks for it, and a second look finds nothing to do."""
    repository = github.create_repository("octo/away", GREEN)
    hook = github.add_hook("/repos/octo/away", hub.hook, SECRET)
    assert hook.send("push", repository.push_payload()) == 202
    hub.finished(repository, 1, PATIENCE)
    hub.stop()

    pushes = [repository.push({"README": f"{number}\n"}) for number in range(20)]
    assert [hook.send("push", payload) for payload in pushes] == [0] * 20
    hub.start()
    found = heal(hub, 20)
    builds = hub.finished(repository, 21, 2 * PATIENCE)

    assert {build["sha"] for build in builds} >= {payload["after"] for payload in pushes}
    assert set(count_builds(hub, repository).values()) == {1}
    assert (found["recovered"], found["missing"]) == (20, 0)
    assert found["text"].startswith("last 24 h: 21 delivered, 20 recovered, 0 missing")
    assert len(hook.asked) == len(set(hook.asked)) == 20
    heal(hub, 20)
    assert len(hook.asked) == 20
    page = hub.client.get("/deliveries").text
    assert "21 delivered, 20 recovered, 0 missing" in page


@pytest.mark.timeout(360)
def test_a_delivery_that_github_believes_arrived_is_found(hub: HubProcess, github: FakeGitHub) -> None:
    """Only the ledger knows what came: `status=failure` would miss what a proxy swallowed with a 200."""
    repository = github.create_repository("octo/swallowed", GREEN)
    hook = github.add_hook("/repos/octo/swallowed", hub.hook, SECRET)
    hook.send("push", repository.push_payload())
    hub.finished(repository, 1, PATIENCE)
    long_ago = time.time() - 3600
    guid = hook.lose("push", repository.push({"README": "swallowed\n"}), at=long_ago)
    too_old = hook.lose("star", {"action": "created", "repository": repository.describe()}, at=time.time() - 4 * 86_400)
    heal(hub, 1)
    hub.finished(repository, 2, PATIENCE)
    (kept,) = hub.get("deliveries", missed=True)["items"]
    assert (kept["guid"], kept["repository"]) == (guid, "octo/swallowed")
    assert too_old not in {one["guid"] for one in hub.get("healing")["deliveries"]}


@pytest.mark.timeout(360)
def test_what_no_redelivery_brings_is_had_from_github_itself(tmp_path: Path, github: FakeGitHub) -> None:
    """Behind a broken tunnel nothing that GitHub sends arrives; its own record has the body."""
    with HubProcess(tmp_path, github=github, settings=QUICK) as hub:
        repository = github.create_repository("octo/tunnel", GREEN)
        hub.deliver("push", repository.push_payload())
        hub.finished(repository, 1, PATIENCE)
        hook = github.add_hook("/repos/octo/tunnel", hub.hook, SECRET)
        hook.reaches = False
        hook.send("issues", {"action": "opened", "issue": issue(7), "repository": repository.describe()})
        hub.post("healing")
        until(lambda: len(hook.asked) == 1, PATIENCE, "the first request for a redelivery")
        with sqlite3.connect(hub.data / "hubwright.db", timeout=30) as database:  # an hour later
            database.execute("UPDATE missed_delivery SET asked = 2, next_try_at = found_at")
        database.close()
        found = heal(hub, 1)
        assert [one["way"] for one in found["deliveries"]] == ["fetched"]
        (kept,) = hub.get("deliveries", event="issues")["items"]
        assert kept["guid"] == hook.sent[0]["guid"]


@pytest.mark.timeout(360)
def test_a_repository_without_a_hook_is_polled_and_each_push_is_built_once(tmp_path: Path, github: FakeGitHub) -> None:
    """While nothing moves GitHub answers 304; what moved is built with its commits, and not again by a late webhook."""
    settings = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "0.3"}
    with HubProcess(tmp_path, github=github, settings=settings) as hub:
        repository = github.create_repository("octo/polled", GREEN)
        repository.commit({"README": "old\n"}, "Old", branch="older")  # was there before: nobody missed it
        hub.client.post("/builds/register", json={"git_repository_url": repository.clone_url})
        hub.finished(repository, 1, PATIENCE)
        until(lambda: hub.get("healing")["looked_at"], PATIENCE, "a first look")
        first = repository.push({"README": "one\n"})
        hub.finished(repository, 2, PATIENCE)
        repository.push({**GREEN, "README": "two\n"}, branch="topic")
        fork = github.create_repository("eve/polled", GREEN)
        theirs_sha = fork.commit({**GREEN, "README": "theirs\n"}, "Theirs", branch="theirs")
        repository.git("fetch", "-q", str(fork.path), "+refs/heads/theirs:refs/pull/6/head")
        pull = repository.pull_request_payload(5, "topic")["pull_request"]
        theirs = repository.pull_request_payload(6, "theirs", head=fork)["pull_request"]
        github.state.pulls["octo/polled"] = [pull, theirs]

        def look() -> dict[str, Any]:
            built = {build["sha"]: build for build in hub.builds(repository)}
            held = [run["state"] for run in built.get(theirs_sha, {}).get("runs", [])] == ["held"]
            return built if held and repository.head("topic") in built else {}

        by_sha = until(look, PATIENCE, "the topic and the fork's pull request")  # which waits for approval
        assert by_sha[repository.head("topic")]["branch"] == "topic"
        assert by_sha[theirs_sha]["event"] == "pull_request"
        assert repository.head("older") not in by_sha

        until(
            lambda: all(build["state"] == "finished" for build in hub.builds(repository) if build["sha"] != theirs_sha),
            PATIENCE,
            "the end of all builds but the fork's",
        )
        until(lambda: all(one["state"] == "done" for one in hub.get("loads")["items"]), PATIENCE, "the copy is right")
        since = len(github.requests)
        polled = until(lambda: (asked := _find_polls(github, since))[15:] and asked, PATIENCE, "four quiet looks")
        assert all("if-none-match" in one.headers for one in polled), "asking while nothing moves costs nothing"
        hub.deliver("push", first)
        hub.deliver("push", repository.push_payload("topic"))
        done = {"state": "done", "event": "push"}
        until(
            lambda: [one for one in hub.get("deliveries", **done)["items"] if one["source"] == "github"][1:],
            PATIENCE,
            "both late webhooks",
        )
        assert set(count_builds(hub, repository).values()) == {1}


def _find_polls(github: FakeGitHub, since: int) -> list[Recorded]:
    """The requests of looks at heads; what is loaded into the copy asks for all pull requests, in an order."""
    places = {f"/repos/octo/polled{part}" for part in ("", "/branches", "/tags", "/pulls")}
    found = [one for one in github.requests[since:] if one.path.removeprefix("/api/v3") in places]
    return [one for one in found if "sort=" not in one.query]


@pytest.mark.timeout(360)
def test_a_stored_delivery_is_understood_again_and_builds_nothing_twice(hub: HubProcess, github: FakeGitHub) -> None:
    """Replay, on the API and the page; what waits, what is unknown and who may not are refused."""
    repository = github.create_repository("octo/replayed", GREEN)
    hub.deliver("push", repository.push_payload())
    hub.finished(repository, 1, PATIENCE)
    every = hub.get("deliveries", repo="octo/replayed")["items"]
    (one,) = (one for one in every if one["headers"])  # the hub's own has none
    hub.post(f"deliveries/{one['id']}/replay")
    again = until(lambda: (found := hub.get(f"deliveries/{one['id']}"))["state"] == "done" and found)
    assert again["finished_at"] > one["finished_at"]
    assert set(count_builds(hub, repository).values()) == {1}
    page = hub.client.get(f"/deliveries/{one['id']}")
    assert page.status_code == 200
    assert "octo/replayed" in page.text
    assert "GitHub-Hookshot/" in page.text
    assert one["headers"]["X-GitHub-Event"] == "push"
    assert hub.client.post(f"/deliveries/{one['id']}/replay").status_code == 303
    hub.post("deliveries/999999/replay", status=404)
    with httpx2.Client(base_url=hub.url, trust_env=False) as anybody:
        assert anybody.post(f"/api/v1/deliveries/{one['id']}/replay").status_code == 401
        assert anybody.post("/api/v1/healing").status_code == 401
        assert anybody.get(f"/deliveries/{one['id']}").status_code == 401
