"""The drill: last night's backup becomes the hub, and GitHub is asked for what came since."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from command_line import run
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import SECRET, HubProcess
from machine_processes import kill_leftovers
from waiting import until

PATIENCE = 90.0
"""Seconds on a machine that is busy with other tests."""

AN_HOUR = 3600.0
"""So long ago is what arrived after the backup: what GitHub has just delivered may be on its way in."""

RECIPE = {".hubwright.yml": "stages: [{pack: {run: echo data > a.txt, artifacts: a.txt, secrets: [TOKEN]}}]\n"}
SETTINGS = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own."""
    with FakeGitHub() as fake:
        yield fake


def commits(hub: HubProcess, repository: FakeRepository) -> list[str]:
    """The commits of all builds, one for each build, oldest first."""
    return [build["sha"] for build in reversed(hub.builds(repository))]


def is_all_told(hub: HubProcess) -> bool:
    """Whether nothing is left to say: what a backup does not know as said, its hub says again."""
    with closing(sqlite3.connect(hub.data / "hubwright.db", timeout=30)) as database:
        waits = "(SELECT min(cursor) FROM reporter) < (SELECT max(id) FROM fact)"
        ((left,),) = database.execute(f"SELECT {waits} OR EXISTS (SELECT 1 FROM report WHERE state <> 'done')")
    return not left


def restore(hub: HubProcess, backup: Path, key: bytes) -> None:
    """As the page says: the backup, then the key, which was kept elsewhere."""
    done = run(hub, "restore", str(backup))
    assert (done.returncode, "secrets.key" in done.stderr) == (0, True), done.stderr
    assert "Restored as of 20" in done.stdout
    (hub.data / "secrets.key").write_bytes(key)


@pytest.mark.timeout(360)
def test_last_nights_backup_becomes_the_hub_and_nothing_is_built_twice(tmp_path: Path, github: FakeGitHub) -> None:
    """R25. Built before the backup: not again. After it, or while there was no hub: once, with numbers of their own."""
    repository = github.create_repository("octo/drill", RECIPE)
    with HubProcess(tmp_path, github=github, settings=SETTINGS) as hub:
        hub.client.put("/api/v1/secrets/TOKEN?job=octo/drill", json={"value": "the value"})
        hook = github.add_hook("/repos/octo/drill", hub.hook, SECRET)
        first = repository.push_payload()
        assert hook.send("push", first) == 202
        (before,) = hub.finished(repository, 1, PATIENCE)
        until(lambda: is_all_told(hub), PATIENCE, "all to be told of it")
        log = hub.log(before["runs"][0]["id"])

        done = run(hub, "backup", str(tmp_path / "backups"), "--keep", "7", "--json")
        backup = Path(orjson.loads(done.stdout)["folder"])
        key = (hub.data / "secrets.key").read_bytes()

        lost = repository.push({"README": "since the backup\n"})
        assert hook.send("push", lost, at=time.time() - AN_HOUR) == 202
        of_then = hub.finished(repository, 2, PATIENCE)[0]
        hub.kill()
        kill_leftovers(tmp_path)  # the machine is gone, with all that ran there
        missed = repository.push({"README": "while there was no hub\n"})
        assert hook.send("push", missed) == 0
        told = len(github.statuses(first["after"]))

        shutil.rmtree(hub.data)
        restore(hub, backup, key)
        hub.start()
        hub.post("healing")
        hub.finished(repository, 3, PATIENCE)
        found = until(lambda: _healed(hub), PATIENCE, "two recovered deliveries")

        assert found["missing"] == 0
        assert commits(hub, repository) == [first["after"], lost["after"], missed["after"]]
        builds = hub.builds(repository)
        assert {build["result"] for build in builds} == {"success"}
        assert min(build["id"] for build in builds[:2]) > of_then["id"] + 1000
        assert min(build["runs"][0]["id"] for build in builds[:2]) > of_then["runs"][0]["id"] + 1000
        assert hub.log(before["runs"][0]["id"]) == log
        address = f"/api/v1/runs/{before['runs'][0]['id']}/artifacts/a.txt"
        assert hub.client.get(address).content == b"data\n"
        assert len(github.statuses(first["after"])) == told
        until(lambda: _is_green(github, missed["after"]), PATIENCE, "the status of what was missed")


def _healed(hub: HubProcess) -> dict[str, Any] | None:
    found = dict(hub.get("healing"))
    return found if found["recovered"] >= 2 else None


def _is_green(github: FakeGitHub, sha: str) -> bool:
    return any(status["state"] == "success" for status in github.statuses(sha))
