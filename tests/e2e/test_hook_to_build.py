"""From `hubwright hook install` to a build: nothing is set up by hand but a token."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fake_github import FakeGitHub
from hub_process import ADMIN, GREEN, PROGRAM, HubProcess


def command(hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HUBWRIGHT_")}
    environment = kept | {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": ADMIN}
    return subprocess.run(
        [*PROGRAM, *arguments], env=environment, cwd=hub.folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_repository_is_switched_on_and_its_push_is_built(tmp_path: Path) -> None:
    """The secret is made by the hub, so that nobody has to carry it from here to there; rm ends it."""
    settings = {"GITHUB__WEBHOOK_SECRETS": "[]"}
    with FakeGitHub() as github, HubProcess(tmp_path, github=github, settings=settings) as hub:
        repository = github.create_repository("octo/hello", {"README": "hi"})
        before = command(hub, "hook", "check", "octo/hello")
        assert (before.returncode, before.stdout) == (1, "octo/hello: no hook\n")

        installed = command(hub, "hook", "install", "octo/hello")
        assert (installed.returncode, installed.stdout) == (
            0, "octo/hello: on\n  the last delivery was answered 202 OK\n",
        ), installed.stderr  # fmt: skip
        assert github.send(repository, "push", repository.push(GREEN)) == [202]
        (build,) = hub.finished(repository)
        assert build["result"] == "success"
        forged = repository.push({"a": "b"})
        assert github.deliver(hub.hook, "push", forged, secret="guessed")[0] == 401
        assert github.deliver(hub.hook, "push", forged)[0] == 401

        assert "octo/hello  on" in command(hub, "hook", "ls").stdout
        assert command(hub, "hook", "rm", "octo/hello").returncode == 0
        assert github.state.hooks == []
