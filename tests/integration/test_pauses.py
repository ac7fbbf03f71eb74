"""Pausing and resuming the hub, platforms and jobs: over the API and the command line, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from command_line import run
from hubwright.store import schema
from hubwright.store.tokens import keep_token
from served import NOW, Served, served_site


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A builder that is free, and a run that waits for it."""
    with served_site(tmp_path) as hub:
        hub.rows.keep_job()
        builder = {"name": "oak", "platform": "linux", "labels": [], "slots": 1, "version": "1", "executor": "process"}
        hub.rows.keep(schema.builder, {**builder, "instance": "i", "state": "connected", "seen_at": NOW})
        hub.rows.keep_build(1)
        hub.rows.keep_run(1, 1)
        yield hub


def token_of(hub: Served, role: str, name: str = "ann") -> dict[str, str]:
    made = hub.site.database.write(lambda it: keep_token(it, f"secret-of-{name}-{role}", name=name, role=role, now=NOW))
    return {"Authorization": f"Bearer {made}"}


def test_whoever_may_pauses_and_it_is_told_who_and_when(hub: Served) -> None:
    """In the answer, as the first reason of what waits, in the queue, as a fact; a second pause changes nothing."""
    ann, ben = token_of(hub, "admin"), token_of(hub, "admin", "ben")
    with httpx2.Client(base_url=hub.url) as client:
        for asker in (ann, ben):
            answer = client.post("/api/v1/queue/pause", headers=asker).raise_for_status().json()
            assert answer["hub"] == {"by": "ann", "since": "2026-09-21T14:13:20.000000Z"}
        client.post("/api/v1/platforms/lin*/pause", headers=ben).raise_for_status()
        answer = client.post("/api/v1/jobs/team/app/pause", headers=token_of(hub, "write", "cat")).raise_for_status()
        assert [one["job"] for one in answer.json()["jobs"]] == ["team/app"]
    why = hub.get("/api/v1/builds/1/why")["reasons"][0]
    assert (why["kind"], why["by"], why["since"]) == ("hub_paused", "ann", "2026-09-21T14:13:20.000000Z")
    assert why["sentence"] == "The hub is paused: nothing new starts. ann did that just now."
    assert hub.get("/api/v1/queue")["paused"] == hub.get("/api/v1/pauses")
    assert hub.get("/api/v1/ping")["paused"] is True
    facts = {one["kind"]: one["sentence"] for one in hub.get("/api/v1/facts")["items"]}
    assert facts == {
        "HubPaused": "The hub paused by ann.",
        "PlatformPaused": "Platform lin* paused by ben.",
        "JobPaused": "Job team/app paused by cat.",
    }
    with httpx2.Client(base_url=hub.url, headers=ann) as client:
        client.post("/api/v1/queue/resume").raise_for_status()
        assert hub.get("/api/v1/builds/1/why")["reasons"][0]["kind"] == "platform_paused"
        client.post("/api/v1/platforms/lin*/resume").raise_for_status()
        client.post("/api/v1/jobs/team/app/resume").raise_for_status()
    assert hub.get("/api/v1/pauses") == {"hub": None, "platforms": [], "jobs": []}
    assert hub.get("/api/v1/builds/1/why")["reasons"][0]["kind"] == "starting"


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("queue/pause", "write", 403),
        ("platforms/linux/pause", "write", 403),
        ("jobs/team/app/pause", "read", 403),
        ("jobs/team/none/pause", "write", 404),
        ("platforms/" + "x" * 101 + "/pause", "admin", 422),
    ],
)
def test_who_may_not_or_names_nothing_is_told_so(hub: Served, path: str, role: str, status: int) -> None:
    answer = httpx2.post(f"{hub.url}/api/v1/{path}", headers=token_of(hub, role))
    assert answer.status_code == status, answer.text
    assert hub.get("/api/v1/pauses") == {"hub": None, "platforms": [], "jobs": []}


def test_the_commands_pause_list_and_resume(hub: Served) -> None:
    """Each for the hub, a platform and a job."""

    def ask(*words: str) -> Any:
        return run(None, *words, "--hub", hub.url, more={"HUBWRIGHT_TOKEN": "admin-secret"})

    for options in ([], ["--platform", "mac-*"], ["--job", "team/app"]):
        assert ask("pause", *options).returncode == 0
    listed = ask("pause", "--list").stdout.splitlines()
    assert [line.partition("  by admin token")[0] for line in listed] == ["the hub", "platform mac-*", "job team/app"]
    for options in ([], ["--platform", "mac-*"], ["--job", "team/app"]):
        assert ask("resume", *options).returncode == 0
    assert json.loads(ask("pause", "--list", "--json").stdout)["hub"] is None
    assert ask("pause", "--job", "a", "--platform", "b").returncode == 2
