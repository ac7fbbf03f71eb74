"""The black-box recorder (peers.md §6.5): API and page say why a run was lost, with its last minute and words."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cut_wire import CutWire
from fake_github import FakeGitHub
from git_repositories import Files
from hub_process import HubProcess, Make
from machine_processes import builders_of
from memory_group import little_memory
from separate_builder import builder_of, new_token
from waiting import until

QUICK = {"BUILDS__LOST_AFTER": "2", "BUILDERS__HEARTBEAT": "1", "BUILDERS__SEEN_EVERY": "1"}
"""A hub that soon gives a builder up."""


def endless(folder: Path) -> Files:
    """A build that goes on until `folder`/gate is there."""
    script = f"sleep 600 & echo begun; while ! test -e {folder}/gate; do sleep 0.05; done"
    return {".hubwright.yml": f"stages:\n- wait: '{script}'\n"}


def measured(hub: HubProcess, run: int, name: str = "sleep") -> dict[str, Any]:
    """What the hub shows of a run that goes on, once a process of that name was seen in it."""

    def look() -> dict[str, Any] | None:
        answer = hub.client.get(f"/api/v1/runs/{run}/recorder")
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.json()
        return found if name in {process["name"] for process in found["processes"]} else None

    found = until(look, 30, f"{name} to be measured")
    assert found is not None
    return found


def judged(hub: HubProcess, run: int, cause: str, seconds: float = 60) -> dict[str, Any]:
    """The recording of a run, once its cause is this one."""
    until(lambda: hub.get(f"runs/{run}")["state"] == "finished", seconds, "the run to be given up")
    found: dict[str, Any] = until(
        lambda: (box := hub.get(f"runs/{run}/recorder"))["cause"] == cause and box, seconds, f"the verdict {cause!r}"
    )
    assert not found["live"]
    assert found["sentence"].startswith(cause.capitalize())
    return found


def page_of(hub: HubProcess, run: int) -> str:
    """The page of a run."""
    build = hub.get(f"runs/{run}")["build"]
    return hub.client.get(f"/builds/{build}/runs/{run}", headers={"Accept": "text/html"}).raise_for_status().text


def test_the_page_of_a_killed_builder_shows_its_last_minute(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R3: `kill -9`: verdict, samples, processes and last words of the lost attempt; a new attempt goes on."""
    repository = make(endless(folder))
    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        run = hub.begun(repository, b"begun")["id"]
        live = measured(hub, run)
        assert live["live"]
        assert live["samples"][-1]["memory_total"] > 0
        (builder,) = builders_of(folder)
        os.kill(builder, signal.SIGKILL)

        box = judged(hub, run, "killed")

        assert len(box["samples"]) >= len(live["samples"])
        assert "sleep" in {process["name"] for process in box["processes"]}
        assert all(set(process) == {"pid", "parent", "name", "cpu", "memory"} for process in box["processes"])
        assert box["sentence"] in hub.get(f"runs/{run}")["detail"]
        page = page_of(hub, run)
        assert "Killed: the builder" in page
        assert "<polyline" in page
        assert "begun" in page.partition("Last words")[2].partition("</section>")[0]
        (folder / "gate").touch()
        (build,) = hub.finished(repository, result="success")
        (new,) = build["runs"]
        assert hub.client.get(f"/api/v1/runs/{new['id']}/recorder").status_code == 404


def test_a_stage_that_eats_all_memory_is_told_so(github: FakeGitHub, make: Make, folder: Path) -> None:
    """`exit code 137` says nothing; how much was used, and by whom, does."""
    eater = "python3 -c 'import time; kept = [bytearray(10_000_000) for _ in range(500)]'"
    repository = make({".hubwright.yml": f'stages:\n- eat: "{eater}"\n'})
    with (
        little_memory(300_000_000) as prefix,
        HubProcess(folder, ("hub",), github=github) as hub,
        builder_of(hub, folder, "small", new_token(hub, "small"), prefix=prefix),
    ):
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)
        (run,) = build["runs"]
        (stage,) = run["stages"]

        box = judged(hub, run["id"], "out of memory")

        assert stage["exit_code"] == 137
        assert stage["result"] == "failure"
        assert "the kernel killed 1 process" in box["sentence"]
        assert "of 300 MB" in box["sentence"]
        detail = hub.client.get(f"/builds/{build['id']}").text
        assert "Out of memory: " in detail.partition('id="problems"')[2].partition('id="runs"')[0]


def test_a_full_disk_is_named(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R16: the disk of the builder is full; the recorder's file was made before, so it still writes."""
    work = folder / "tiny"
    work.mkdir()
    script = 'mount -t tmpfs -o size=24m none "$0" && exec "$@"'
    prefix = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(work))
    repository = make({".hubwright.yml": "stages:\n- fill: head -c 100000000 /dev/zero > big\n"})
    with (
        HubProcess(folder, ("hub",), github=github) as hub,
        builder_of(hub, folder, "tiny", new_token(hub, "tiny"), prefix=prefix),
    ):
        hub.deliver("push", repository.push_payload())
        (build,) = hub.finished(repository)
        (run,) = build["runs"]

        box = judged(hub, run["id"], "disk full")

        assert run["result"] == "error"
        assert box["samples"][-1]["disk_free"] < 1_000_000
        assert box["samples"][-1]["disk_total"] < 30_000_000
        assert "Disk full: " in page_of(hub, run["id"])


@pytest.mark.timeout(240)
def test_a_builder_that_was_only_cut_off_says_so(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R5: the hub can only guess; the builder, once it is back, tells that it had worked all the time."""
    repository = make(endless(folder))
    with (
        HubProcess(folder, ("hub",), github=github, settings=QUICK) as hub,
        CutWire(hub.port) as wire,
        builder_of(hub, folder, "away", new_token(hub, "away"), "--hub", f"http://127.0.0.1:{wire.port}"),
    ):
        hub.deliver("push", repository.push_payload())
        run = hub.begun(repository, b"begun")["id"]
        measured(hub, run)
        wire.cut()
        guess = judged(hub, run, "killed")
        assert "connection ended without a word" in guess["sentence"]

        wire.mend()
        box = judged(hub, run, "network")

        assert "worked on" in box["sentence"]
        assert len(box["samples"]) > len(guess["samples"])
        assert box["sentence"] in hub.get(f"runs/{run}")["detail"]
        assert guess["sentence"] not in hub.get(f"runs/{run}")["detail"]


@pytest.mark.timeout(240)
def test_a_builder_that_stood_still_says_so(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R4: silent without a closed connection is unknown; the hole in its own samples tells that it was frozen."""
    repository = make(endless(folder))
    with (
        HubProcess(folder, ("hub",), github=github, settings=QUICK) as hub,
        builder_of(hub, folder, "away", new_token(hub, "away")) as builder,
    ):
        assert builder.process is not None
        hub.deliver("push", repository.push_payload())
        run = hub.begun(repository, b"begun")["id"]
        measured(hub, run)
        builder.process.send_signal(signal.SIGSTOP)
        guess = judged(hub, run, "unknown")
        assert "fell silent" in guess["sentence"]

        builder.process.send_signal(signal.SIGCONT)
        box = judged(hub, run, "frozen")

        assert "stood still" in box["sentence"]
