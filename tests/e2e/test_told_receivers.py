"""A hub that tells a receiver of all jobs, as operators set it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_github import FakeGitHub
from git_repositories import Files
from hub_process import GREEN, HubProcess, Make
from receiver_server import Inbox, receiving
from waiting import until

RED: Files = {".hubwright.yml": "stages:\n- build: exit 3\n"}


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def hub(tmp_path: Path, github: FakeGitHub, inbox: Inbox) -> Iterator[HubProcess]:
    settings = {
        "NOTIFY__WEBHOOKS": f"http://127.0.0.1:{inbox.port}/builds",
        "NOTIFY__ALLOW_HOSTS": "127.0.0.1",
        "NOTIFY__SECRETS": "a secret",
    }
    with HubProcess(tmp_path, github=github, settings=settings) as process:
        yield process


def test_a_push_that_breaks_and_one_that_mends_are_told(hub: HubProcess, make: Make, inbox: Inbox) -> None:
    repository = make(RED)
    hub.deliver("push", repository.push_payload())
    hub.finished(repository)
    hub.deliver("push", repository.push(GREEN))
    hub.finished(repository, 2)
    until(lambda: len(inbox.came) == 2, what="both notices")
    assert [one["type"] for one in inbox.documents()] == ["build.broken", "build.fixed"]
    assert all("webhook-signature" in headers for _, headers, _ in inbox.came)
