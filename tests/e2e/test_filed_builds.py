"""What a build leaves is found by folder, job and number, as a program beside the hub sees it."""

from __future__ import annotations

import json

from hub_process import HubProcess, Make
from waiting import until


def test_a_build_that_has_ended_is_filed(hub: HubProcess, make: Make) -> None:
    """Log, artifact and document, in the folder that the hub serves from; downloads go on."""
    repository = make({".hubwright.yml": "stages: [{pack: {run: echo data > a.txt, artifacts: a.txt}}]\n"})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    place = hub.data / "artifacts" / "jobs" / repository.full_name / "1"
    until((place / "build.json").exists, what="the build's document")
    document = json.loads((place / "build.json").read_text())
    (run,) = document["runs"]
    files = document["files"][str(run["id"])]
    assert (document["id"], document["result"], files["tests"]) == (build["id"], "success", None)
    assert (place / files["log"]).read_bytes() == hub.log(run["id"])
    (kept,) = files["artifacts"]
    assert (place / kept["file"]).read_text() == "data\n"
    assert hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/a.txt").text == "data\n"
