"""`hubwright queue` and `hubwright status` say why runs wait; kinds of stages have names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import run
from hubwright.store import schema
from served import NOW, Served, served_site


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A builder that is busy, a run that waits for it and one that nobody can take."""
    with served_site(tmp_path) as hub:
        hub.rows.keep_job()
        builder = {"name": "oak", "platform": "linux", "labels": [], "slots": 1, "version": "1", "executor": "process"}
        hub.rows.keep(schema.builder, {**builder, "instance": "i", "state": "connected", "seen_at": NOW})
        hub.rows.keep_build(1, state="running")
        hub.rows.keep_run(1, 1, ({"name": "c", "kind": "csources"},), state="running", builder="oak", leased_at=NOW)
        hub.rows.keep_run(2, 1, ({"name": "docs", "kind": "docs"}, {"name": "build", "kind": "build"}))
        hub.rows.keep_run(3, 1, platform="plan9-\x1b[2J", labels="gpu")
        yield hub


def test_the_queue_is_told_with_its_reasons(hub: Served) -> None:
    done = run(None, "queue", "--hub", hub.url)
    assert done.returncode == 0
    assert "linux" in done.stdout
    assert "1 waiting" in done.stdout
    assert "Builder oak is busy with team/app #1 (1 slot)." in done.stdout
    assert "with the label gpu: start one with `hubwright builder --label gpu`." in done.stdout
    assert "\x1b[2J" not in done.stdout
    document = json.loads(run(None, "queue", "--json", "--hub", hub.url).stdout)
    assert [item["reasons"][0]["kind"] for item in document["items"]] == ["all_busy", "no_builder_ever"]


def test_the_status_of_a_build_tells_why_its_runs_wait_and_what_its_stages_are_for(hub: Served) -> None:
    """A kind that is, or whose word is, the stage's own name is not said twice."""
    done = run(None, "status", "1", "--hub", hub.url)
    assert "Builder oak is busy" in done.stdout
    assert "C sources" in done.stdout
    assert "Documentation" not in done.stdout
    assert "⚒ Build" not in done.stdout


def test_the_status_of_a_build_without_runs_tells_when_its_plan_is_tried_again(hub: Served) -> None:
    """Nobody has to guess whether a build without a single line is stuck."""
    hub.rows.keep_build(2, problem="github.com does not answer.", retry_at=NOW + 3600)
    done = run(None, "status", "2", "--hub", hub.url)
    assert done.returncode == 0
    assert "github.com does not answer" in done.stdout
    assert "tried again" in done.stdout
