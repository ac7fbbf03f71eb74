"""What is old goes, with its files; what is younger, or still needed, stays."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from build_lives import Clock, Lives
from hub_parts import rows
from hubwright.domain.artifacts import STAGING, ArtifactRules, artifact_key
from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import NotFoundError
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.hub.retention import DAY, EVERY, Keep, Retention
from hubwright.hub.sweeping import Sweeping
from hubwright.storage import MARKER, Storage
from hubwright.store import schema
from hubwright.store.copies import find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.jobs import load_job
from hubwright.store.versions import Change

RULES = ArtifactRules(total=1000, cache_total=1000)
KEEP = Keep(deliveries=10, facts=20, logs=30, artifacts=40, builds=50)


class Store:
    """A database with logs and files, and days that pass when a test says so."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.clock = Clock()
        self.lives = Lives(database, self.clock)
        self.logs = Logs(folder / "logs", Bell())
        self.storage = Storage(f"file://{folder}/storage")
        self.sweeping = Sweeping(database, self.storage, RULES, self.clock)

    def add(self, table: Any, **values: Any) -> None:
        self.database.write(lambda connection: connection.execute(insert(table).values(values)))

    def build(self, log: bytes = b"log", job: DefinedJob | None = None) -> tuple[int, int]:
        """A finished build with a log; its number and its run's."""
        build = self.lives.build(f"{self.clock.now:.0f}".zfill(40), job=job)
        (run,) = self.lives.runs(build)
        self.lives.start(run)
        self.logs.append(run, 0, log)
        self.lives.end(run, 0, 0, passed=2)
        self.logs.finish(run)
        size = update(schema.run).where(schema.run.c.id == run).values(log_size=len(log))
        self.database.write(lambda connection: connection.execute(size))
        return build, run

    def keep_file(self, run: int, path: str, expires_at: float | None = None, **values: Any) -> None:
        async def content() -> AsyncIterator[bytes]:
            yield b"data"

        asyncio.run(self.storage.put(artifact_key(run, path), content()))
        values = {"size": 4, **values}
        self.add(
            schema.artifact, run_id=run, sha="a" * 40, platform="linux", path=path, sha256="0" * 64,
            kept_at=self.clock.now, expires_at=expires_at, **values,
        )  # fmt: skip

    def has_file(self, run: int, path: str) -> bool:
        try:
            asyncio.run(self.storage.get(artifact_key(run, path)))
        except NotFoundError:
            return False
        return True

    def drain(self, keep: Keep = KEEP, *, days: float = 0.0) -> None:
        self.clock.now += days * DAY
        due = Retention(self.database, self.logs, self.sweeping, keep, self.clock).drain()
        assert due == self.clock.now + EVERY

    def count(self, table: Any) -> int:
        return len(rows(self.database, table))


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Iterator[Store]:
    opened = Store(database, tmp_path)
    yield opened
    opened.logs.close()


def add_delivery(store: Store, guid: str, finished_at: float | None) -> None:
    now = store.clock.now
    store.add(
        schema.delivery, guid=guid, event="push", received_at=now, body=b"", next_try_at=now,
        state="waiting" if finished_at is None else "done", finished_at=finished_at,
    )  # fmt: skip


def test_deliveries_go_when_they_ended_long_ago(store: Store) -> None:
    """One that still waits is never too old."""
    add_delivery(store, "old", store.clock.now)
    add_delivery(store, "waiting", None)
    store.clock.now += 5 * DAY
    add_delivery(store, "young", store.clock.now)
    store.drain(days=6)
    assert {row.guid for row in rows(store.database, schema.delivery)} == {"waiting", "young"}


def test_more_than_a_portion_goes_in_one_round(store: Store) -> None:
    now = store.clock.now
    many = [
        {"guid": f"g{number}", "event": "e", "received_at": now, "body": b"", "next_try_at": now, "state": "done",
         "finished_at": now} for number in range(1200)
    ]  # fmt: skip
    store.database.write(lambda connection: connection.execute(insert(schema.delivery), many))
    store.drain(days=11)
    assert store.count(schema.delivery) == 0


def test_facts_wait_for_the_reporters_that_live(store: Store) -> None:
    """R26: a reporter that is down catches up later; one that is gone holds nothing up."""
    for _ in range(4):
        store.add(schema.fact, kind="PushReceived", at=store.clock.now, data={})
    ids = [row.id for row in rows(store.database, schema.fact)]
    store.add(schema.reporter, name="statuses", cursor=ids[1])
    store.add(schema.reporter, name="long gone", cursor=0)
    keep = Keep(deliveries=10, facts=20, logs=30, artifacts=40, builds=50, reporters=("statuses",))
    store.drain(keep, days=19)
    assert store.count(schema.fact) == 4
    store.drain(keep, days=2)
    assert [row.id for row in rows(store.database, schema.fact)] == ids[2:]
    store.drain(days=0)
    assert store.count(schema.fact) == 0


