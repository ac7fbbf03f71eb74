"""The commit that broke it, found by real builders from real commits, over crashes of the hub, on every door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import run
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess
from hubwright.domain.bisection import most_builds
from waiting import until

Make = Callable[..., FakeRepository]

RECIPE = """
stages:
- build: sh build.sh
- test: {run: sh test.sh, reports: report.xml}
"""
TEST = """\
say() { if sh "$1.sh"; then echo "<testcase classname='suite' name='$1'/>"
else echo "<testcase classname='suite' name='$1'><failure/></testcase>"; fi; }
{ echo "<testsuite name='s'>"; say test_a; say test_b; say test_c; echo "</testsuite>"; } > report.xml
! grep -q failure report.xml
"""
FINE = {"build.sh": "exit 0", "test.sh": TEST, "test_a.sh": "exit 0", "test_b.sh": "exit 0", "test_c.sh": "exit 0"}
PATIENCE = 120


def history(changes: dict[int, dict[str, str]], count: int) -> list[tuple[dict[str, str], str]]:
    """So many commits; some change more than a counter."""
    return [({"n": str(place), **changes.get(place, {})}, f"Commit {place}") for place in range(1, count + 1)]


def begin(hub: HubProcess, repository: FakeRepository, settings: dict[str, Any]) -> None:
    hub.deliver("push", repository.push_payload())
    hub.finished(repository, 1)
    answer = hub.client.patch(f"/api/v1/jobs/{repository.full_name}", json={"settings": settings})
    assert answer.status_code == 200, answer.text


def push_all(hub: HubProcess, repository: FakeRepository, changes: dict[int, dict[str, str]], count: int) -> list[str]:
    before = str(repository.head())
    shas = [before, *repository.commit_each(history(changes, count))]
    hub.deliver("push", repository.push_payload(before=before))
    return shas


def searched(hub: HubProcess, repository: FakeRepository) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.get("bisections", job=repository.full_name)["items"]
    return found


def ended(hub: HubProcess, repository: FakeRepository) -> dict[str, Any]:
    until(
        lambda: [one["state"] in {"found", "ended"} for one in searched(hub, repository)] == [True],
        PATIENCE,
        "the search to end",
    )
    return dict(hub.get(f"bisections/{searched(hub, repository)[0]['id']}"))


def test_two_culprits_of_thirty_commits_are_named_everywhere(hub: HubProcess, github: FakeGitHub, make: Make) -> None:
    """Commit 17 breaks test_b, 23 breaks test_c, 20 does not compile: exactly these two, with few builds."""
    repository = make({".hubwright.yml": RECIPE, **FINE})
    begin(hub, repository, {"commits": "bisect"})
    changes = {
        17: {"test_b.sh": "exit 1"},
        20: {"build.sh": "exit 1"},
        21: {"build.sh": "exit 0"},
        23: {"test_c.sh": "exit 1"},
    }
    shas = push_all(hub, repository, changes, 30)
    search = ended(hub, repository)
    assert search["state"] == "found", search
    broke = {shas.index(one["sha"]): one["broke"] for one in search["culprits"]}
    assert broke == {17: ["suite: test_b"], 23: ["suite: test_c"]}
    assert search["builds"] <= 2 * most_builds(31)
    assert len([step for step in search["steps"] if step["own"]]) == search["builds"]
    pushed = [build for build in hub.builds(repository) if build["event"] == "push"]
    assert [shas.index(build["sha"]) for build in pushed] == [30, 0]

    facts = [one["sentence"] for one in hub.get("facts", build=pushed[0]["id"])["items"]]
    assert any(f"{shas[17][:7]} by " in one and "broke suite: test_b: Commit 17." in one for one in facts), facts
    github.wait_for(lambda: any("since here" in one["description"] for one in github.statuses(shas[17])))
    (status,) = github.statuses(shas[17])
    assert (status["state"], status["description"]) == ("failure", "breaks suite: test_b since here")
    told = (shas[17][:7], shas[23][:7], "broken by ")
    github.wait_for(lambda: any(all(one in s["description"] for one in told) for s in github.statuses(shas[30])))
    assert not github.statuses(shas[16]), "builds of searches set no status"

    page = hub.client.get(f"/builds/{pushed[0]['id']}").text
    assert "Culprits" in page
    assert shas[17][:7] in page
    assert "Commit 23" in page
    assert "suite: test_c" in hub.client.get(f"/bisections/{search['id']}").text
    assert "Searches for culprits" in hub.client.get(f"/jobs/{repository.full_name}").text
    newest = hub.get(f"jobs/{repository.full_name}")["newest"]
    assert newest["id"] == pushed[0]["id"]


def test_a_killed_hub_goes_on_where_it_was(folder: Path, github: FakeGitHub, make: Make) -> None:
    """kill -9 in the middle of the search, more than once: the same culprit, no build twice."""
    repository = make({".hubwright.yml": RECIPE, **FINE})
    with HubProcess(folder, github=github) as hub:
        begin(hub, repository, {"commits": "bisect"})
        shas = push_all(hub, repository, {6: {"build.sh": "exit 1"}}, 12)
        for count in (1, 3):
            until(lambda count=count: any(one["builds"] >= count for one in searched(hub, repository)), PATIENCE)
            hub.restart()
        search = ended(hub, repository)
        assert [(shas.index(one["sha"]), one["broke"]) for one in search["culprits"]] == [(6, ["stage build"])]
        assert search["builds"] <= most_builds(13)


def test_hubwright_bisect_on_the_command_line(hub: HubProcess, make: Make) -> None:
    """A job that builds heads only, asked about afterwards; the steps are shown, the exit code tells."""
    repository = make({".hubwright.yml": RECIPE, **FINE})
    begin(hub, repository, {"commits": "head"})
    shas = push_all(hub, repository, {5: {"test_a.sh": "exit 1"}}, 9)
    hub.finished(repository, 2)
    assert searched(hub, repository) == []
    job = ("--job", repository.full_name, "--watch")
    said = run(hub, "bisect", shas[0][:10], "main", *job)
    assert said.returncode == 0, said
    assert f"{shas[5][:7]} broke suite: test_a" in said.stdout
    assert "Commit 5" in said.stdout
    nothing = run(hub, "bisect", shas[0], shas[4], *job)
    assert (nothing.returncode, "Nothing fails at" in nothing.stdout) == (5, True), nothing
    unknown = run(hub, "bisect", "nowhere", shas[4], *job)
    assert (unknown.returncode, "no branch, tag or commit 'nowhere'" in unknown.stdout) == (5, True), unknown
    named = run(hub, "bisect", shas[0], shas[9], *job, "--test", "test_a", "--json")
    assert named.returncode == 0, named
    assert json.loads(named.stdout)["culprits"][0]["sha"] == shas[5]
    own = run(hub, "bisect", shas[1], shas[9], *job, "--run", "test $(cat n) -lt 7")
    assert (own.returncode, f"{shas[7][:7]} broke stage bisect-" in own.stdout) == (0, True), own
