"""Builders as identities: joined, paused, drained, shut out; whole processes."""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from endless_recipe import endless
from fake_github import FakeGitHub
from hub_process import ADMIN, HubProcess, Make, Program
from machine_processes import kill_leftovers
from separate_builder import builder_of, new_token
from waiting import until

QUICK = {"BUILDERS__HEARTBEAT": "0.3", "BUILDERS__SEEN_EVERY": "1", "BUILDS__LOST_AFTER": "2"}


@pytest.fixture
def alone(github: FakeGitHub, folder: Path) -> Iterator[HubProcess]:
    """A hub without a builder."""
    with HubProcess(folder, ("hub",), github=github, settings=QUICK) as hub:
        yield hub


@contextlib.contextmanager
def joining(hub: HubProcess, folder: Path, line: list[str], *options: str) -> Iterator[Program]:
    """A builder by the line that was printed to be copied."""
    arguments = (*line, "--executor", "process", "--work-dir", str(folder / "joined"), *options)
    program = Program(folder, "builder-joined", arguments, {"HOME": str(folder)})
    try:
        yield program
    finally:
        program.kill()
        kill_leftovers(folder)


def state_of(hub: HubProcess, name: str) -> dict[str, Any] | None:
    found = [one for one in hub.get("builders")["items"] if one["name"] == name]
    return found[0] if found else None


def is_in(hub: HubProcess, name: str, state: str) -> bool:
    found = state_of(hub, name)
    return found is not None and found["state"] == state