def test_lines_of_channels_go_when_they_are_old_or_their_people_opt_out(store: Store) -> None:
    def say(nick: str) -> None:
        store.add(schema.channel_line, channel="#c", at=store.clock.now, kind="msg", nick=nick, person=nick, text="x")

    say("kate")
    store.clock.now += 5 * DAY
    say("kate")
    say("shy")
    store.drain(days=0)
    assert store.count(schema.channel_line) == 3
    store.add(schema.irc_opt_out, name="shy", at=store.clock.now)
    keep = Keep(deliveries=10, facts=20, logs=30, artifacts=40, builds=50, channels=4)
    store.drain(keep, days=0)
    assert [(row.nick, row.at) for row in rows(store.database, schema.channel_line)] == [("kate", store.clock.now)]


def test_files_go_with_their_rows_and_their_own_time_counts(store: Store) -> None:
    _, run = store.build()
    store.keep_file(run, "plain.txt")
    store.keep_file(run, "short.txt", expires_at=store.clock.now + 5 * DAY)
    store.keep_file(run, "long.txt", expires_at=store.clock.now + 100 * DAY)
    store.drain(days=6)
    assert [store.has_file(run, path) for path in ("plain.txt", "short.txt", "long.txt")] == [True, False, True]
    store.drain(days=35)
    assert [row.path for row in rows(store.database, schema.artifact)] == ["long.txt"]
    assert [store.has_file(run, path) for path in ("plain.txt", "long.txt")] == [False, True]


def test_logs_go_and_their_runs_stay(store: Store) -> None:
    _, old = store.build()
    store.clock.now += 20 * DAY
    _, young = store.build()
    store.drain(days=15)
    assert not store.logs.path(old).exists()
    assert store.logs.read(young, 0, 9) == b"log"
    assert store.count(schema.run) == 2


def test_builds_go_with_all_that_is_theirs_once_their_files_are_gone(store: Store) -> None:
    store.build()
    _, with_file = store.build()
    store.keep_file(with_file, "kept.txt", expires_at=store.clock.now + 100 * DAY)
    store.clock.now += 30 * DAY
    young, _ = store.build()
    waiting = store.lives.build("f" * 40)
    store.drain(days=25)
    left = {row.id for row in rows(store.database, schema.build)}
    assert left >= {young, waiting}
    assert len(left) == 3
    assert store.count(schema.run) == 3
    assert store.count(schema.stage) == 6
    assert store.count(schema.test_case) == 4
    store.drain(days=60)
    assert store.count(schema.artifact) == 0
    store.drain()
    assert {row.id for row in rows(store.database, schema.build)} == {waiting}


def test_jobs_and_copies_say_how_long_their_builds_and_logs_stay(store: Store) -> None:
    """A copy as its parent, unless it says more itself; the newest may stay, but not those of an archived copy."""

    def define(path: str, **said: Any) -> DefinedJob:
        document = {"repository": "octo/hello", "retention": said}
        change = Change("ann", store.clock.now)
        store.database.write(lambda connection: keep_document(connection, path, document, change))
        with store.database.reading() as connection:
            found = load_job(connection, path)
        assert found is not None
        return found

    def copy(of: DefinedJob, branch: str) -> DefinedJob:
        key = CopyKey(CopyKind.BRANCH, branch)
        return store.database.write(lambda connection: find_or_make_copy(connection, of, key, store.clock.now).job)

    plain, short = define("plain"), define("short", builds=5, logs=2, keep=1)
    same, archived, apart = (copy(short, branch) for branch in ("same", "archived", "apart"))
    apart = define("short_apart", builds=300, logs=1, keep=0)
    runs: dict[str, list[int]] = {}
    for job in (plain, short, same, archived, apart):
        for _ in range(2):
            store.clock.now += 1
            runs.setdefault(job.path, []).append(store.build(job=job)[1])
    gone = update(schema.job).where(schema.job.c.id == archived.id).values(closed_at=1.0)
    store.database.write(lambda connection: connection.execute(gone))

    def logs() -> dict[str, list[bool]]:
        return {path: [store.logs.path(run).exists() for run in ids] for path, ids in runs.items()}

    def left() -> dict[str, int]:
        paths = {row.id: row.path for row in rows(store.database, schema.job)}
        return dict(Counter(paths[row.job_id] for row in rows(store.database, schema.build)))

    store.drain(days=1.5)
    assert rows(store.database, schema.fact, kind="CopyArchived", job_id=archived.id)
    both, newest, none = [True, True], [False, True], [False, False]
    expected = {"plain": both, "short": both, "short_same": both, "short_archived": both, "short_apart": none}
    assert logs() == expected
    store.drain(days=1)
    assert logs() == {**expected, "short": newest, "short_same": newest, "short_archived": none}
    store.drain(days=3)
    assert left() == {"plain": 2, "short": 1, "short_same": 1, "short_apart": 2}
    store.drain(days=100)
    assert left() == {"short": 1, "short_same": 1, "short_apart": 2}


def test_the_log_of_a_lost_run_goes_too(store: Store) -> None:
    """No size was noted of it, so only the end of its build finds it."""
    _, run = store.build(b"lost")
    none = update(schema.run).values(log_size=0)
    store.database.write(lambda connection: connection.execute(none))
    store.drain(days=51)
    assert not store.logs.path(run).exists()
    assert store.count(schema.run) == 0


