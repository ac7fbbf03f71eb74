"""What people ask of builds: stop them, wherever they are; run them again."""

from __future__ import annotations

import time
from pathlib import Path

from builder_process import is_alive
from endless_recipe import endless, started_processes
from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from machine_processes import stages_of
from separate_builder import builder_of, new_token
from waiting import until


def test_queued_and_running_builds_are_cancelled(github: FakeGitHub, make: Make, folder: Path) -> None:
    """Within 10 s, with everything that the build has started, also what left its process group and ignores SIGTERM."""
    running, queued, third = make(endless(folder)), make(), make()
    with HubProcess(folder, ("up", "--no-demo", "--slots", "1"), github=github) as hub:
        hub.deliver("push", running.push_payload())
        run = hub.begun(running, b"begun")
        started = started_processes(folder)
        for repository in (queued, third):
            hub.deliver("push", repository.push_payload())
            until(lambda repository=repository: hub.builds(repository) and hub.builds(repository)[0]["runs"])

        waiting = hub.builds(queued)[0]
        assert (waiting["state"], hub.get(f"builds/{waiting['id']}/why")["waiting"]) == ("queued", True)
        hub.post(f"builds/{waiting['id']}/cancel", {"reason": "not needed"})
        ended = hub.build(waiting["id"])
        assert (ended["state"], ended["result"], ended["runs"][0]["detail"]) == (
            "finished", "cancellation", "not needed",
        )  # fmt: skip

        began = time.monotonic()
        hub.post(f"builds/{run['build']}/cancel")
        (build,) = hub.finished(running)
        assert time.monotonic() - began < 30
        assert build["result"] == "cancellation"
        assert [stage["result"] for stage in build["runs"][0]["stages"]] == ["cancellation", "skip"]
        assert not [pid for pid in started if is_alive(pid)]
        assert b"Cancelled by" in hub.log(run["id"])
        github.wait_for(lambda: [s for s in github.statuses(build["sha"], "hubwright") if s["state"] == "error"])
        assert github.statuses(build["sha"], "hubwright")[-1]["description"].startswith("cancelled")

        assert hub.finished(third)[0]["result"] == "success"  # the slot is free again
        assert stages_of(hub.instance()) == []  # nothing of the cancelled one; the third began while we looked
        hub.post(f"builds/{build['id']}/cancel", status=409)


def test_a_run_is_cancelled_while_its_builder_is_away(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R11: ended at once, not `cancelling` until the builder returns; what the builder tells then changes nothing."""
    repository = make(endless(folder))
    with HubProcess(folder, ("hub",), github=github) as hub:
        token = new_token(hub, "one")
        with builder_of(hub, folder, "one", token) as builder:
            hub.deliver("push", repository.push_payload())
            run = hub.begun(repository, b"begun")
            builder.kill()
            until(lambda: [one for one in hub.get("builders")["items"] if one["state"] == "away"])
            hub.post(f"builds/{run['build']}/cancel", {"reason": "wrong branch"})
            (build,) = hub.finished(repository, seconds=10)
            assert build["result"] == "cancellation"
            assert "wrong branch" in build["runs"][0]["detail"]
            log = hub.log(run["id"])
            builder.begin()
            until(lambda: [one for one in hub.get("builders")["items"] if one["state"] == "connected"], 60)
            until(lambda: "run_lost" in builder.said, 30)
            assert hub.build(build["id"]) == {**build, "earlier_runs": []}
            assert hub.log(run["id"]) == log


def test_a_build_runs_again_as_a_new_attempt(hub: HubProcess, github: FakeGitHub, make: Make, tmp_path: Path) -> None:
    """The old attempt stays to be looked at; the status goes back to pending and then to what the new one says."""
    wait = f"test -e {tmp_path}/fixed; while ! test -e {tmp_path}/gate; do sleep 0.02; done"
    repository = make({".hubwright.yml": f"stages:\n- flaky: {wait}\n"})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    sha, number = build["sha"], build["id"]
    assert build["result"] == "failure"
    github.wait_for(lambda: [s for s in github.statuses(sha, "hubwright") if s["state"] == "failure"])

    (tmp_path / "fixed").touch()
    assert hub.post(f"builds/{number}/rerun", {"failed_only": True})["runs"] == [build["runs"][0]["id"]]
    github.wait_for(lambda: github.statuses(sha, "hubwright")[-1]["state"] == "pending")
    (tmp_path / "gate").touch()
    (again,) = hub.finished(repository, result="success")
    assert (again["id"], again["number"]) == (number, build["number"])
    assert again["runs"][0]["attempt"] == 2
    (earlier,) = hub.build(number)["earlier_runs"]
    assert (earlier["attempt"], earlier["result"]) == (1, "failure")
    github.wait_for(lambda: [s for s in github.statuses(sha, "hubwright") if s["state"] == "success"])
    states = [status["state"] for status in github.statuses(sha, "hubwright")]
    assert set(states[states.index("failure") + 1 : -1]) == {"pending"}
    assert hub.client.post(f"/api/v1/builds/{number}/rerun", json={"failed_only": True}).status_code == 409


def test_only_who_may_can_cancel_and_rerun(hub: HubProcess, make: Make) -> None:
    """A reader is nobody who may change: 401 without a token, 403 with a builder's; nothing happens."""
    repository = make()
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    builder = (hub.data / "builder-token").read_text().strip()
    for headers, status in (({"Authorization": ""}, 401), ({"Authorization": f"Bearer {builder}"}, 403)):
        for order in ("cancel", "rerun"):
            answer = hub.client.post(f"/api/v1/builds/{build['id']}/{order}", headers=headers, json={})
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
    assert hub.build(build["id"]) == {**build, "earlier_runs": []}
