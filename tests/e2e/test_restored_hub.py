"""The drill: last night's backup becomes the hub, and GitHub is asked for what came since."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from command_line import run
from fake_github import FakeGitHub
from hub_process import SECRET, HubProcess
from machine_processes import kill_leftovers
from restored_builds import AN_HOUR, PATIENCE, RECIPE, assert_each_once, find_healed, is_all_told, is_green
from waiting import until

SETTINGS = {"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own."""
    with FakeGitHub() as fake:
        yield fake


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
    """R25, S43. Built before the backup: not again. After it, or without a hub: once, with numbers of their own.

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
        assert not any(key.strip() in path.read_bytes() for path in backup.rglob("*") if path.is_file())

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
        found = until(lambda: find_healed(hub), PATIENCE, "two recovered deliveries")
        builds = hub.finished(repository, 4, PATIENCE)

        assert found["missing"] == 0
        assert_each_once(builds, [one["after"] for one in (first, going, lost, missed)], of_then)
        assert hub.log(before["runs"][0]["id"]) == log
        address = f"/api/v1/runs/{before['runs'][0]['id']}/artifacts/a.txt"
        assert hub.client.get(address).content == b"data\n"
        assert len(github.statuses(first["after"])) == told
        until(lambda: is_green(github, missed["after"]), PATIENCE, "the status of what was missed")
