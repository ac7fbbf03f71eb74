"""`hubwright replica heal` as people call it, hubs that are killed while they look, and two hubs on one database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from command_line import begin
from fake_github import FakeGitHub
from fake_github_deliveries import FakeHook
from fake_repository import FakeRepository
from github_items import issue
from hub_process import GREEN, SECRET, HubProcess
from waiting import until

SELDOM = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"}
PLACE = "/repos/octo/healed"
SLOW = 0.4
"""Seconds that GitHub takes for an answer, where it matters that a look takes a while."""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own: what is refused here must not be refused elsewhere."""
    with FakeGitHub() as fake:
        yield fake


def settings_for(database_url: str) -> dict[str, str]:
    return SELDOM if database_url.startswith("sqlite") else {**SELDOM, "DATABASE_URL": database_url}


def heal(hub: HubProcess, *arguments: str) -> tuple[int, str, list[str]]:
    """The command to its end: exit code, stdout, lines of stderr."""
    process = begin(hub, "replica", "heal", *arguments)
    out, err = process.communicate(timeout=150)
    return process.returncode, out.decode(), err.decode().splitlines()


def lose(hook: FakeHook, repository: FakeRepository, count: int) -> list[str]:
    """So many pushes that GitHub believes to have delivered, and a proxy swallowed; their commits."""
    payloads = [repository.push({"README": f"{hook.number} {number}\n"}) for number in range(count)]
    for payload in payloads:
        hook.lose("push", payload, at=time.time() - 3600)
    return [payload["after"] for payload in payloads]


def counts_of(hub: HubProcess, repository: FakeRepository) -> dict[str, int]:
    """How many builds each commit has."""
    counts: dict[str, int] = {}
    for build in hub.builds(repository):
        counts[build["sha"]] = counts.get(build["sha"], 0) + 1
    return counts


def heard(hub: HubProcess, github: FakeGitHub) -> tuple[FakeRepository, FakeHook]:
    """A repository whose hook sends to the hub, and which is known there."""
    repository = github.create_repository("octo/healed", GREEN)
    hook = github.add_hook(PLACE, hub.hook, SECRET)
    assert hook.send("push", repository.push_payload()) == 202
    until(lambda: counts_of(hub, repository), 60, "the first build")
    return repository, hook


@pytest.mark.timeout(300)
def test_the_command_tells_what_was_recovered_and_what_could_not_be_known(
    github: FakeGitHub, tmp_path: Path, database_url: str
) -> None:
    """Exit codes 0, 1 and 8; data on stdout, progress on stderr; on both databases."""
    with HubProcess(tmp_path, ("hub",), github=github, settings=settings_for(database_url)) as hub:
        repository, hook = heard(hub, github)
        shas = lose(hook, repository, 3)

        code, out, progress = heal(hub, "--json")
        found = json.loads(out)
        assert (code, found["recovered"], found["missing"], found["could_not_look"]) == (0, 3, 0, [])
        assert (found["places"], found["behind"], found["unlooked"]) == (2, 0, 0)
        assert progress[-1] == "Looked at 2 of 2 places; 3 recovered, 0 missing."
        until(lambda: set(counts_of(hub, repository)) >= set(shas), 60, "the builds of what was missed")
        assert set(counts_of(hub, repository).values()) == {1}

        code, out, _ = heal(hub)
        assert (code, out.splitlines()) == (0, ["last 24 h: 4 delivered, 3 recovered, 0 missing"])
        code, out, progress = heal(hub, "--no-wait", "--json")
        assert (code, progress) == (0, [])

        github.state.weak_hooks = True
        code, out, progress = heal(hub)
        assert code == 1
        assert "0 missing as far as is known: could not look at the hooks of octo/healed: GitHub does not show" in out
        assert any(line.startswith("could not look at the hooks of octo/healed: ") for line in progress)
        assert "<li>Could not look at " in hub.client.get("/deliveries").text
        github.state.weak_hooks = False

        hook.reaches = False
        hook.lose("issues", {"action": "opened", "issue": issue(7), "repository": repository.describe()})
        hook.sent[-1] |= {"status_code": 502, "status": "failed to connect to host"}
        code, out, progress = heal(hub, "--patience", "3")
        assert (code, "1 missing" in out) == (8, True)
        assert any(line.startswith("missing: issues ") for line in progress)

        github.limit_next(20, reset_in=3000)
        code, out, progress = heal(hub, "--patience", "20", "--json")
        found = json.loads(out)
        assert code == 8
        assert {one["refused"] for one in found["could_not_look"]} == {False}

        hub.stop()
        hub.environment["HUBWRIGHT_GITHUB__HEAL"] = "false"
        hub.start()
        code, out, progress = heal(hub)
        assert (code, out) == (1, "")
        assert "switched off: set GITHUB__HEAL" in progress[-1]
        assert "switched off (GITHUB__HEAL)" in hub.get("healing")["text"]


