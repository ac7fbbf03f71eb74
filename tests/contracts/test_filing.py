"""Builds filed by folder, job and number, in a folder and on S3 (SeaweedFS): whole, safe, repeatable, gone in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from build_lives import Clock, Lives
from hub_parts import rows
from hubwright.domain.artifacts import ArtifactRules, artifact_key
from hubwright.errors import NotFoundError, StorageError
from hubwright.hub.bell import Bell
from hubwright.hub.filing import Filing
from hubwright.hub.logs import Logs
from hubwright.hub.retention import DAY, Keep, Retention
from hubwright.hub.sweeping import Sweeping
from hubwright.reports.courier import LEASE
from hubwright.reports.filing import FileReporter
from hubwright.reports.relay import Relay
from hubwright.storage import Storage
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.jobs import load_job
from hubwright.store.versions import Change
from wholeness import Halting

JOB = "team/2026/app"
FOLDER = "jobs/team/2026~/app"
KEEP = Keep(deliveries=9, facts=9, logs=5, artifacts=20, builds=30)


class Cabinet:
    """A database with builds, and the storage that they are filed in."""

    def __init__(self, database: Database, folder: Path, url: str) -> None:
        self.database = database
        self.clock = Clock()
        self.lives = Lives(database, self.clock)
        self.logs = Logs(folder / "logs", Bell())
        self.storage = Storage(url)
        self.filing = Filing(database, Storage(url), self.logs, "https://ci.example.org")
        self.job = self.define(JOB)

    def write(self, statement: Any) -> None:
        self.database.write(lambda connection: connection.execute(statement))

    def define(self, path: str) -> Any:
        """A job of that path."""
        change = Change("ann", self.clock())
        self.database.write(lambda connection: keep_document(connection, path, {"repository": "octo/app"}, change))
        with self.database.reading() as connection:
            return load_job(connection, path)

    def build(self, *files: str, log: bytes = b"all is well\n") -> tuple[int, int]:
        """An ended build with a log, test cases and files; its number and its run's."""
        build = self.lives.build(sha256(str(self.clock()).encode()).hexdigest()[:40], job=self.job)
        (run,) = self.lives.runs(build)
        self.lives.start(run)
        self.logs.append(run, 0, log)
        for path in files:
            self.keep_file(run, path)
        self.lives.end(run, 0, 0, passed=2)
        self.logs.finish(run)
        self.write(update(schema.run).where(schema.run.c.id == run).values(log_size=len(log)))
        return build, run

    def keep_file(self, run: int, path: str) -> None:
        data, key = path.encode(), f"artifacts/{run}/{sha256(path.encode()).hexdigest()[:32]}"

        async def content() -> AsyncIterator[bytes]:
            yield data

        asyncio.run(self.storage.put(key, content()))
        values = {"size": len(data), "sha256": sha256(data).hexdigest(), "kept_at": self.clock(), "key": key}
        self.write(
            insert(schema.artifact).values(run_id=run, sha="a" * 40, platform="linux", path=path, folded=path, **values)
        )

    def relay(self, owner: str = "a hub", filing: Any = None) -> Relay:
        relay = Relay(
            self.database, [FileReporter((filing or self.filing).keep_all)], owner, self.clock, lambda _: None
        )
        relay.enroll(0)
        return relay

    def file(self) -> None:
        relay = self.relay()
        relay.drain_facts()
        relay.drain_reports()
        relay.close()

    def list(self, folder: str = "jobs") -> list[str]:
        async def find() -> list[str]:
            return sorted([one.key async for one in self.storage.list(folder)])

        return asyncio.run(find())

    def read(self, key: str) -> bytes:
        async def get() -> bytes:
            _, content = await self.storage.get(key)
            return b"".join([chunk async for chunk in content])

        return asyncio.run(get())

    def retain(self, days: float) -> None:
        self.clock.now += days * DAY
        sweeping = Sweeping(
            self.database, self.storage, ArtifactRules(), self.clock, refile=self.filing.keep, grace=0.0
        )
        Retention(self.database, self.logs, sweeping, KEEP, self.clock).drain()

    def artifact_key(self, path: str) -> str:
        (row,) = rows(self.database, schema.artifact, path=path)
        return artifact_key(row.run_id, row.path, row.key)


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path}/storage" if request.param == "folder" else str(request.getfixturevalue("s3_url"))


@pytest.fixture
def cabinet(sqlite_url: str, tmp_path: Path, url: str) -> Iterator[Cabinet]:
    database = Database(sqlite_url)
    opened = Cabinet(database, tmp_path, url)
    yield opened
    opened.logs.close()
    database.close()


def test_a_build_is_found_by_folder_job_and_number(cabinet: Cabinet) -> None:
    """System 2's folder: log, tests, artifacts and document, whatever names a build has chosen, and once only."""
    odd = ["dist/app.tar.gz", "c#.txt", "ü/ö.txt", "dist", "50%.txt", "a b.txt", "-x=1,2@+.log", "~x"]
    build, run = cabinet.build(*odd)
    cabinet.file()
    own = f"{FOLDER}/1/runs/{run}"
    document = json.loads(cabinet.read(f"{FOLDER}/1/build.json"))
    assert (document["id"], document["job"], document["number"], document["result"]) == (build, JOB, 1, "success")
    assert document["runs"][0]["stages"][0]["exit_code"] == 0
    files = document["files"][str(run)]
    assert cabinet.read(f"{FOLDER}/1/{files['log']}") == b"all is well\n"
    assert [case["name"] for case in json.loads(cabinet.read(f"{FOLDER}/1/{files['tests']}"))] == ["t0", "t1"]
    assert {one["path"]: cabinet.read(f"{FOLDER}/1/{one['file']}").decode() for one in files["artifacts"]} == {
        path: path for path in odd
    }
    assert f"{own}/artifacts/dist/app.tar.gz" in cabinet.list()
    assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyzABC0123456789_-+@=,./~") for key in cabinet.list())
    assert cabinet.artifact_key("dist/app.tar.gz") == f"{own}/artifacts/dist/app.tar.gz"

    before = cabinet.list()
    cabinet.filing.keep(build)
    assert cabinet.list() == before
    cabinet.lives.rerun(build)
    cabinet.lives.live(build, 0, 1)
    cabinet.file()
    document = json.loads(cabinet.read(f"{FOLDER}/1/build.json"))
    assert (document["result"], len(document["earlier_runs"]), len(document["files"])) == ("failure", 1, 2)
    assert set(before) <= set(cabinet.list())


