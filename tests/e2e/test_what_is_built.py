"""Every kind of push and pull request, and which builds come of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fake_github import FakeGitHub
from git_repositories import NO_COMMIT, Author
from hub_process import ADMIN, GREEN, SECRET, HubProcess, Make
from waiting import until


def outcome(hub: HubProcess, guid: str) -> str:
    """What came of a delivery, once it was understood."""

    def look() -> str | None:
        found = [one for one in hub.get("deliveries", limit=200)["items"] if one["guid"] == guid]
        return found[0]["outcome"] if found and found[0]["state"] == "done" else None

    return str(until(look, 20, f"delivery {guid} to be understood"))


def deliver(hub: HubProcess, event: str, payload: dict[str, Any], **more: Any) -> str:
    """Deliver and wait until it was understood; what came of it."""
    return outcome(hub, hub.deliver(event, payload, **more)["delivery"])


def test_each_commit_of_a_push_is_built_the_newest_first(hub: HubProcess, make: Make) -> None:
    """One build per commit (system 0); the head is scheduled first and has the highest number."""
    repository = make()
    before = repository.head()
    shas = repository.commit_each([({"a": str(number)}, f"Commit {number}") for number in range(3)])
    hub.deliver("push", repository.push_payload(before=before))

    builds = hub.finished(repository, 3)
    assert [build["sha"] for build in builds if build["number"] == 3] == [shas[-1]]
    assert {build["sha"] for build in builds} == set(shas)
    assert {build["result"] for build in builds} == {"success"}
    assert [build["message"] for build in sorted(builds, key=lambda one: one["number"])] == [
        "Commit 0", "Commit 1", "Commit 2",
    ]  # fmt: skip


def test_a_job_may_build_heads_only(hub: HubProcess, make: Make) -> None:
    """`commits: head` is a job's setting: the other commits become rows, not builds."""
    repository = make()
    name = repository.full_name
    answer = hub.client.put(f"/api/v1/jobs/{name}", json={"repo": name, "settings": {"commits": "head"}})
    assert answer.status_code == 201, answer.text
    before = repository.head()
    shas = repository.commit_each([({"a": str(number)}, f"Commit {number}") for number in range(3)])
    hub.deliver("push", repository.push_payload(before=before))

    assert [build["sha"] for build in hub.finished(repository)] == [shas[-1]]
    kept = {commit["sha"] for commit in hub.get("commits", repo=name)["items"]}
    assert kept >= set(shas)


@pytest.mark.parametrize("word", ["[skip ci]", "[CI SKIP]", "x\n\nskip-checks: true"])
def test_a_commit_may_ask_not_to_be_built(hub: HubProcess, make: Make, word: str) -> None:
    """`[skip ci]` and its kin, as GitHub has them; the commit still becomes a row."""
    repository = make()
    payload = repository.push({"a": "1"}, f"Change {word}")
    assert deliver(hub, "push", payload) == "0 builds"
    assert hub.builds(repository) == []
    assert [commit["sha"] for commit in hub.get("commits", repo=repository.full_name)["items"]] == [payload["after"]]


def test_a_pull_request_from_a_fork_builds_its_head_without_a_secret(
    hub: HubProcess, github: FakeGitHub, make: Make
) -> None:
    """S17: the code of strangers is fetched from refs/pull/N/head and finds nothing of ours in its environment."""
    repository = make()
    fork = github.create_repository(f"mallory/{repository.name}", GREEN)
    script = "env; cat /proc/$PPID/environ /proc/$PPID/cmdline 2>/dev/null | tr '\\000' '\\n' || true"
    sha = fork.commit({".hubwright.yml": f"stages:\n- spy: {script}\n"}, "Spy", branch="evil")
    repository.git("fetch", "-q", str(fork.path), "refs/heads/evil:refs/pull/7/head")
    hub.deliver("pull_request", repository.pull_request_payload(7, "evil", head=fork))

    github.wait_for(lambda: github.statuses(sha, "hubwright"))
    (pending,) = github.statuses(sha, "hubwright")
    assert (pending["state"], pending["description"]) == ("pending", "waits for approval")
    hub.approve(repository)
    (build,) = hub.finished(repository)
    assert (build["result"], build["sha"], build["event"]) == ("success", sha, "pull_request")
    assert (build["ref"], build["pull_request"]) == ("refs/pull/7/head", 7)
    output = hub.output(build["runs"][0]["id"]).decode(errors="replace")
    variables = dict(line.partition("=")[::2] for line in output.splitlines() if "=" in line)
    assert variables["CI_PIPELINE_EVENT"] == "pull_request"
    assert variables["CI_COMMIT_SOURCE_BRANCH"] == "evil"
    assert variables["CI_COMMIT_TARGET_BRANCH"] == "main"
    for secret in (SECRET, ADMIN, github.token, (hub.data / "builder-token").read_text().strip()):
        assert secret not in output
    github.wait_for(lambda: [one for one in github.statuses(sha, "hubwright") if one["state"] == "success"])
    assert {status["repository"] for status in github.statuses(sha)} == {repository.full_name}


