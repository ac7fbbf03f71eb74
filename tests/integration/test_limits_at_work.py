"""Limits and pauses in a whole hub: what makes room lets the next one in at once, with every wake that this takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from waiting import until
from whole_hub import whole_hub

PATIENCE = 30.0
JOB = {
    "repository": "octo/hello",
    "checkout": False,
    "recipe": {"text": "stages:\n  - build: make\n"},
    "concurrency": {"group": "deploy", "limit": 1},
}


def test_builds_within_limits_wait_with_a_reason_and_start_when_there_is_room(tmp_path: Path) -> None:
    """Started by people, planned, admitted; the end of one admits the next; a paused job keeps its place."""
    with whole_hub(tmp_path, f"sqlite:///{tmp_path}/hubwright.db") as (_, client):

        def ask(method: str, path: str, json: Any = None) -> Any:
            return client.request(method, f"/api/v1/{path}", json=json).raise_for_status().json()

        def states(*numbers: int) -> list[str]:
            builds = [ask("GET", f"builds/{number}") for number in numbers]
            return [run["state"] for build in builds for run in build["runs"]] if all(builds) else []

        for path in ("team/one", "team/other"):
            ask("PUT", f"jobs/{path}", JOB)
        first, second, third = (
            ask("POST", f"jobs/team/{name}/builds", {"sha": f"{at:040x}", "ref": "main"})["id"]
            for at, name in enumerate(("one", "other", "one"), 1)
        )
        until(lambda: states(first, second, third) == ["queued", "held", "held"], PATIENCE, "one in the queue")
        (why,) = ask("GET", f"builds/{third}/why")["reasons"]
        assert (why["kind"], why["group"], why["going"], why["ahead"]) == ("group_full", "deploy", ["team/one #1"], 1)
        assert ask("GET", "ping")["remaining"] == 3
        ask("POST", "jobs/team/other/pause")
        ask("POST", f"builds/{first}/cancel", {})
        until(lambda: states(second, third) == ["held", "queued"], PATIENCE, "the next that is not paused")
        assert ask("GET", f"builds/{second}/why")["reasons"][0]["kind"] == "job_paused"
        ask("POST", f"builds/{third}/cancel", {})
        ask("POST", "jobs/team/other/resume")
        until(lambda: states(second) == ["queued"], PATIENCE, "the one that was paused")
        kinds = {one["kind"] for one in ask("GET", "facts")["items"] if one["build"] == second}
        assert {"BuildBlocked", "BuildAdmitted"} <= kinds
