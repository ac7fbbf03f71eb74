"""A hub that is a GitHub App, as people see it at GitHub, through trouble: check runs, buttons, comment, issue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fake_github import FakeGitHub
from fake_repository import FakeRepository, user
from git_repositories import Files
from hub_process import GREEN, HubProcess
from waiting import until

APP_ID = "4711"
RED: Files = {
    ".hubwright.yml": "stages:\n- build: |\n"
    "    for n in $(seq 60); do echo \"src/a.c:$n:5: error: expected ';' $n\"; done\n"
    "    exit 1\n",
    "src/a.c": "int main(void) {\n",
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    """One of this test's own, where the App is installed; grace may write."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "app.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with FakeGitHub() as fake:
        fake.install_app(APP_ID, public, ["octo"])
        fake.state.permissions["grace"] = (7, "write")
        yield fake


@pytest.fixture
def hub(tmp_path: Path, github: FakeGitHub) -> Iterator[HubProcess]:
    settings = {
        "GITHUB__TOKEN": "",
        "GITHUB__APP_ID": APP_ID,
        "GITHUB__APP_PRIVATE_KEY_FILE": str(tmp_path / "app.pem"),
        "GITHUB__COMMENT": "all",
        "GITHUB__ISSUE": "all",
    }
    with HubProcess(tmp_path, github=github, settings=settings) as process:
        yield process


def newest(github: FakeGitHub, sha: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in github.checks(sha)}


def ended(github: FakeGitHub, sha: str, attempts: int = 1) -> dict[str, dict[str, Any]]:
    """The newest check runs of a commit, once so many attempts have ended."""

    def look() -> dict[str, dict[str, Any]]:
        found = newest(github, sha)
        whole = len(found) == 2 and len(github.checks(sha)) == 2 * attempts
        return found if whole and all(check["status"] == "completed" for check in found.values()) else {}

    return until(look, 60, f"check runs of {sha} to end: {[one['history'] for one in github.checks(sha)]}")


def press(hub: HubProcess, repository: FakeRepository, check: dict[str, Any], action: str, button: str = "") -> None:
    """What GitHub sends when grace presses a button."""
    told = ("id", "name", "head_sha", "external_id", "status", "conclusion", "app")
    payload = {
        "action": action,
        "check_run": {key: check[key] for key in told},
        "repository": repository.describe(),
        "sender": user("grace") | {"id": 7},
        **({"requested_action": {"identifier": button}} if button else {}),
    }
    hub.deliver("check_run", payload)


def test_from_red_to_green_as_an_app(hub: HubProcess, github: FakeGitHub) -> None:
    """Annotations, an issue, a rerun by a button, a fix that closes the issue."""
    repository = github.create_repository("octo/app", RED)
    red = repository.push_payload()
    hub.deliver("push", red)
    checks = ended(github, red["after"])
    run = next(check for name, check in checks.items() if name != "hubwright")
    assert {check["conclusion"] for check in checks.values()} == {"failure"}
    until(lambda: len(run["annotations"]) >= 50, what="the annotations")
    assert run["annotations"][0]["path"] == "src/a.c"
    assert len({one["start_line"] for one in run["annotations"]}) == len(run["annotations"])
    assert github.statuses(red["after"]) == []
    (issue,) = until(lambda: github.state.issues, what="the issue")

    press(hub, repository, run, "requested_action", "rerun_failed")
    again = ended(github, red["after"], attempts=2)
    assert again[run["name"]]["id"] != run["id"]
    assert again[run["name"]]["conclusion"] == "failure"

    green = repository.push(GREEN)
    hub.deliver("push", green)
    assert {check["conclusion"] for check in ended(github, green["after"]).values()} == {"success"}
    until(lambda: issue["state"] == "closed", what="the issue to be closed")
    assert green["after"] in issue["body"]
    assert len(github.state.issues) == 1


def test_a_pull_request_has_one_comment_and_a_cancel_button(hub: HubProcess, github: FakeGitHub) -> None:
    repository = github.create_repository("octo/app", GREEN)
    sha = repository.commit({".hubwright.yml": "stages:\n- test: echo begun; sleep 600\n"}, branch="topic")
    hub.deliver("push", repository.push_payload("topic"))
    hub.deliver("pull_request", repository.pull_request_payload(7, "topic"))
    hub.begun(repository, b"begun")
    roll_up = until(lambda: newest(github, sha).get("hubwright"), what="the roll-up")
    press(hub, repository, roll_up, "requested_action", "cancel")
    assert {check["conclusion"] for check in ended(github, sha).values()} == {"cancelled"}
    (comment,) = until(lambda: github.state.comments, what="the comment")
    assert "cancelled at GitHub by grace" in comment["body"]
    fixed = repository.commit(GREEN, branch="topic")
    hub.deliver("push", repository.push_payload("topic", before=sha))
    hub.deliver("pull_request", repository.pull_request_payload(7, "topic", action="synchronize"))
    ended(github, fixed)
    until(lambda: f"**✓** {fixed}" in comment["body"], what="the comment to follow")
    assert len(github.state.comments) == 1


def test_a_github_that_fails_limits_and_a_hub_that_is_killed(hub: HubProcess, github: FakeGitHub) -> None:
    """R1, R17: each thing is made once, in order, and everything has its end."""
    repository = github.create_repository("octo/app", RED)
    red = repository.push_payload()
    github.fail_next(2, status=0)
    github.fail_next(10_000, status=503)
    hub.deliver("push", red)
    hub.finished(repository)
    asked = len(github.requests)
    until(lambda: len(github.requests) > asked, what="another try")
    hub.restart()
    github.state.faults.clear()
    github.limit_next(1, reset_in=2)
    checks = ended(github, red["after"])
    assert {check["conclusion"] for check in checks.values()} == {"failure"}
    run = next(check for name, check in checks.items() if name != "hubwright")
    lines = until(lambda: run["annotations"], what="annotations")
    assert len({one["start_line"] for one in lines}) == len(lines)
    hub.restart()
    until(lambda: github.state.issues, what="the issue")
    green = repository.push(GREEN)
    hub.deliver("push", green)
    ended(github, green["after"])
    until(lambda: github.state.issues[0]["state"] == "closed", what="the issue to be closed")
    assert len(github.state.issues) == 1
    for check in github.state.check_runs:
        order = [("queued", "in_progress", "completed").index(status) for status, _, _ in check["history"]]
        assert order == sorted(order)
