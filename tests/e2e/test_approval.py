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
        assert f"/builds/{build['id']}/approve?sha={first}" in page
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
