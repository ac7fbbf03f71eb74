"""`hubwright up --slots 0..N`: a builder while something waits, none while nothing does; slots that follow the work."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psutil

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from machine_processes import builders_of
from waiting import until

IDLE = 0.4


def test_the_first_push_starts_the_builder_and_no_push_is_stuck_while_it_ends(
    folder: Path, github: FakeGitHub, make: Make
) -> None:
    """System 0's worker: begun by the first build, ended by the empty queue, begun again; its idle hub is small.

    Pushes come at every moment around the end of the builder (`test_local_builder` has two hundred more).
    """
    repository = make()
    settings = {"BUILDERS__SLOTS_IDLE": str(IDLE)}
    with HubProcess(folder, ("up", "--no-demo", "--slots", "0..2"), github=github, settings=settings) as hub:
        assert hub.process is not None
        assert builders_of(folder) == []
        assert psutil.Process(hub.process.pid).children() == []
        memory = psutil.Process(hub.process.pid).memory_info().rss
        assert memory < 250_000_000, f"an idle hub takes {memory / 1e6:.0f} MB"

        def states() -> list[str]:
            return [one["state"] for one in hub.get("builders")["items"]]

        assert states() == ["on_demand"]  # it is known before it has ever run, and nobody misses it
        assert "On demand" in hub.client.get("/builders").text
        hub.deliver("push", repository.push_payload())
        hub.finished(repository)
        until(lambda: builders_of(folder) == [], 30, "the builder's end")
        until(lambda: states() == ["on_demand"], what="the builder to be shown as on demand again")

        chance = random.Random(2)
        for number in range(2, 6):
            hub.deliver("push", repository.push({"n": str(number)}))
            builds = hub.finished(repository, number, 30)
            assert {build["result"] for build in builds} == {"success"}
            time.sleep(IDLE + chance.uniform(-0.2, 0.5))  # before, while, and after it ends
        until(lambda: builders_of(folder) == [], 30, "the builder's end")


def test_slots_grow_while_work_waits_and_shrink_when_it_is_done(folder: Path, github: FakeGitHub, make: Make) -> None:
    """System 3's wish. How many there are is shown, and `hubwright queue` tells why the rest waits."""
    gate = folder / "gate"
    repository = make({".hubwright.yml": f"stages:\n- hold: while ! test -e {gate}; do sleep 0.05; done\n"})
    settings = {"BUILDERS__SLOTS_IDLE": "1", "BUILDERS__SLOTS_LOAD": "1000"}  # whatever else runs here
    with HubProcess(folder, ("up", "--no-demo", "--slots", "1..3"), github=github, settings=settings) as hub:

        def slots() -> int:
            return next((int(one["slots"]) for one in hub.get("builders")["items"]), 0)

        hub.deliver("push", repository.push_payload())
        for number in range(4):
            hub.deliver("push", repository.push({"n": str(number)}))
        running = until(
            lambda: [run for build in hub.builds(repository) for run in build["runs"] if run["state"] == "running"][1:],
            30,
            "a second slot",
        )
        assert running
        (waiting, *_) = hub.get("queue")["items"]
        assert waiting["reasons"][0]["kind"] in {"all_busy", "starting"}
        gate.touch()
        hub.finished(repository, 5)
        until(lambda: slots() == 1, 30, "idle slots to go")


def test_a_builder_that_was_killed_is_started_for_what_it_held(folder: Path, github: FakeGitHub, make: Make) -> None:
    """Nothing waits then: the run is held by a builder that is no more (R3)."""
    repository = make({".hubwright.yml": "stages:\n- long: echo begun; sleep 600\n"})
    with HubProcess(folder, ("up", "--no-demo", "--slots", "0..1"), github=github) as hub:
        hub.deliver("push", repository.push_payload())
        hub.begun(repository, b"begun")
        (pid,) = builders_of(folder)
        psutil.Process(pid).kill()

        def look() -> list[int]:
            return [run["attempt"] for build in hub.builds(repository) for run in build["runs"] if run["attempt"] == 2]

        until(look, 40, "a new attempt")
