"""A fork's pull request waits for people: looked at, approved from a terminal, held again by a push (S11, S12)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from fake_github import FakeGitHub
from hub_process import ADMIN, GREEN, PROGRAM, HubProcess
from waiting import until


def run_cli(hub: HubProcess, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command of this hub, with `given` at its stdin."""
    env = hub.environment | {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": ADMIN}
    return subprocess.run(
        [*PROGRAM, *words], input=given, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_fork_waits_is_approved_and_waits_again(folder: Path, github: FakeGitHub) -> None:
    """Also through a restart of the hub; the page has the difference and the button for those who may."""
    repository = github.create_repository("octo/approved", GREEN)
    fork = github.create_repository("mallory/approved", GREEN)

    def push(text: str, action: str) -> str:
        sha = fork.commit({".hubwright.yml": text}, "Topic", branch="topic")
        repository.git("fetch", "-q", str(fork.path), "+refs/heads/topic:refs/pull/7/head")
        hub.deliver("pull_request", repository.pull_request_payload(7, "topic", action=action, head=fork))
        return sha

    def held(sha: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = [one for one in hub.builds(repository) if one["sha"] == sha]
            return found[0] if found and [run["state"] for run in found[0]["runs"]] == ["held"] else None

        return dict(until(look, what="a held build"))

    with HubProcess(folder, github=github) as hub:
        first = push("stages:\n- test: echo approved\n", "opened")
        build = held(first)
        done = run_cli(hub, "approve", str(build["id"]), given="n\n")
        assert "+ echo approved" in done.stdout
        assert (done.returncode, hub.build(build["id"])["runs"][0]["state"]) == (130, "held")
    with HubProcess(folder, github=github) as hub:
        page = hub.client.get(f"/builds/{build['id']}").text
        assert "+ echo approved" in page
        assert f"/builds/{build['id']}/approve?sha={first}&amp;base=main" in page
        why = hub.get(f"builds/{build['id']}/why")
        assert [reason["kind"] for reason in why["reasons"]] == ["held"]
        hub.post(f"builds/{build['id']}/approve", {"sha": "0" * 40}, status=409)
        done = run_cli(hub, "approve", str(build["id"]), "--yes")
        assert done.returncode == 0, done.stderr
        until(lambda: hub.build(build["id"])["state"] == "finished")
        assert hub.build(build["id"])["result"] == "success"

        second = held(push("stages:\n- test: curl evil\n", "synchronize"))
        assert hub.get(f"builds/{second['id']}/difference")["changes"]
        told = hub.get(f"builds/{build['id']}/approval")
        assert (told["waits"], told["items"][1]["why"]) == (True, "the pull request was pushed to")
        push("stages:\n- test: curl evil\n", "closed")
        until(lambda: hub.build(second["id"])["result"] == "cancellation")


def test_a_user_of_github_approves_by_comment_and_somebody_here_by_the_page(folder: Path, github: FakeGitHub) -> None:
    """S10, S13: both roads end in a build; a comment of who may not write does not; the approver is kept by number."""
    repository = github.create_repository("octo/roads", GREEN)
    fork = github.create_repository("mallory/roads", GREEN)
    who = {"login": "grace", "id": 7, "type": "User"}

    def held(sha: str) -> int | None:
        found = [one for one in hub.builds(repository) if one["sha"] == sha]
        return found[0]["id"] if found and [run["state"] for run in found[0]["runs"]] == ["held"] else None

    def push(number: int) -> tuple[int, str]:
        sha = fork.commit({**GREEN, "file": str(number)}, branch=f"topic{number}")
        repository.git("fetch", "-q", str(fork.path), f"+refs/heads/topic{number}:refs/pull/{number}/head")
        hub.deliver("pull_request", repository.pull_request_payload(number, f"topic{number}", head=fork))
        return int(until(lambda: held(sha), what="a held build")), sha

    def comment(sha: str) -> None:
        hub.deliver(
            "issue_comment",
            {
                "action": "created",
                "issue": {"number": 1, "pull_request": {"url": "x"}},
                "comment": {"id": 1, "body": f"/hubwright approve {sha}", "user": who},
                "repository": repository.describe(),
                "sender": who,
            },
        )

    with HubProcess(folder, github=github) as hub:
        (first, sha), (second, other) = push(1), push(2)
        github.state.permissions["grace"] = (7, "read")
        comment(sha)
        until(lambda: any("may not write" in (one["outcome"] or "") for one in hub.get("deliveries")["items"]))
        assert held(sha) == first
        github.state.permissions["grace"] = (7, "write")
        comment(sha)
        until(lambda: hub.build(first)["result"] == "success")
        (row,) = hub.get(f"builds/{first}/approval")["items"]
        assert (row["approved_by_id"], row["approved_by_login"], row["token_name"]) == (7, "grace", None)

        away = hub.client.post(f"/builds/{second}/approve", params={"sha": other, "base": "stable"})
        assert (away.status_code, held(other)) == (409, second)
        hub.client.post(f"/builds/{second}/approve", params={"sha": other, "base": "main"})
        until(lambda: hub.build(second)["result"] == "success")
        (row,) = hub.get(f"builds/{second}/approval")["items"]
        assert (row["approved_by_id"], row["checked_at"] is None) == (None, False)
        assert row["token_name"]
