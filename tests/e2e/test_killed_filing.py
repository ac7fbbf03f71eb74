"""A hub that is killed while it files a build, in a folder and on S3: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from swept_storage import read_key, sizes_after_a_sweep, sizes_in, wait_for_files
from waiting import until

FILES = 60
PACK = f"""\
stages:
- pack:
    run: mkdir d; for i in $(seq {FILES}); do echo $i > d/$i.txt; done; echo packed
    artifacts: d/*.txt
"""


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_a_kill_while_a_build_is_filed(
    request: pytest.FixtureRequest, github: FakeGitHub, make: Make, folder: Path, place: str
) -> None:
    """The document comes last; the next hub files what is left, and downloads go on from wherever each file is."""
    url = f"file://{folder}/data/artifacts" if place == "folder" else str(request.getfixturevalue("s3_url"))
    repository = make({".hubwright.yml": PACK})
    with HubProcess(folder, github=github, settings={"STORAGE_URL": url}) as hub:
        hub.deliver("push", repository.push_payload())
        wait_for_files(url, "jobs")
        hub.kill()
        half = sizes_in(url, "jobs")
        own = f"jobs/{repository.full_name}/1"
        assert f"{own}/build.json" not in half, "it was filed before it could be cut"
        hub.start()
        (build,) = hub.finished(repository)
        (run,) = build["runs"]
        assert hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/d/{FILES}.txt").text == f"{FILES}\n"

        until(lambda: f"{own}/build.json" in sizes_in(url, "jobs"), 30, "the build to be filed")
        files = json.loads(read_key(url, f"{own}/build.json"))["files"][str(run["id"])]
        kept = {one["path"]: one["file"] for one in files["artifacts"]}
        assert sorted(kept) == sorted(f"d/{number}.txt" for number in range(1, FILES + 1))
        after = sizes_after_a_sweep(hub, url)
        assert set(after) == {f"{own}/{one}" for one in ("build.json", files["log"], *kept.values())}
        assert len(half) < len(after)
        assert read_key(url, f"{own}/{files['log']}") == hub.log(run["id"])
        for path in ("d/1.txt", f"d/{FILES // 2}.txt", f"d/{FILES}.txt"):
            assert read_key(url, f"{own}/{kept[path]}").decode() == f"{path[2:-4]}\n"
            assert hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/{path}").text == f"{path[2:-4]}\n"