def test_a_pull_request_within_a_repository_builds_once_with_its_push(hub: HubProcess, make: Make) -> None:
    """Push and pull request tell of the same commit: one build, whichever comes first."""
    for first in ("push", "pull_request"):
        repository = make()
        repository.move("topic", str(repository.head()))
        push = repository.push({"a": "1"}, branch="topic")
        payloads = {"push": push, "pull_request": repository.pull_request_payload(3, "topic")}
        second = "pull_request" if first == "push" else "push"
        assert deliver(hub, first, payloads[first]) == "1 build"
        assert deliver(hub, second, payloads[second]) == "0 builds"
        assert [build["sha"] for build in hub.finished(repository)] == [push["after"]]


def test_a_tag_is_built_as_a_tag(hub: HubProcess, make: Make) -> None:
    """A tag push builds what its rules say, under the tag's name."""
    recipe = "stages:\n- tagged:\n    run: echo tag=$CI_COMMIT_TAG\n    when: {event: tag, tag: v*}\n"
    repository = make({".hubwright.yml": recipe})
    sha = str(repository.head())
    repository.tag("v1.0", sha)
    payload = repository.push_payload(before=NO_COMMIT, after=sha, ref="refs/tags/v1.0")
    hub.deliver("push", payload)

    (build,) = hub.finished(repository)
    assert (build["event"], build["ref"], build["result"]) == ("tag", "refs/tags/v1.0", "success")
    assert hub.output(build["runs"][0]["id"]) == b"tag=v1.0\n"


def test_a_branch_is_made_and_deleted(hub: HubProcess, make: Make) -> None:
    """A new branch with nothing new in it builds its head once; a deleted one builds nothing."""
    repository = make()
    sha = str(repository.head())
    repository.move("topic", sha)
    assert deliver(hub, "create", repository.ref_payload("topic")) == "kept"
    payload = repository.push_payload("topic", before=NO_COMMIT) | {"commits": []}  # GitHub lists none: main has them
    assert deliver(hub, "push", payload) == "1 build"
    repository.delete("topic")
    assert deliver(hub, "push", repository.push_payload("topic", before=sha, after=NO_COMMIT)) == "0 builds"
    assert deliver(hub, "delete", repository.ref_payload("topic")) == "kept"
    assert [build["branch"] for build in hub.finished(repository)] == ["topic"]


def test_a_forced_push_builds_what_is_new(hub: HubProcess, make: Make) -> None:
    """After a force push the new head is built; a force back to a commit that was built builds nothing anew."""
    repository = make()
    base = str(repository.head())
    first = repository.push({"a": "1"})
    assert deliver(hub, "push", first) == "1 build"
    repository.move("main", base)
    second = repository.push_payload(before=first["after"], after=repository.commit({"a": "2"}, "Other"))
    assert second["forced"] is True
    assert deliver(hub, "push", second) == "1 build"
    repository.move("main", first["after"])
    back = repository.push_payload(before=second["after"], after=first["after"])
    assert back["forced"] is True
    assert deliver(hub, "push", back) == "0 builds"

    builds = hub.finished(repository, 2)
    assert [build["sha"] for build in builds] == [second["after"], first["after"]]
    assert {build["result"] for build in builds} == {"success"}