def command(hub: HubProcess, *arguments: str) -> int:
    more = {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": ADMIN}
    return run(hub, *arguments, more=more).returncode


def test_a_machine_joins_by_the_copied_line_and_needs_no_token_afterwards(alone: HubProcess, folder: Path) -> None:
    """The token is used up; the builder's own is its owner's only (0600); nothing of either is ever logged (S9)."""
    more = {"HUBWRIGHT_PUBLIC_URL": alone.url}
    told = run(alone, "token", "new", "--role", "join", "--name", "anvil", "--label", "fast", more=more)
    program, *line = told.stdout.split()
    assert (program, line[0]) == ("hubwright", "builder")
    join_token = line[-1]
    with joining(alone, folder, line) as builder:
        builder.begin()
        until(lambda: is_in(alone, "anvil", "connected"), 60, "the builder to join")
        found = state_of(alone, "anvil")
        assert found is not None
        assert found["labels"] == ["fast"]
        kept = folder / "joined" / "joined.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        builder.kill()
        until(lambda: is_in(alone, "anvil", "away"))
        for arguments in (builder.arguments, tuple(word for word in builder.arguments if word not in line[-2:])):
            builder.arguments = arguments  # with the used token, and without any
            builder.begin()
            until(lambda: is_in(alone, "anvil", "connected"), 60, "the builder to come again")
            assert builder.stop() == 0
            until(lambda: is_in(alone, "anvil", "away"))
        own = kept.read_text()
        for words in (alone.said, builder.said):
            assert join_token not in words
            assert own.partition('"token":"')[2].partition('"')[0] not in words
    other = Program(folder, "second", (*line, "--work-dir", str(folder / "second")), {"HOME": str(folder)})
    other.begin()
    assert other.process is not None
    assert other.process.wait(60) == 4
    assert "unknown, used or expired" in other.said


def test_a_revoked_builder_is_shut_out_within_a_second(alone: HubProcess, folder: Path, make: Make) -> None:
    """Its run is lost at once, and begun again by another; it does not get in again."""
    repository = make(endless(folder))
    token, other = new_token(alone, "one"), new_token(alone, "two")
    number = next(one["id"] for one in alone.get("tokens")["items"] if one["name"] == "one")
    with builder_of(alone, folder, "one", token) as one:
        alone.deliver("push", repository.push_payload())
        alone.begun(repository, b"begun")
        assert alone.client.delete(f"/api/v1/tokens/{number}").status_code == 204
        until(lambda: is_in(alone, "one", "away"), 30, "the connection to end")
        (old,) = until(
            lambda: [run for build in alone.builds(repository) for run in alone.build(build["id"])["earlier_runs"]]
        )
        assert old["detail"] == "Builder one was shut out: its token was revoked."
        until(lambda: "hub_refused" in one.said, 30, "it to be refused")
        (folder / "gate").touch()
        with builder_of(alone, folder / "other", "two", other):
            (build,) = alone.finished(repository)
        assert [run["builder"] for run in build["runs"]] == ["two"]


def test_a_token_revoked_on_the_command_line_ends_the_connection_too(alone: HubProcess, folder: Path) -> None:
    """The command writes into the database; the hub looks."""
    token = new_token(alone, "one")
    number = alone.get("tokens")["items"][0]["id"]
    with builder_of(alone, folder, "one", token):
        assert run(alone, "token", "revoke", str(number)).returncode == 0
        until(lambda: is_in(alone, "one", "away"), 30, "the connection to end")


def test_a_paused_builder_gets_nothing_over_restarts_of_both(alone: HubProcess, folder: Path, make: Make) -> None:
    """Several builders of one platform: the other gets the run."""
    repository = make()
    tokens = [new_token(alone, name) for name in ("one", "two")]
    with builder_of(alone, folder, "one", tokens[0]) as one:
        assert command(alone, "builders", "pause", "one") == 0
        alone.restart()
        until(lambda: is_in(alone, "one", "paused") and "away" not in str(state_of(alone, "one")), 60, "it to return")
        one.kill()
        until(lambda: is_in(alone, "one", "away"))
        one.begin()
        until(lambda: is_in(alone, "one", "paused"), 60)
        alone.deliver("push", repository.push_payload())
        with builder_of(alone, folder / "other", "two", tokens[1]):
            (build,) = alone.finished(repository)
            assert build["runs"][0]["builder"] == "two"
            assert {found["name"]: found["state"] for found in alone.get("builders")["items"]} == {
                "one": "paused", "two": "connected",
            }  # fmt: skip
        assert command(alone, "builders", "resume", "one") == 0
        alone.post(f"builds/{build['id']}/rerun")
        until(lambda: [one for one in alone.builds(repository) if one["runs"][0]["builder"] == "one"], 40)


def test_a_builder_that_is_told_to_drain_ends_its_run_and_then_itself(
    alone: HubProcess, folder: Path, make: Make
) -> None:
    """R28: with exit code 0; what it was told is done then, so that it may come again."""
    repository = make(endless(folder))
    with builder_of(alone, folder, "one", new_token(alone, "one")) as one:
        alone.deliver("push", repository.push_payload())
        alone.begun(repository, b"begun")
        assert command(alone, "builders", "drain", "one") == 0
        until(lambda: "builder_drains" in one.said, 10)
        assert one.is_running()
        until(lambda: is_in(alone, "one", "draining"))
        (folder / "gate").touch()
        assert alone.finished(repository)[0]["result"] == "success"
        assert one.process is not None
        assert one.process.wait(30) == 0
        until(lambda: is_in(alone, "one", "away"))
        found = state_of(alone, "one")
        assert found is not None
        assert found["wish"] is None
        assert command(alone, "builders", "remove", "one") == 0
        assert state_of(alone, "one") is None


@pytest.mark.parametrize("options", [("--once",), ()])
def test_a_builder_that_nobody_needs_ends(alone: HubProcess, folder: Path, options: tuple[str, ...]) -> None:
    """For autoscalers: `--idle-exit`."""
    token = new_token(alone, "one")
    with builder_of(alone, folder, "one", token, "--idle-exit", "1", *options) as one:
        assert one.process is not None
        assert one.process.wait(30) == 0
        assert "builder_idle" in one.said


def test_a_one_shot_builder_ends_with_its_run_and_leaves_room_for_the_next(
    alone: HubProcess, folder: Path, make: Make
) -> None:
    """What a scaler sees: a run waits, a builder is started with the token that asks, the run is its last (exit code 0,
    also when the build has failed). Of any number of them one stays known, as started on demand."""
    token = new_token(alone, "scaler")
    ask = {"headers": {"Authorization": f"Bearer {token}"}, "params": {"platform": "toy", "label": ["a", "b"]}}

    def demand() -> tuple[int, int, list[str]]:
        told = alone.client.get("/api/v1/queue/demand", **ask).json()
        return told["waiting"], told["running"], [one["name"] for one in told["builders"]]

    repository = make({".hubwright.yml": "platforms: [toy]\nlabels: [a]\nstages:\n- fail: exit 1\n"})
    kind = ("--once", "--idle-exit", "60", "--platform", "toy", "--label", "a", "--label", "b")
    assert demand() == (0, 0, [])
    for number in range(2):
        alone.deliver("push", repository.push({"n": str(number)}))
        until(lambda: demand() == (1, 0, []), 20, "the demand")
        with builder_of(alone, folder, f"pod-{number}", token, *kind) as one:
            alone.finished(repository, number + 1)
            assert one.process is not None
            assert one.process.wait(30) == 0
        until(lambda: demand() == (0, 0, []), 20, "no more demand")
        assert [one["name"] for one in alone.get("builders")["items"]] == [f"pod-{number}"]
        assert is_in(alone, f"pod-{number}", "on_demand")


def test_a_builder_that_waits_so_long_for_a_hub_that_is_not_there_says_so(folder: Path, free_port: int) -> None:
    """A scheduler's job is to fail then, not to end as if nothing had been waiting."""
    address = f"http://127.0.0.1:{free_port}"
    line = ("builder", "--hub", address, "--once", "--idle-exit", "0.5", "--work-dir", str(folder / "work"))
    program = Program(folder, "lonely", line, {"HUBWRIGHT_BUILDER_TOKEN": "x"})
    program.begin()
    assert program.process is not None
    assert program.process.wait(60) == 6
    assert "No hub has let this builder in" in program.said


def test_lag_and_skew_are_measured_soon_and_shown(alone: HubProcess, folder: Path) -> None:
    with builder_of(alone, folder, "one", new_token(alone, "one")):
        found = until(lambda: (one := state_of(alone, "one")) and one["lag"] is not None and one, 20, "a lag")
        assert found
        assert 0 <= found["lag"] < 5
        assert abs(found["skew"]) < 5
        assert found["warning"] is None
        assert run(alone, "builders", "ls", more={"HUBWRIGHT_URL": alone.url}).stdout.split()[:3] == [
            "NAME", "PLATFORM", "STATE",
        ]  # fmt: skip
        text = alone.client.get("/metrics").text
        assert 'hubwright_builders{state="connected"} 1.0' in text


def test_a_killed_builder_is_lost_soon_after_its_time(alone: HubProcess, folder: Path, make: Make) -> None:
    """R3: `lost_after` and a few seconds, not half a minute more."""
    repository = make(endless(folder))
    with builder_of(alone, folder, "one", new_token(alone, "one")) as one:
        alone.deliver("push", repository.push_payload())
        alone.begun(repository, b"begun")
        one.kill()
        begun = time.monotonic()
        until(lambda: [fact for fact in alone.get("facts", after=0)["items"] if fact["kind"] == "BuilderLost"], 20)
        assert time.monotonic() - begun > 1.5
