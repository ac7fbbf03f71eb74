"""Large files cut off: a hub or a builder killed, a store that hangs. Nothing half is served, builds go on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from hung_mount import hanging
from machine_processes import builders_of
from s3_server import BUCKET, OwnS3, s3_environment
from swept_storage import read_key, sizes_after_a_sweep, sizes_in
from waiting import until

MB = 1024 * 1024
PACK = """\
stages:
- pack:
    run: head -c {size} /dev/urandom > big.bin; sha256sum big.bin
    artifacts: big.bin
- after: echo went on
"""


def start_build(hub: HubProcess, repository: FakeRepository, size: int) -> None:
    hub.deliver("push", repository.push({".hubwright.yml": PACK.format(size=size)}))


def the_file(hub: HubProcess, build: dict[str, Any]) -> bytes:
    """Of the run that succeeded; that it is what the stage made was compared."""
    (run,) = build["runs"]
    (item,) = hub.get(f"runs/{run['id']}/artifacts")["items"]
    content = hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/big.bin").content
    digest = sha256(content).hexdigest()
    assert digest == item["sha256"]
    assert digest.encode() in hub.output(run["id"])
    return content


def drafts_in(storage: Path) -> list[Path]:
    """What obstore has begun to write."""
    return [path for path in storage.rglob("*#*") if path.stat().st_size]


def serves_nothing(hub: HubProcess, repository: FakeRepository) -> bool:
    """Neither listed nor to be had."""
    (build,) = hub.builds(repository)
    (run,) = build["runs"]
    at = hub.client.get(f"/artifacts/{build['sha']}/{run['platform']}/big.bin")
    return at.status_code == 404 and hub.get(f"runs/{run['id']}/artifacts")["items"] == []


def freeze_in_mid_upload(folder: Path, hub: HubProcess, storage: Path) -> int:
    """The builder, stopped while a file of its is half there."""
    until(lambda: drafts_in(storage), 40, "the upload to begin")
    (builder,) = builders_of(folder)
    os.kill(builder, signal.SIGSTOP)
    assert drafts_in(storage), "the upload was over before it could be cut"
    assert hub.is_running()
    return builder


@pytest.mark.parametrize("victim", ["hub", "builder"])
def test_a_kill_in_mid_upload_to_a_folder(github: FakeGitHub, make: Make, folder: Path, victim: str) -> None:
    """The hub: the same run sends it again. The builder: the next attempt does. Of the first try nothing is served."""
    repository, storage = make({".hubwright.yml": "stages: [a: 'true']\n"}), folder / "data" / "artifacts"
    with HubProcess(folder, github=github) as hub:
        start_build(hub, repository, 120 * MB)
        builder = freeze_in_mid_upload(folder, hub, storage)
        assert serves_nothing(hub, repository)
        if victim == "hub":
            hub.kill()
            os.kill(builder, signal.SIGCONT)
            assert drafts_in(storage)
            hub.start()
        else:
            os.kill(builder, signal.SIGKILL)
        (build,) = hub.finished(repository, seconds=90)

        assert build["result"] == "success"
        assert build["runs"][0]["attempt"] == (1 if victim == "hub" else 2)
        assert len(the_file(hub, build)) == 120 * MB
        assert bool(drafts_in(storage)) == (victim == "hub")  # a killed hub can't clean up; the daily sweep does
        only_file_is_filed(hub, repository, f"file://{storage}", 120 * MB)


def only_file_is_filed(hub: HubProcess, repository: FakeRepository, url: str, size: int) -> None:
    """In its build's folder, once the sweep has been there; logs and the document beside it, and nothing else."""
    own = f"jobs/{repository.full_name}/1"
    until(lambda: f"{own}/build.json" in sizes_in(url, "jobs"), 30, "the build to be filed")
    document = json.loads(read_key(url, f"{own}/build.json"))
    big = f"{own}/runs/{document['runs'][0]['id']}/artifacts/big.bin"
    logs = {f"{own}/runs/{run['id']}/log.txt" for run in document["runs"] + document["earlier_runs"]}
    after = sizes_after_a_sweep(hub, url)
    assert set(after) == {f"{own}/build.json", big, *logs}
    assert after[big] == size