def test_numbers_are_not_given_twice(store: Store) -> None:
    """A link to a build that is gone must not lead to another one."""
    build, run = store.build()
    store.drain(days=51)
    again, newer = store.build()
    assert again > build
    assert newer > run
    assert rows(store.database, schema.build, id=again)[0].number == 2


def test_tokens_that_ran_out_go(store: Store) -> None:
    now = store.clock.now
    for name, expires in (("short", now + DAY), ("long", now + 9 * DAY), ("for ever", None)):
        store.add(schema.token, name=name, role="read", hash=name, created_at=now, expires_at=expires)
    store.drain(days=2)
    assert {row.name for row in rows(store.database, schema.token)} == {"long", "for ever"}


def test_the_oldest_files_go_when_all_are_too_large(store: Store) -> None:
    """Nothing grows without a bound that a setting names."""
    _, run = store.build()
    for number in range(5):
        store.keep_file(run, f"{number}.bin", size=300)
        store.clock.now += 1
    store.drain()
    assert [row.path for row in rows(store.database, schema.artifact)] == ["2.bin", "3.bin", "4.bin"]
    assert [store.has_file(run, f"{number}.bin") for number in range(5)] == [False, False, True, True, True]


def put(store: Store, key: str, age: float) -> None:
    """A file in the storage, as old as that in days."""

    async def content() -> AsyncIterator[bytes]:
        yield b"data"

    asyncio.run(store.storage.put(key, content()))
    path = store.folder / "storage" / key
    os.utime(path, (store.clock.now - age * DAY, store.clock.now - age * DAY))


def keys(store: Store) -> set[str]:
    root = store.folder / "storage"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} - {MARKER}


def keep_cache(store: Store, key: str, size: int, used: float) -> None:
    store.add(
        schema.cache, repository="o/n", scope="trusted", family="f", digest=key, key=key, size=size, sha256="0" * 64,
        kept_at=store.clock.now, used_at=store.clock.now - used,
    )  # fmt: skip


def test_what_no_row_knows_of_is_swept_after_a_day(store: Store) -> None:
    """A crash between file and row, a direct upload that was never ended."""
    _, run = store.build()
    keep_cache(store, "caches/kept", 10, 0)
    store.keep_file(run, "old-row.bin")
    store.keep_file(run, "new-row.bin", key=f"artifacts/{run}/abc")
    for key, age in {
        artifact_key(run, "old-row.bin"): 3, artifact_key(run, "new-row.bin"): 3,
        f"artifacts/{run}/abc": 3, f"artifacts/{run}/lost": 3,
        f"artifacts/{run}/young": 0.5, "artifacts/999/lost": 3, f"{STAGING}/1/lost": 3, f"{STAGING}/1/young": 0.5,
        "caches/kept": 3, "caches/lost": 3,
    }.items():  # fmt: skip
        put(store, key, age)
    store.drain()
    assert keys(store) == {
        artifact_key(run, "old-row.bin"), f"artifacts/{run}/abc", f"artifacts/{run}/young",
        f"{STAGING}/1/young", "caches/kept",
    }  # fmt: skip


def test_drafts_that_a_crash_left_go_with_the_leftovers(store: Store) -> None:
    draft = store.folder / "storage" / "artifacts" / "1" / "cut#1"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half")
    os.utime(draft, (store.clock.now, store.clock.now))
    store.drain(days=0.5)
    assert draft.exists()
    store.drain(days=2)
    assert not draft.exists()


def test_the_caches_not_used_for_longest_go(store: Store) -> None:
    for key, used in (("caches/a", 30), ("caches/b", 10), ("caches/c", 20)):
        keep_cache(store, key, 400, used)
        put(store, key, 0)
    store.drain()
    assert {row.key for row in rows(store.database, schema.cache)} == keys(store) == {"caches/b", "caches/c"}


def test_a_storage_that_is_away_stops_nothing_else(store: Store) -> None:
    """Its rows go; the files are leftovers for the day on which it is back."""
    _, run = store.build()
    store.keep_file(run, "a.txt")
    (store.folder / "storage").rename(store.folder / "away")
    store.drain(days=41)
    assert store.count(schema.artifact) == 0
    (store.folder / "away").rename(store.folder / "storage")
    put(store, artifact_key(run, "a.txt"), 3)
    store.drain(days=2)
    assert not store.has_file(run, "a.txt")


def test_the_builds_of_all_jobs_are_looked_through_once_an_hour_only(store: Store) -> None:
    """With 5,000 jobs a look takes a second; its drain is run every few."""
    store.build()
    retention = Retention(store.database, store.logs, store.sweeping, KEEP, store.clock)
    store.clock.now += 50 * DAY - EVERY / 2
    looked_at = store.clock.now
    assert retention.drain() == looked_at + EVERY
    store.clock.now = looked_at + EVERY - 1
    assert retention.drain() == looked_at + EVERY
    assert store.count(schema.build) == 1
    store.clock.now = looked_at + EVERY
    assert retention.drain() == store.clock.now + EVERY
    assert store.count(schema.build) == 0
