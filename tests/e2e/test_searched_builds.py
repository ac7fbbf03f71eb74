"""A hub with a search engine beside it, as operators run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from fake_github import FakeGitHub
from hub_process import GREEN, HubProcess, Make
from search_server import new_port, search_engine_at
from waiting import until

PORT = new_port()
FAILING = {".hubwright.yml": "stages:\n- test: 'echo \"error: ring $$: cannot allocate $$ bytes\"; exit 1'\n"}


@pytest.fixture
def hub(tmp_path: Path, github: FakeGitHub) -> Iterator[HubProcess]:
    settings = {"ELASTICSEARCH__URL": f"http://127.0.0.1:{PORT}", "ELASTICSEARCH__LOGS": "all"}
    with HubProcess(tmp_path, github=github, settings=settings) as process:
        yield process


def test_builds_end_up_in_the_engine_also_those_that_ended_before_it_came(
    hub: HubProcess, make: Make, tmp_path: Path
) -> None:
    """R26: a build is not slower for an engine that is down, and is found when it is there, with what it failed by."""
    broken = make(FAILING)
    for message in ("One", "Two"):
        hub.deliver("push", broken.push({"note": message}, message))
        hub.finished(broken, 1 if message == "One" else 2)
    (known,) = hub.get("known-failures")["items"]
    assert (known["kind"], known["times"]) == ("line", 2)
    assert known["title"].startswith("error: ring ")
    assert hub.get(f"known-failures/{known['id']}")["history"] is None
    repository = make(GREEN)
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    folder = tmp_path / "engine"
    folder.mkdir()
    with search_engine_at(PORT, folder) as url:

        def find(kind: str) -> list[dict[str, object]]:
            answer = httpx2.post(f"{url}/hubwright-{kind}-*/_search?size=100", json={"query": {"match_all": {}}})
            hits = answer.json().get("hits", {}).get("hits", []) if answer.status_code == 200 else []
            return [hit["_source"] for hit in hits]

        found = until(
            lambda: next((one for one in find("build") if one["build"] == build["id"]), None),
            60,
            "the build in the engine",
        )
        assert (found["build"], found["result"], found["sha"]) == (build["id"], "success", build["sha"])
        assert {stage["stage"] for stage in find("stage")} == {"build", "test"}
        assert any("built" in str(line["text"]) for line in find("log"))

        def look() -> object:
            history = hub.get(f"known-failures/{known['id']}")["history"]
            return history if history and history["times"] == 2 else None

        until(look, 60, "both failures in the engine")
        assert {one["fingerprint"] for one in find("failure")} == {known["fingerprint"]}