@pytest.fixture
def store(folder: Path) -> Iterator[OwnS3]:
    """A SeaweedFS that a test may stop."""
    place = folder / "s3"
    place.mkdir()
    server = OwnS3(place)
    server.start()
    try:
        yield server
    finally:
        server.thaw()
        server.kill()


def hub_on(store: OwnS3, folder: Path, github: FakeGitHub, **settings: str) -> HubProcess:
    hub = HubProcess(folder, github=github, settings={"STORAGE_URL": f"s3://{BUCKET}/e2e", **settings})
    hub.environment |= s3_environment(store.url)
    return hub


@pytest.mark.parametrize(("victim", "direct"), [("hub", "false"), ("hub", "true"), ("builder", "true")])
def test_a_kill_in_mid_upload_to_s3(
    github: FakeGitHub,
    make: Make,
    folder: Path,
    store: OwnS3,
    monkeypatch: pytest.MonkeyPatch,
    victim: str,
    direct: str,
) -> None:
    """Through the hub and straight from the builder; the store is stopped, so that the middle is surely met."""
    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    for name, value in s3_environment(store.url).items():
        monkeypatch.setenv(name, value)
    with hub_on(store, folder, github, ARTIFACTS__DIRECT=direct) as hub:
        if direct == "true":
            store.freeze()
            start_build(hub, repository, 40 * MB)
            until(lambda: store.takes() > MB // 4, 40, "the upload to be under way")
        else:
            start_build(hub, repository, 40 * MB)
            until(store.uploads, 40, "the first part to be there")
            store.freeze()
        assert hub.get(f"runs/{hub.builds(repository)[0]['runs'][0]['id']}/artifacts")["items"] == []
        if victim == "hub":
            hub.kill()
        else:
            os.kill(*builders_of(folder), signal.SIGKILL)
        store.thaw()
        if victim == "hub":
            hub.start()
        (build,) = hub.finished(repository, seconds=90)

        assert build["result"] == "success"
        assert build["runs"][0]["attempt"] == (1 if victim == "hub" else 2)
        assert len(the_file(hub, build)) == 40 * MB
        assert len(store.uploads()) <= 1  # of a hub that was killed; for the bucket's own rule to end
        only_file_is_filed(hub, repository, f"s3://{BUCKET}/e2e", 40 * MB)


def test_builds_go_on_when_s3_hangs(github: FakeGitHub, make: Make, folder: Path, store: OwnS3) -> None:
    """The stage waits for as long as the limits say, one sentence tells why; the file goes when the store is back."""
    repository, other = make({".hubwright.yml": "stages: [a: 'true']\n"}), make()
    with hub_on(store, folder, github, ARTIFACTS__STALLED="3") as hub:
        store.freeze()
        start_build(hub, repository, 20 * MB)
        run = hub.begun(repository, b"went on", seconds=60)["id"]
        assert b"big.bin waits: The storage does not answer; try again later." in hub.log(run)
        hub.deliver("push", other.push_payload())
        assert hub.finished(other)[0]["result"] == "success"
        assert hub.client.get("/readyz").status_code == 200
        store.thaw()
        (build,) = hub.finished(repository, seconds=60)
        assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
        assert len(the_file(hub, build)) == 20 * MB


def test_builds_go_on_when_a_share_hangs(github: FakeGitHub, make: Make, folder: Path) -> None:
    """A mount that answers nothing: pages, other builds and this one go on, and the file goes when it is back."""
    repository, other = make({".hubwright.yml": "stages: [a: 'true']\n"}), make()
    sign = folder / "hang"
    with HubProcess(folder, github=github, settings={"ARTIFACTS__STALLED": "1"}) as hub:
        hub.end()
        hub.prefix = hanging(folder / "data" / "artifacts", sign)
        hub.start()
        sign.touch()
        start_build(hub, repository, 3 * MB)
        run = hub.begun(repository, b"went on", seconds=60)["id"]
        assert b"does not answer; is its file server away?" in hub.log(run)
        hub.deliver("push", other.push_payload())
        assert hub.finished(other)[0]["result"] == "success"
        assert hub.client.get("/").status_code == 200
        sign.unlink()
        (build,) = hub.finished(repository, seconds=60)
        assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
        assert len(the_file(hub, build)) == 3 * MB