def test_what_was_cut_off_is_finished(cabinet: Cabinet, tmp_path: Path) -> None:
    """A hub that is killed anywhere while it files: another one goes on, nothing is served half, nothing is lost."""
    build, run = cabinet.build("one.txt", "two.txt")
    for steps in range(7):
        cut = Filing(cabinet.database, Halting(cabinet.storage, steps), cabinet.logs, "https://ci.example.org")
        relay = cabinet.relay(f"killed {steps}", cut)
        relay.drain_facts()
        relay.drain_reports()
        relay.close()
        for path in ("one.txt", "two.txt"):
            assert cabinet.read(cabinet.artifact_key(path)) == path.encode()
        cabinet.clock.now += 1000 * LEASE
    cabinet.file()
    assert len(cabinet.list()) == 5
    assert json.loads(cabinet.read(f"{FOLDER}/1/build.json"))["files"][str(run)]["log"] == f"runs/{run}/log.txt"
    assert build == 1
    assert list(tmp_path.glob("storage/**/*#*")) == []  # a second copy of a file to its own link leaves no draft


def test_files_go_with_what_they_are_of(cabinet: Cabinet, tmp_path: Path, url: str) -> None:
    """Logs, artifacts and builds each in their time; the copies from which files came too, and what no row knows."""
    _, run = cabinet.build("one.txt")
    own = f"{FOLDER}/1/runs/{run}"
    cabinet.file()
    if url.startswith("file:"):
        one = tmp_path / "storage" / own / "artifacts/one.txt"
        assert one.stat().st_nlink == 2  # it takes no room twice
    cabinet.retain(6)
    assert cabinet.list() == [f"{FOLDER}/1/build.json", f"{own}/artifacts/one.txt", f"{own}/tests.json"]
    assert cabinet.list("artifacts") == []
    cabinet.retain(15)
    assert cabinet.list() == [f"{FOLDER}/1/build.json", f"{own}/tests.json"]
    cabinet.retain(10)
    assert cabinet.list() == []


def test_files_follow_a_job_that_was_moved(cabinet: Cabinet) -> None:
    """Another job may have the path by then: the files of both are where their rows say, and none is lost."""
    build, run = cabinet.build("one.txt")
    cabinet.file()
    cabinet.write(update(schema.job).where(schema.job.c.id == cabinet.job.id).values(path="team/2026/old~7"))
    cabinet.job = cabinet.define(JOB)
    _, second = cabinet.build("one.txt", log=b"the second\n")
    cabinet.file()
    cabinet.retain(2)

    old, new = "jobs/team/2026~/old~7/1", f"{FOLDER}/1"
    names = ("artifacts/one.txt", "log.txt", "tests.json")
    assert cabinet.list() == sorted(
        [f"{new}/build.json", f"{old}/build.json"]
        + [f"{new}/runs/{second}/{name}" for name in names]
        + [f"{old}/runs/{run}/{name}" for name in names]
    )
    assert json.loads(cabinet.read(f"{old}/build.json"))["id"] == build
    assert cabinet.read(f"{new}/runs/{second}/log.txt") == b"the second\n"
    for row in rows(cabinet.database, schema.artifact):
        assert cabinet.read(row.key) == b"one.txt"


def test_of_builds_that_are_filed_together_each_fails_alone(cabinet: Cabinet) -> None:
    """One look and one loop serve many builds: what is the matter with one is told of it, and the others are filed."""
    builds = [cabinet.build("one.txt") for _ in range(3)]
    cabinet.logs.path(builds[1][1]).unlink()
    waiting = cabinet.lives.build("b" * 40, job=cabinet.job)
    failed = cabinet.filing.keep_all([*(build for build, _ in builds), waiting, 999])
    assert {build: type(error) for build, error in failed.items()} == {builds[1][0]: StorageError}
    filed = [json.loads(cabinet.read(f"{FOLDER}/{number}/build.json"))["files"] for number in (1, 2, 3)]
    logs = [files[str(run)]["log"] for files, (_, run) in zip(filed, builds, strict=True)]
    assert logs == [f"runs/{builds[0][1]}/log.txt", None, f"runs/{builds[2][1]}/log.txt"]
    assert f"{FOLDER}/4/build.json" not in cabinet.list()


def test_a_log_that_is_elsewhere_delays_only_itself(cabinet: Cabinet) -> None:
    """With several hubs the log is on one's disk: what there is is filed, and the rest is tried again."""
    build, run = cabinet.build("one.txt")
    cabinet.logs.path(run).unlink()
    with pytest.raises(StorageError, match="not whole on this hub"):
        cabinet.filing.keep(build)
    assert json.loads(cabinet.read(f"{FOLDER}/1/build.json"))["files"][str(run)]["log"] is None
    with pytest.raises(NotFoundError):
        cabinet.read(f"{FOLDER}/1/runs/{run}/log.txt")
