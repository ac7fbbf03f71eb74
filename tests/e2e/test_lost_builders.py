"""Builders that crash or freeze: every run ends, nothing of it goes on running, what comes too late is refused."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from builder_process import is_alive
from endless_recipe import endless, started_processes
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from machine_processes import builders_of, stages_of
from separate_builder import builder_of, new_token
from waiting import until


def test_the_run_of_a_killed_builder_is_begun_again(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R3: `up` starts the builder again; the attempt ends as an error that says why, and a new one goes green."""
    repository = make(endless(folder))
    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        first = hub.begun(repository, b"begun")
        started = started_processes(folder)
        (builder,) = builders_of(folder)
        os.kill(builder, signal.SIGKILL)

        lost = until(lambda: (run := hub.get(f"runs/{first['id']}"))["state"] == "finished" and run)
        assert (lost["result"], lost["attempt"]) == ("error", 1)
        assert "builder was restarted" in lost["detail"]
        assert [stage["result"] for stage in lost["stages"]] == ["error", "skip"]
        assert b"begun" in hub.output(lost["id"])
        until(lambda: not [pid for pid in started if is_alive(pid)])

        (folder / "gate").touch()
        (build,) = hub.finished(repository, result="success")
        assert [run["attempt"] for run in build["runs"] if run["result"] == "success"] == [2]
        assert builders_of(folder) != [builder]
        assert stages_of(hub.instance()) == []
        github.wait_for(lambda: [s for s in github.statuses(build["sha"], "hubwright") if s["state"] == "success"])


def test_a_stopped_up_lets_no_process_live(github: FakeGitHub, make: Make, folder: Path) -> None:
    """SIGTERM with a build under way: hub and builder end within seconds; the build goes on at the next start."""
    repository = make(endless(folder))
    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        hub.begun(repository, b"begun")
        started = started_processes(folder)
        hub.stop()
        until(lambda: not builders_of(folder))
        (folder / "gate").touch()
        hub.start()
        (build,) = hub.finished(repository, seconds=60)
        assert build["result"] in {"success", "cancellation"}
        until(lambda: not [pid for pid in started if is_alive(pid)])


def runs_of(hub: HubProcess, repository: FakeRepository, builder: str) -> list[dict[str, Any]]:
    """The newest attempts of a repository's runs that a builder has or had."""
    return [run for build in hub.builds(repository) for run in build["runs"] if run["builder"] == builder]


@pytest.mark.timeout(300)
def test_a_frozen_builder_is_fenced_off(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R4: a builder that is thawed after its run was given to another can't change what became of it."""
    repository = make(endless(folder))
    with HubProcess(folder, ("hub",), github=github, settings={"BUILDS__LOST_AFTER": "1"}) as hub:
        frozen_token, other_token = new_token(hub, "frozen"), new_token(hub, "other")
        with builder_of(hub, folder, "frozen", frozen_token) as frozen:
            hub.deliver("push", repository.push_payload())
            first = hub.begun(repository, b"begun")
            assert frozen.process is not None
            frozen.process.send_signal(signal.SIGSTOP)
            with builder_of(hub, folder, "other", other_token):
                second = until(lambda: runs_of(hub, repository, "other"), 150, "the run to be given away")[0]
                assert (second["attempt"], second["id"] != first["id"]) == (2, True)
                frozen.process.send_signal(signal.SIGCONT)
                until(lambda: "run_lost" in frozen.said, 60, "the thawed builder to be told")
                (folder / "gate").touch()

                (build,) = hub.finished(repository)
                assert build["result"] == "success"
                assert [run["builder"] for run in build["runs"]] == ["other"]
                (earlier,) = hub.build(build["id"])["earlier_runs"]
                assert (earlier["id"], earlier["result"]) == (first["id"], "error")
                assert "lost" in earlier["detail"]
                assert hub.output(second["id"]).count(b"begun") == 1
                assert b"ended" not in hub.output(first["id"])
                instance = (folder / "frozen" / "instance").read_text().strip()
                until(lambda: not stages_of(instance), 30, "what the thawed builder ran to be gone")


def test_a_drained_builder_finishes_what_it_has(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R28: SIGTERM: the run goes on to its true end, no new one is taken, then the builder ends by itself."""
    repository, later = make(endless(folder)), make()
    with (
        HubProcess(folder, ("hub",), github=github) as hub,
        builder_of(hub, folder, "one", new_token(hub, "one")) as one,
    ):
        hub.deliver("push", repository.push_payload())
        hub.begun(repository, b"begun")
        assert one.process is not None
        one.process.terminate()
        until(lambda: "builder_drains" in one.said)
        hub.deliver("push", later.push_payload())
        until(lambda: hub.builds(later) and hub.builds(later)[0]["runs"])
        (folder / "gate").touch()
        assert one.process.wait(30) == 0
        assert hub.finished(repository)[0]["result"] == "success"
        assert hub.builds(later)[0]["state"] == "queued"
        (reason,) = hub.get(f"builds/{hub.builds(later)[0]['id']}/why")["reasons"]
        assert reason["reason"]
