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
from hub_process import SECRET, HubProcess
from machine_processes import kill_leftovers
from waiting import until

PATIENCE = 90.0
"""Seconds on a machine that is busy with other tests."""

AN_HOUR = 3600.0
"""So long ago is what arrived after the backup: what GitHub has just delivered may be on its way in."""

RECIPE = """stages:
- pack:
    run: |
      test "$TOKEN" = "the value"
      echo data > a.txt
      echo waits
      until test -e {gate}; do sleep 0.1; done
    artifacts: a.txt
    secrets: [TOKEN]
"""
SETTINGS = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own."""
    with FakeGitHub() as fake:
        yield fake


def is_all_told(hub: HubProcess) -> bool:
    """Whether nothing is left to say: what a backup does not know as said, its hub says again."""
    with closing(sqlite3.connect(hub.data / "hubwright.db", timeout=30)) as database:
        waits = "(SELECT min(cursor) FROM reporter) < (SELECT max(id) FROM fact)"
        ((left,),) = database.execute(f"SELECT {waits} OR EXISTS (SELECT 1 FROM report WHERE state <> 'done')")
    return not left


def back_up(hub: HubProcess, folder: Path) -> Path:
    """The folder of a new backup."""
    done = run(hub, "backup", str(folder), "--keep", "7", "--json")
    return Path(orjson.loads(done.stdout)["folder"])


def restore(hub: HubProcess, backup: Path, key: bytes) -> None:
    """As the page says: the backup, then the key, which was kept elsewhere."""
    done = run(hub, "restore", str(backup))
    assert (done.returncode, "secrets.key" in done.stderr) == (0, True), done.stderr
    assert "Restored as of 20" in done.stdout
    (hub.data / "secrets.key").write_bytes(key)


@pytest.mark.timeout(360)
def test_last_nights_backup_becomes_the_hub_and_nothing_is_built_twice(tmp_path: Path, github: FakeGitHub) -> None:
    """R25. Built before the backup: not again. After it, or while there was no hub: once, with numbers of their own.

    What ran while the backup was made begins anew.
    """
    gate = tmp_path / "gate"
    repository = github.create_repository("octo/drill", {".hubwright.yml": RECIPE.format(gate=gate)})
    with HubProcess(tmp_path, github=github, settings=SETTINGS) as hub:
        assert hub.client.put("/api/v1/secrets/TOKEN?folder=octo", json={"value": "the value"}).status_code == 201
        hook = github.add_hook("/repos/octo/drill", hub.hook, SECRET)
        gate.touch()
        first = repository.push_payload()
        assert hook.send("push", first) == 202
        (before,) = hub.finished(repository, 1, PATIENCE)
        until(lambda: is_all_told(hub), PATIENCE, "all to be told of it")
        log = hub.log(before["runs"][0]["id"])

        gate.unlink()
        going = repository.push({"README": "while the backup is made\n"})
        assert hook.send("push", going, at=time.time() - AN_HOUR) == 202
        hub.begun(repository, b"waits", PATIENCE)
        backup, key = back_up(hub, tmp_path / "backups"), (hub.data / "secrets.key").read_bytes()

        gate.touch()
        lost = repository.push({"README": "since the backup\n"})
        assert hook.send("push", lost, at=time.time() - AN_HOUR) == 202
        of_then = hub.finished(repository, 3, PATIENCE)[0]
        hub.kill()
        kill_leftovers(tmp_path)  # the machine is gone, with all that ran there
        missed = repository.push({"README": "while there was no hub\n"})
        assert hook.send("push", missed) == 0
        told = len(github.statuses(first["after"]))

        shutil.rmtree(hub.data)
        restore(hub, backup, key)
        hub.start()
        hub.post("healing")
        found = until(lambda: _healed(hub), PATIENCE, "two recovered deliveries")
        builds = hub.finished(repository, 4, PATIENCE)

        assert found["missing"] == 0
        assert_each_once(builds, [one["after"] for one in (first, going, lost, missed)], of_then)
        assert hub.log(before["runs"][0]["id"]) == log
        address = f"/api/v1/runs/{before['runs'][0]['id']}/artifacts/a.txt"
        assert hub.client.get(address).content == b"data\n"
        assert len(github.statuses(first["after"])) == told
        until(lambda: _is_green(github, missed["after"]), PATIENCE, "the status of what was missed")


def assert_each_once(builds: list[dict[str, Any]], commits: list[str], of_then: dict[str, Any]) -> None:
    """One green build for each commit; numbers that were given after the backup are given to none of them."""
    assert [(build["sha"], build["result"]) for build in reversed(builds)] == [(sha, "success") for sha in commits]
    for build in builds[:2]:
        assert build["id"] > of_then["id"] + 1000
        assert build["runs"][0]["id"] > of_then["runs"][0]["id"] + 1000
        assert build["number"] > of_then["number"] + 900


def _healed(hub: HubProcess) -> dict[str, Any] | None:
    found = dict(hub.get("healing"))
    return found if found["recovered"] >= 2 else None


def _is_green(github: FakeGitHub, sha: str) -> bool:
    return any(status["state"] == "success" for status in github.statuses(sha))