def test_a_push_without_commits_builds_its_head(hub: HubProcess, make: Make) -> None:
    """GitHub sends an empty list when a branch moves to commits that it has told of before."""
    repository = make()
    payload = repository.push_payload() | {"commits": []}
    assert deliver(hub, "push", payload) == "1 build"
    (build,) = hub.finished(repository)
    assert (build["sha"], build["result"]) == (repository.head(), "success")


def test_a_push_of_2048_commits_is_bounded(hub: HubProcess, make: Make) -> None:
    """GitHub's largest push: at most 20 builds, every commit a row, and the hub answers others meanwhile (R10)."""
    repository = make({".hubwright.yml": "when: {branch: nothing}\nstages:\n- build: echo built\n"})
    before = repository.head()
    shas = repository.commit_each([({"a": str(number)}, f"Commit {number}") for number in range(2048)])
    payload = repository.push_payload(before=before)
    assert len(payload["commits"]) == 2048
    began = time.monotonic()
    answer = hub.deliver("push", payload)
    assert time.monotonic() - began < 10  # GitHub's patience
    assert outcome(hub, answer["delivery"]) == "20 builds"

    assert {build["sha"] for build in hub.finished(repository, 20)} == set(shas[-20:])
    kept, cursor = set(), None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = hub.get("commits", repo=repository.full_name, limit=200, **more)
        kept |= {commit["sha"] for commit in page["items"]}
        if (cursor := page["next"]) is None:
            break
    assert kept == set(shas)


def test_an_author_may_be_unknown_to_github(hub: HubProcess, make: Make) -> None:
    """Such commits have no `username`; the name is shown instead."""
    repository = make()
    author = Author(name="Nobody Known", email="nobody@example.org", login=None)
    repository.commit({"a": "1"}, "Anonymous", author=author)
    payload = repository.push_payload()
    assert "username" not in payload["commits"][0]["author"]
    hub.deliver("push", payload)
    (build,) = hub.finished(repository)
    assert (build["author"], build["result"]) == ("Nobody Known", "success")


def test_a_delivery_that_comes_again_builds_once(hub: HubProcess, make: Make) -> None:
    """R9, S6: the same id five times is one build, and so is the same push under a new id."""
    repository = make()
    payload = repository.push_payload()
    guid = f"guid-of-{repository.name}"
    answers = [hub.deliver("push", payload, guid=guid) for _ in range(5)]
    assert [answer["duplicate"] for answer in answers] == [False, True, True, True, True]
    assert deliver(hub, "push", payload) == "0 builds"
    assert len(hub.finished(repository)) == 1


def test_pushes_out_of_order_lead_to_the_same_builds(hub: HubProcess, make: Make) -> None:
    """R9: a late push of an older commit builds that commit, and none twice."""
    repository = make()
    pushes = [repository.push({"a": str(number)}) for number in range(3)]
    for number in (2, 0, 1, 0):
        hub.deliver("push", pushes[number])
    builds = hub.finished(repository, 3)
    assert sorted(build["sha"] for build in builds) == sorted(push["after"] for push in pushes)


def test_forms_and_every_live_secret_are_taken(github: FakeGitHub, make: Make, hub: HubProcess) -> None:
    """`application/x-www-form-urlencoded`, as GitHub's default was; the signature is over the raw bytes (S5)."""
    repository = make()
    assert hub.deliver("push", repository.push_payload(), form=True)["duplicate"] is False
    assert hub.finished(repository)[0]["result"] == "success"


def test_a_ping_answers_pong_and_what_is_unknown_is_kept(hub: HubProcess, make: Make) -> None:
    """GitHub makes new events at any time: they are answered 202 and kept with their body."""
    repository = make()
    ping = {"zen": "Keep it logically awesome.", "hook_id": 1, "repository": repository.describe()}
    assert hub.deliver("ping", ping)["pong"] is True
    assert deliver(hub, "sun_exploded", {"action": "boomed", "repository": repository.describe()}) == "kept"
    assert deliver(hub, "issues", {"action": "never_heard_of", "issue": {}}) == "kept"
    assert hub.builds(repository) == []
