"""Artifacts and caches with every process real: kept, served, vouched for; a hub that is away, files in S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import servers
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from s3_server import s3_environment
from waiting import until

PACK = """\
stages:
- pack:
    run: |
      mkdir -p dist && printf 'hello' > dist/app.txt && head -c 9000000 /dev/urandom > dist/big.bin
      ln -s /etc/passwd dist/stolen && mkfifo dist/pipe && mkdir -p dist/.git && echo t > dist/.git/config
    artifacts: dist/**
"""


def push(hub: HubProcess, repository: FakeRepository, files: dict[str, str]) -> dict[str, Any]:
    """Push, and the finished build with its first run."""
    count = len(hub.builds(repository))
    hub.deliver("push", repository.push(files))
    (build, *_) = hub.finished(repository, count + 1)
    return build


def files_of(hub: HubProcess, build: dict[str, Any]) -> dict[str, dict[str, Any]]:
    items = hub.get(f"runs/{build['runs'][0]['id']}/artifacts")["items"]
    return {item["path"]: item for item in items}


def test_files_are_kept_and_refused_with_a_line_each(hub: HubProcess, make: Make) -> None:
    """S21, S27: what can't be kept is told in the log, and fails nothing."""
    build = push(hub, make({".hubwright.yml": "stages: [a: 'true']\n"}), {".hubwright.yml": PACK})
    assert build["result"] == "success"
    kept = files_of(hub, build)
    assert set(kept) == {"dist/app.txt", "dist/big.bin"}
    log = hub.log(build["runs"][0]["id"]).decode()
    assert "dist/stolen is not kept: it is a link." in log
    assert "dist/pipe is not kept: it is a pipe." in log
    assert "dist/.git/config is not kept: it belongs to git's own folder" in log
    path = kept["dist/big.bin"]["url"].removeprefix(hub.url)
    content = hub.client.get(path).content
    assert sha256(content).hexdigest() == kept["dist/big.bin"]["sha256"]
    assert hub.client.get(f"{path}.intoto.jsonl").json()["payloadType"] == "application/vnd.in-toto+json"


def test_files_go_to_s3_and_back(folder: Path, github: FakeGitHub, make: Make) -> None:
    """The large one straight from the builder: the hub only reads it again."""
    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    settings = {"STORAGE_URL": f"s3://artifacts/e{os.getpid()}-{servers.next_number('bucket')}"}
    hub = HubProcess(folder, github=github, settings=settings)
    hub.environment |= s3_environment(servers.url_of("s3"))
    with hub:
        build = push(hub, repository, {".hubwright.yml": PACK})
        kept = files_of(hub, build)
        assert set(kept) == {"dist/app.txt", "dist/big.bin"}
        for item in kept.values():
            content = hub.client.get(item["run_url"].removeprefix(hub.url)).content
            assert sha256(content).hexdigest() == item["sha256"]
        latest = hub.client.get(f"/download/latest?job={repository.full_name}&path=app.txt", follow_redirects=True)
        assert latest.content == b"hello"


def test_builds_see_nothing_of_the_stores_keys(folder: Path, github: FakeGitHub, make: Make) -> None:
    """S25: the hub's environment has them."""
    hub = HubProcess(folder, github=github)
    hub.environment |= s3_environment("http://127.0.0.1:1", secret="canary-of-the-store")
    with hub:
        build = push(hub, make({".hubwright.yml": "stages: [a: 'true']\n"}), {".hubwright.yml": "stages: [e: env]\n"})
        assert b"canary-of-the-store" not in hub.log(build["runs"][0]["id"])


WAITING = """\
stages:
- pack:
    run: |
      echo packing; while [ ! -e {sign} ]; do sleep 0.05; done
      head -c 3000000 /dev/urandom > big.bin; sha256sum big.bin
    artifacts: big.bin
- after: 'rm -f big.bin; echo gone'
"""


def test_a_hub_that_is_away_loses_no_file(folder: Path, github: FakeGitHub, make: Make, tmp_path: Path) -> None:
    """The build goes on, even removes the file; its copy waits in the spool, and the run ends when it was taken."""
    repository, sign = make({".hubwright.yml": "stages: [a: 'true']\n"}), folder / "sign"
    with HubProcess(folder, github=github) as hub:
        count = len(hub.builds(repository))
        hub.deliver("push", repository.push({".hubwright.yml": WAITING.format(sign=sign)}))
        run = hub.begun(repository, b"packing")
        hub.kill()
        sign.touch()
        spools = folder / "data" / "builder" / "runs"
        until(lambda: list(spools.glob("*/files/1")), 30, "the file to wait in the spool")
        hub.start()
        (build, *_) = hub.finished(repository, count + 1, seconds=60)
        assert build["result"] == "success"
        assert build["runs"][0]["id"] == run["id"]
        kept = files_of(hub, build)["big.bin"]
        content = hub.client.get(kept["run_url"].removeprefix(hub.url)).content
        assert sha256(content).hexdigest().encode() in hub.output(run["id"])


