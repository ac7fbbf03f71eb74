"""A hub that is killed loses nothing: no delivery that it answered, no build, no byte of a log, no status."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path

import pytest

from fake_github import FakeGitHub
from hub_process import GREEN, HubProcess, Make
from machine_processes import builders_of, stages_of
from waiting import until

KILLS = 20


@pytest.mark.timeout(400)
def test_twenty_kills_right_after_the_reply_lose_no_build(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R6: a 202 means durable. Every delivery is there after the next start and becomes its one build."""
    repository = make()
    answers = {}
    with HubProcess(folder, ("up", "--no-demo", "--no-builder"), github=github) as hub:
        for number in range(KILLS):
            payload = repository.push({"a": str(number)})
            answers[payload["after"]] = hub.deliver("push", payload)["delivery"]
            hub.restart() if number < KILLS - 1 else hub.kill()
        hub.arguments = ("up", "--no-demo")
        hub.start()

        builds = hub.finished(repository, KILLS, 90)
        assert sorted(build["sha"] for build in builds) == sorted(answers)
        assert {build["result"] for build in builds} == {"success"}
        kept = {one["guid"]: one["state"] for one in hub.get("deliveries", limit=200)["items"]}
        assert {guid: kept.get(guid) for guid in answers.values()} == dict.fromkeys(answers.values(), "done")
        for sha in answers:  # what a killed hub was telling may be leased to it for 30 s (docs/reporters.md)
            github.wait_for(
                lambda sha=sha: [s for s in github.statuses(sha, "hubwright") if s["state"] == "success"], 45
            )


def test_a_hub_killed_while_it_fetches_builds_after_its_start(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R14: a delivery that somebody had claimed must not wait for the end of a dead process's lease."""
    repository = make()
    with HubProcess(folder, github=github) as hub:
        asked = len(github.requests)
        github.fail_next(2, status=0, latency=5, git=True)
        hub.deliver("push", repository.push_payload())
        github.wait_for(lambda: any(".git/" in request.path for request in github.requests[asked:]))
        hub.restart()
        (build,) = hub.finished(repository, seconds=40)
        assert build["result"] == "success"


def test_a_hub_stopped_while_it_fetches_builds_after_its_start(github: FakeGitHub, make: Make, folder: Path) -> None:
    """An orderly stop must not be worse than a crash: what was claimed and not begun is handed back."""
    repositories = [make() for _ in range(12)]  # more than are understood at once
    with HubProcess(folder, github=github) as hub:
        github.fail_next(8, status=0, latency=2, git=True)
        for repository in repositories:
            hub.deliver("push", repository.push_payload())
        assert hub.stop() in {0, -signal.SIGTERM}
        hub.start()
        for repository in repositories:
            assert hub.finished(repository, seconds=60)[0]["result"] == "success"


def chatty(code: int, copy: Path) -> str:
    """A recipe that writes about 3 s long, the same into a file, and ends with an exit code."""
    loop = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%100)) != 0 ] || sleep 0.1; done"
    return f"stages:\n- talk: 'rm -f {copy}; ({loop}) | tee {copy}; exit {code}'\n"


def test_a_hub_killed_in_mid_build_tells_true_results_and_whole_logs(
    github: FakeGitHub, make: Make, folder: Path
) -> None:
    """R1: builds go on while the hub is dead; result, every byte and the statuses are there after its start."""
    results = {"success": 0, "failure": 7}
    copies = {name: folder / name for name in results}
    repositories = {name: make({".hubwright.yml": chatty(code, copies[name])}) for name, code in results.items()}
    with HubProcess(folder, github=github) as hub:
        for repository in repositories.values():
            hub.deliver("push", repository.push_payload())
        for repository in repositories.values():
            hub.begun(repository, b"line 300\n")
        (builder,) = builders_of(folder)
        hub.restart(lambda: until(lambda: b"line 2000\n" in copies["success"].read_bytes()))

        for name, repository in repositories.items():
            (build,) = hub.finished(repository)
            (run,) = build["runs"]
            assert (build["result"], run["attempt"]) == (name, 1)
            output = hub.output(run["id"])
            assert hashlib.sha256(output).digest() == hashlib.sha256(copies[name].read_bytes()).digest()
            assert output.endswith(b"line 2999\n")
            sha = str(repository.head())
            github.wait_for(lambda sha=sha, name=name: [s for s in github.statuses(sha) if s["state"] == name][1:])
            ends = [status["context"] for status in github.statuses(sha) if status["state"] == name]
            assert sorted(ends) == sorted(set(ends))  # each told once
        # The same one all the time; `up` tries its own now and then, which finds that there is one, and ends.
        until(lambda: builders_of(folder) == [builder])


def test_a_result_that_came_while_the_hub_was_down_is_accepted(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R2: the hub stays away longer than a builder may be silent; the build has ended offline before it returns."""
    copy = folder / "copy"
    repository = make({".hubwright.yml": chatty(0, copy)})
    with HubProcess(folder, github=github, settings={"BUILDS__LOST_AFTER": "1", "BUILDS__LEASE": "1"}) as hub:
        hub.deliver("push", repository.push_payload())
        hub.begun(repository, b"line 100\n")
        instance = hub.instance()
        hub.kill()
        killed = time.monotonic()
        until(lambda: not stages_of(instance) and b"line 2999\n" in copy.read_bytes())
        until(lambda: time.monotonic() - killed > 5)
        hub.start()

        (build,) = hub.finished(repository)
        assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
        assert hub.output(build["runs"][0]["id"]) == copy.read_bytes()


def test_what_was_there_is_there_after_a_kill(github: FakeGitHub, make: Make, folder: Path) -> None:
    """A finished build, its log, its numbers: the same after a kill; the next push goes on counting."""
    repository = make(GREEN)
    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        before = hub.finished(repository)
        log = hub.log(before[0]["runs"][0]["id"])
        hub.restart()
        assert hub.builds(repository) == before
        assert hub.log(before[0]["runs"][0]["id"]) == log
        hub.deliver("push", repository.push({"a": "1"}))
        assert [build["number"] for build in hub.finished(repository, 2)] == [2, 1]