@pytest.mark.timeout(300)
def test_a_hub_that_is_killed_while_it_looks_misses_nothing_and_builds_nothing_twice(
    github: FakeGitHub, tmp_path: Path, database_url: str
) -> None:
    """kill -9 in mid-list, and again while deliveries are asked for: the next life ends the look."""
    with HubProcess(tmp_path, ("hub",), github=github, settings=settings_for(database_url)) as hub:
        repository, hook = heard(hub, github)
        hook.page = 3
        shas = lose(hook, repository, 10)
        github.fail_next(40, status=0, latency=SLOW)
        asked = len(github.requests)
        hub.post("healing")
        until(lambda: _count(github, "/deliveries", asked) >= 2, 60, "a look in its midst")
        hub.restart()
        until(lambda: len(hook.asked) >= 2, 90, "deliveries that are asked for")
        hub.restart()

        code, out, _ = heal(hub, "--patience", "120", "--json")
        assert (code, json.loads(out)["missing"]) == (0, 0), out
        until(lambda: set(counts_of(hub, repository)) >= set(shas), 60, "the builds of what was missed")
        assert set(counts_of(hub, repository).values()) == {1}
        lost = sum(one["redelivery"] and one["status_code"] != 202 for one in hook.sent)  # sent while no hub lived
        assert len(hook.asked) - len(set(hook.asked)) <= 2 + lost, "at most what was being asked for at a kill"


@pytest.mark.timeout(300)
def test_of_two_hubs_on_one_database_one_looks(github: FakeGitHub, tmp_path: Path, postgres_url: str) -> None:
    """Looks have leases: nothing is asked at a time by both, and when the one is killed the other goes on."""
    settings = {"DATABASE_URL": postgres_url, "GITHUB__HEAL_INTERVAL": "1.5", "GITHUB__POLL_INTERVAL": "1.5"}
    second = HubProcess(tmp_path / "second", ("hub",), github=github, settings=settings)
    shared = {**settings, "PUBLIC_URL": second.url}  # whatever stands before both sends to the one that lives
    with second, HubProcess(tmp_path / "first", ("hub",), github=github, settings=shared) as first:
        repository, hook = heard(second, github)
        github.fail_next(10_000, status=0, latency=SLOW)
        asked = len(github.requests)
        until(lambda: _count(github, f"{PLACE}/hooks", asked) >= 5, 90, "looks at the hooks")
        times = [one.at for one in github.requests[asked:] if one.path.endswith(f"{PLACE}/hooks")]
        assert all(later - earlier > 1.0 for earlier, later in pairwise(times)), times

        shas = lose(hook, repository, 3)
        first.kill()

        def look() -> bool:
            found = second.get("healing")
            return bool(found["recovered"] >= 3 and found["missing"] == 0)

        until(look, 120, "what was missed")
        until(lambda: set(counts_of(second, repository)) >= set(shas), 60, "the builds of what was missed")
        assert set(counts_of(second, repository).values()) == {1}


def _count(github: FakeGitHub, end: str, since: int) -> int:
    """How many requests for an address that ends so have come."""
    return sum(one.method == "GET" and one.path.endswith(end) for one in github.requests[since:])