CACHED = """\
cache: {paths: [deps, "~/.tool"], files: lock}
stages:
- deps: |
    if [ -e deps/one ]; then echo "came $(cat deps/one ~/.tool/two)"; else echo none; fi
    mkdir -p deps ~/.tool; cat lock > deps/one; echo tool > ~/.tool/two; ln -sf one deps/link
"""


def test_caches_come_back(hub: HubProcess, make: Make) -> None:
    """Nothing at first; then what was kept; another lock file gets the newest like it, and keeps its own."""

    def output(build: dict[str, Any]) -> str:
        return hub.log(build["runs"][0]["id"]).decode()

    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    first = output(push(hub, repository, {".hubwright.yml": CACHED, "lock": "v1\n"}))
    assert "Cache deps, ~/.tool: nothing kept yet." in first
    assert "none" in first
    assert "Cache deps, ~/.tool: kept, " in first
    second = output(push(hub, repository, {"other": "x"}))
    assert "Cache deps, ~/.tool: restored, " in second
    assert "came v1" in second
    assert "kept, " not in second
    third = output(push(hub, repository, {"lock": "v2\n"}))
    assert "the newest of another state of its files" in third
    assert "came v1" in third
    fourth = output(push(hub, repository, {"other": "y"}))
    assert "came v2" in fourth


OF_A_STAGE = """\
stages:
- deps:
    run: 'if [ -e deps/one ]; then echo it came; fi; mkdir -p deps; touch deps/one'
    cache: {paths: deps, key: of deps}
- check: test ! -e broken
"""


def test_a_stages_cache_is_its_own(hub: HubProcess, make: Make) -> None:
    """Kept when the stage succeeded though a later one failed; a run without the stage knows nothing of it."""

    def output(build: dict[str, Any]) -> str:
        return hub.output(build["runs"][0]["id"]).decode() + hub.log(build["runs"][0]["id"]).decode()

    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    red = push(hub, repository, {".hubwright.yml": OF_A_STAGE, "broken": ""})
    assert red["result"] == "failure"
    assert "Cache of deps: kept, " in output(red)
    assert "\nit came\n" in output(push(hub, repository, {"other": "x"}))
    plain = push(hub, repository, {".hubwright.yml": "stages: [a: 'true']\n"})
    assert "Cache" not in output(plain)


@pytest.mark.parametrize("fault", ["away", "damaged"])
def test_a_cache_that_fails_fails_no_build(folder: Path, github: FakeGitHub, make: Make, fault: str) -> None:
    """It is slower, and the log says why."""
    faults: dict[str, Callable[[Path], None]] = {"away": _hide, "damaged": _damage}
    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    with HubProcess(folder, github=github) as hub:
        push(hub, repository, {".hubwright.yml": CACHED, "lock": "v1\n"})
        faults[fault](folder / "data" / "artifacts")
        build = push(hub, repository, {"other": "x"})
        assert build["result"] == "success"
        log = hub.log(build["runs"][0]["id"]).decode()
        assert "Cache deps, ~/.tool: not restored, " in log
        assert "none" in log


def _hide(storage: Path) -> None:
    storage.rename(storage.with_name("hidden"))


def _damage(storage: Path) -> None:
    (file,) = (storage / "caches").iterdir()
    file.write_bytes(b"x" * file.stat().st_size)


def test_a_share_that_is_away_is_waited_for(folder: Path, github: FakeGitHub, make: Make) -> None:
    """The file server's folder vanishes and comes back: the hub says so, and the file is sent again."""
    repository = make({".hubwright.yml": "stages: [a: 'true']\n"})
    recipe = "stages: [{pack: {run: echo data > a.txt, artifacts: a.txt}}]\n"
    with HubProcess(folder, github=github) as hub:
        storage = folder / "data" / "artifacts"
        storage.rename(storage.with_name("away"))
        hub.deliver("push", repository.push({".hubwright.yml": recipe}))
        until(lambda: list((folder / "data" / "builder" / "runs").glob("*/files/1")), 40, "the file to wait")
        storage.with_name("away").rename(storage)
        (build, *_) = hub.finished(repository, 1, seconds=60)
        assert build["result"] == "success"
        assert set(files_of(hub, build)) == {"a.txt"}
        assert "a.txt waits: The storage folder" in hub.log(build["runs"][0]["id"]).decode()
