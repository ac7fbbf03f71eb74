"""The drill of an installation of several machines: a dump of PostgreSQL and a copy of the bucket become hubs again."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

import servers
from command_line import run
from copied_files import copy_files, in_rclone
from fake_github import FakeGitHub
from fake_github_deliveries import FakeHook
from fake_repository import FakeRepository
from hub_process import SECRET, HubProcess
from machine_processes import kill_leftovers
from restored_builds import AN_HOUR, PATIENCE, RECIPE, assert_each_once, find_healed, is_all_told, is_green
from server_programs import postgresql_binaries
from tcp_balancer import Balancer
from two_hubs import Installation, builder_at, describe
from waiting import until


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """One of this test's own."""
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture
def common(github: FakeGitHub, folder: Path, postgres_url: str, s3_url: str) -> Installation:
    """Two hubs and what they have in common."""
    found = describe(folder, github, postgres_url, s3_url)
    found.settings.update({"GITHUB__HEAL_INTERVAL": "600", "GITHUB__POLL_INTERVAL": "600"})
    return found


def call(program: str, *arguments: str) -> None:
    subprocess.run([postgresql_binaries()[0] / program, *arguments], check=True, timeout=120)


def back_up(common: Installation) -> tuple[str, str]:
    """As docs/backup.md says: first the rows, then the files; the dump and the copy."""
    dump, files = str(common.folder / "hubwright.dump"), str(common.folder / "files")
    call("pg_dump", "--format=custom", "--file", dump, common.settings["DATABASE_URL"].replace("+psycopg", ""))
    copy_files(in_rclone(common.settings["STORAGE_URL"]), files)
    assert_no_key(common, dump, Path(files))
    return dump, files


def assert_no_key(common: Installation, dump: str, files: Path) -> None:
    """Who has both opens no secret."""
    call("pg_restore", "--file", f"{dump}.sql", dump)
    (key,) = json.loads(common.settings["SECRETS__KEYS"])
    copied = [path.read_bytes() for path in (Path(f"{dump}.sql"), *files.rglob("*")) if path.is_file()]
    assert len(copied) > 3
    assert not any(key.encode() in data for data in copied)


def restore(common: Installation, backup: tuple[str, str]) -> dict[str, str]:
    """A new database and a new folder of the bucket; the settings that lead there."""
    number = servers.next_number("database")
    database = make_url(common.settings["DATABASE_URL"]).set(database=f"restored{number}")
    url = database.render_as_string(hide_password=False)
    storage = f"{common.settings['STORAGE_URL']}-restored"
    dump, files = backup
    place = ("--host", str(database.host), "--port", str(database.port), "--username", str(database.username))
    call("createdb", *place, str(database.database))
    wanted = ("--exit-on-error", "--no-owner", "--no-privileges")
    call("pg_restore", *wanted, "--dbname", url.replace("+psycopg", ""), dump)
    copy_files(files, in_rclone(storage))
    settings = {"DATABASE_URL": url, "STORAGE_URL": storage}
    more = {f"HUBWRIGHT_{name}": value for name, value in (common.settings | settings).items()}
    done = run(None, "db", "restored", more=more | {"HUBWRIGHT_DATA_DIR": str(common.folder / "restored")})
    assert (done.returncode, "numbered behind" in done.stderr) == (0, True), done.stderr
    return settings


def check_files(hub: HubProcess, builds: list[dict[str, Any]]) -> None:
    """Each has its log and its file, at each hub."""
    for build in builds:
        (run,) = build["runs"]
        assert b"waits" in hub.log(run["id"])
        assert hub.client.get(f"/api/v1/runs/{run['id']}/artifacts/a.txt").content == b"data\n"
        assert run["builder"] == "one"


@dataclass
class Pair:
    """Two hubs behind a balancer, a builder that outlives them, and what GitHub calls at the balancer."""

    a: HubProcess
    b: HubProcess
    hook: FakeHook
    repository: FakeRepository
    common: Installation

    def push(self, name: str, *, seen: bool = True, ago: float = AN_HOUR) -> str:
        """A push whose delivery is `seen` by a hub; its commit."""
        pushed = self.repository.push({"README": f"{name}\n"})
        assert self.hook.send("push", pushed, at=time.time() - ago) == (202 if seen else 0)
        return str(pushed["after"])

    def lose(self) -> None:
        """Both machines are gone."""
        for hub in (self.a, self.b):
            hub.kill()
            kill_leftovers(hub.folder)

    def begin_again(self, settings: dict[str, str]) -> None:
        """On new machines of the same addresses, with empty disks."""
        for hub in (self.a, self.b):
            shutil.rmtree(hub.data)
            hub.data.mkdir()
            hub.settings |= settings
            hub.environment |= {f"HUBWRIGHT_{name}": value for name, value in settings.items()}
            hub.start()


@pytest.fixture
def pair(common: Installation, github: FakeGitHub) -> Iterator[Pair]:
    gate = common.folder / "gate"
    repository = github.create_repository("octo/drill", {".hubwright.yml": RECIPE.format(gate=gate)})
    with Balancer([]) as balancer:
        common.settings["PUBLIC_URL"] = balancer.url
        hook = github.add_hook("/repos/octo/drill", f"{balancer.url}/hooks/github", SECRET)
        with common.hub("a") as a, common.hub("b") as b, builder_at(balancer.url, a, common.folder, "one"):
            assert a.client.put("/api/v1/secrets/TOKEN?folder=octo", json={"value": "the value"}).status_code == 201
            balancer.targets += [a.port, b.port]
            yield Pair(a, b, hook, repository, common)


@pytest.mark.timeout(360)
def test_a_dump_and_a_copy_of_the_bucket_become_the_hubs_again(pair: Pair, github: FakeGitHub) -> None:
    """R25, S43 for many machines. Database, bucket and the disks of all hubs are gone; builders and the key are not.

    Built before: not again. Running while it was copied, pushed after, or while there was no hub: once.
    """
    a, b, repository, gate = pair.a, pair.b, pair.repository, pair.common.folder / "gate"
    gate.touch()
    first = pair.push("before")
    (before,) = a.finished(repository, 1, PATIENCE)
    until(lambda: is_all_told(a), PATIENCE, "all to be told of it")
    log = b.log(before["runs"][0]["id"])

    gate.unlink()
    going = pair.push("while the copies are made")
    a.begun(repository, b"waits", PATIENCE)
    backup = back_up(pair.common)

    gate.touch()
    lost = pair.push("since the copies")
    of_then = a.finished(repository, 3, PATIENCE)[0]
    pair.lose()
    missed = pair.push("while there was no hub", seen=False, ago=0.0)
    told = len(github.statuses(first))

    pair.begin_again(restore(pair.common, backup))
    a.post("healing")
    found = until(lambda: find_healed(b), PATIENCE, "two recovered deliveries")
    builds = b.finished(repository, 4, PATIENCE)
    assert found["missing"] == 0
    assert_each_once(builds, [first, going, lost, missed], of_then)
    for hub in (a, b):
        check_files(hub, builds)
        assert hub.log(before["runs"][0]["id"]) == log
    assert len(github.statuses(first)) == told
    until(lambda: is_green(github, missed), PATIENCE, "the status of what was missed")
