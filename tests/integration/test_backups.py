"""Backups of an embedded installation: whole or not there, without keys, compared byte by byte when they are used."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, insert, select, text, update
from sqlalchemy.pool import NullPool

import tables
from any_rows import fill
from hubwright.config import Settings, load_settings
from hubwright.errors import ConflictError, HubwrightError, NotFoundError
from hubwright.hub.backups import MANIFEST, SUMS, drop_backups, list_backups
from hubwright.hub.carrying import Wanted, carry
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.engines import read_document, write_document
from hubwright.store.moments import write_moment
from hubwright.store.schema import build, delivery, fact, job, metadata, run
from hubwright.store.snapshots import begin_again
from hubwright.store.upgrade import alembic_settings, upgrade
from hubwright.wiring.backup_note import load_note
from hubwright.wiring.backups import back_up, find_missing_keys, restore
from hubwright.wiring.secret_keys import KEY_FILE, open_vault

NOW = 1_795_000_000.0
FILES = {
    "artifacts/artifacts/7/0123456789abcdef": b"x" * 300_000,
    "artifacts/jobs/team/app/12/build.json": b"{}",
    "artifacts/caches/one": b"",
    "logs/0/7.log": b"one\ntwo\n",
    "logs/12/12001.log": b"open, without an end",
}
RAISED = {run.c.lease, job.c.builds}
CREDENTIALS = {"signing.key": b"PRIVATE signing", "cli-token": b"TOKEN cli\n", "builder-token": b"TOKEN builder\n"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with rows in every table, files, keys and tokens."""
    made = settings_in(tmp_path / "old")
    made.data_dir.mkdir()
    tables.with_tables(made.database_url)
    with writing(made) as connection:
        fill(connection, metadata.sorted_tables)
        connection.commit()
    open_vault(made)
    for name, content in {**FILES, **CREDENTIALS}.items():
        (made.data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (made.data_dir / name).write_bytes(content)
    return made


def settings_in(folder: Path) -> Settings:
    return load_settings({"data_dir": str(folder)}, None, {})


def writing(settings: Settings) -> Connection:
    documents = {"json_serializer": write_document, "json_deserializer": read_document}
    return create_engine(settings.database_url, poolclass=NullPool, **documents).connect()


def rows_of(settings: Settings) -> dict[str, list[object]]:
    """Every row, but for what a restored hub raises: leases of runs, the newest numbers of jobs."""
    with writing(settings) as connection:
        return {
            table.name: list(connection.execute(select(*(one for one in table.columns if one not in RAISED))))
            for table in metadata.sorted_tables
        }


def files_of(settings: Settings) -> dict[str, bytes]:
    return {name: (settings.data_dir / name).read_bytes() for name in FILES if (settings.data_dir / name).exists()}


def test_what_is_restored_is_what_was_there(settings: Settings, tmp_path: Path) -> None:
    before = rows_of(settings)
    kept = back_up(settings, tmp_path / "backups", NOW, with_storage=True)
    assert (kept.manifest.files, kept.gone) == (len(FILES) + 1, 0)
    new = settings_in(tmp_path / "new")
    assert restore(new, kept.folder) == kept.manifest
    assert rows_of(new) == before
    assert files_of(new) == FILES
    note = load_note(settings)
    assert note is not None
    assert (note.made_at, note.folder) == ("2026-11-18T11:06:40.000000Z", str(kept.folder))


def test_a_hub_that_writes_goes_on_and_the_copy_is_of_one_moment(settings: Settings, tmp_path: Path) -> None:
    """Two rows of each transaction are there, or none: half a plan would be a build without its runs."""
    going, first = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        for path in ("one", "other"):
            row = {"path": f"{path}{written[0]}", "repository": "a/b", "settings": {}, "created_at": NOW}
            connection.execute(insert(job).values(row))

    written = [0]

    def work() -> None:
        while not going.is_set():
            database.write(write)
            written[0] += 1
            first.set()

    with closing(Database(settings.database_url)) as database:
        writer = threading.Thread(target=work)
        writer.start()
        assert first.wait(30)
        kept = back_up(settings, tmp_path / "backups", NOW, with_storage=False)
        going.set()
        writer.join()
    with closing(sqlite3.connect(kept.folder / "hubwright.db")) as copy:
        count = "SELECT count(*) FROM job WHERE path LIKE ?"
        ones, others = (copy.execute(count, (like,)).fetchone()[0] for like in ("one%", "other%"))
    assert 0 < ones == others <= written[0]


def test_who_has_the_backup_has_no_key(settings: Settings, tmp_path: Path) -> None:
    """S43: the key that opens secrets is kept apart; what is said of it is its id. No token, no private key either."""
    kept = back_up(settings, tmp_path / "backups", NOW, with_storage=True)
    key = (settings.data_dir / KEY_FILE).read_bytes().strip()
    everything = [path for path in kept.folder.rglob("*") if path.is_file()]
    assert len(everything) == len(FILES) + 3
    for path in everything:
        content = path.read_bytes()
        assert not any(secret in content for secret in (key, b"PRIVATE signing", b"TOKEN"))
    assert kept.folder.stat().st_mode & 0o777 == 0o700

    new = settings_in(tmp_path / "new")
    restore(new, kept.folder)
    assert find_missing_keys(new, kept.manifest) == list(kept.manifest.keys) != []
    shutil.copy(settings.data_dir / KEY_FILE, new.data_dir / KEY_FILE)
    assert find_missing_keys(new, kept.manifest) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, turn, Path.unlink])
@pytest.mark.parametrize("name", ["hubwright.db", "storage/artifacts/7/0123456789abcdef", "logs/0/7.log", SUMS])
def test_a_damaged_backup_is_never_a_hub(
    harm: Callable[[Path], None], name: str, settings: Settings, tmp_path: Path
) -> None:
    """One bit is enough. When the file is whole again, the same command goes on."""
    kept = back_up(settings, tmp_path / "backups", NOW, with_storage=True)
    new, whole = settings_in(tmp_path / "new"), (kept.folder / name).read_bytes()
    harm(kept.folder / name)
    with pytest.raises(HubwrightError):
        restore(new, kept.folder)
    assert not (new.data_dir / "hubwright.db").exists()
    (kept.folder / name).write_bytes(whole)
    restore(new, kept.folder)
    assert files_of(new) == FILES


def test_a_backup_of_a_newer_release_is_left_to_it(settings: Settings, tmp_path: Path) -> None:
    kept = back_up(settings, tmp_path / "backups", NOW, with_storage=True)
    manifest = kept.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"{kept.manifest.revision}"', '"9999"'))
    with pytest.raises(ConflictError, match="release"):
        restore(settings_in(tmp_path / "new"), kept.folder)
    with pytest.raises(ConflictError, match="no backup"):
        restore(settings_in(tmp_path / "new"), tmp_path / "old")


def test_a_backup_of_the_release_before_is_restored_and_upgraded(tmp_path: Path) -> None:
    """The first start does the second half, as it does for every database of the release before."""
    old, new = settings_in(tmp_path / "old"), settings_in(tmp_path / "new")
    old.data_dir.mkdir()
    (logs := old.data_dir / "logs").mkdir()
    (logs / "7.log").write_bytes(b"one\n")
    with create_engine(old.database_url, poolclass=NullPool).begin() as connection:
        command.upgrade(alembic_settings(connection), "0005")
        row = {"path": "a/b", "repository": "a/b", "settings": "{}", "at": write_moment(NOW), "enabled": True}
        insertion = "INSERT INTO job (path, repository, settings, created_at, enabled, builds) VALUES"
        connection.execute(text(f"{insertion} (:path, :repository, :settings, :at, :enabled, 4)"), row)
    kept = back_up(old, tmp_path / "backups", NOW, with_storage=True)
    assert (kept.manifest.revision, restore(new, kept.folder)) == ("0005", kept.manifest)
    upgrade(new.database_url)
    with writing(new) as connection:
        assert connection.execute(select(job.c.path, job.c.builds)).all() == [("a/b", 1004)]


@pytest.mark.parametrize("name", ["hubwright.db", "hubwright.db-wal"])
def test_nothing_that_is_there_is_written_over(name: str, settings: Settings, tmp_path: Path) -> None:
    """A journal without its database would be played into the new one."""
    kept = back_up(settings, tmp_path / "backups", NOW, with_storage=True)
    new = settings_in(tmp_path / "new")
    new.data_dir.mkdir()
    (new.data_dir / name).write_bytes(b"somebody's")
    with pytest.raises(ConflictError, match=name):
        restore(new, kept.folder)
    assert (new.data_dir / name).read_bytes() == b"somebody's"


def test_half_a_backup_is_none(settings: Settings, tmp_path: Path) -> None:
    """What a crash left goes with the next one, and what can't be copied whole leaves nothing."""
    folder = tmp_path / "backups"
    (folder / ".2026-11-17T00-00-00Z.part").mkdir(parents=True)
    (settings.data_dir / "hubwright.db").write_bytes(b"not SQLite" * 1000)
    with pytest.raises(ConflictError, match="copied"):
        back_up(settings, folder, NOW, with_storage=True)
    assert list(folder.iterdir()) == []
    with pytest.raises(ConflictError, match="no database"):
        back_up(settings_in(tmp_path / "none"), folder, NOW, with_storage=True)


def test_only_so_many_are_kept(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    made = [back_up(settings, folder, NOW + day * 86_400, with_storage=False).folder for day in range(4)]
    (folder / "2026-01-01T00-00-00Z").mkdir()  # somebody's folder, which is no backup
    assert drop_backups(folder, 2) == 2
    assert list_backups(folder) == made[2:]
    assert (folder / "2026-01-01T00-00-00Z").exists()
    with pytest.raises(ConflictError, match="already"):
        back_up(settings, folder, NOW + 3 * 86_400, with_storage=False)
    assert drop_backups(folder, 9) == 0


def test_files_that_the_hub_deletes_meanwhile_are_told(tmp_path: Path) -> None:
    """Retention does not wait for a backup; elsewhere a file that is gone is an error."""
    source, target = (Storage((tmp_path / name).as_uri()) for name in ("a", "b"))
    (tmp_path / "a" / "there").write_bytes(b"x")
    gone: list[str] = []

    async def wanted() -> AsyncIterator[Wanted]:
        for key in ("gone", "there"):
            yield Wanted(key, key)

    async def run(on_gone: Callable[[str], None] | None) -> list[str]:
        return [one.key async for one in carry(source, target, wanted(), on_gone)]

    assert asyncio.run(run(gone.append)) == ["there"]
    assert gone == ["gone"]
    with pytest.raises(NotFoundError):
        asyncio.run(run(None))


def test_only_a_file_of_sqlite_is_backed_up_so(tmp_path: Path) -> None:
    settings = load_settings(
        {"data_dir": str(tmp_path), "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}, None, {}
    )
    with pytest.raises(ConflictError, match=r"docs/backup\.md"):
        back_up(settings, tmp_path / "backups", NOW, with_storage=True)


@pytest.fixture
def filled(database_url: str) -> Iterator[Connection]:
    """Rows in every table, once on SQLite and once on PostgreSQL; PostgreSQL gave their numbers itself."""
    engine = create_engine(database_url, poolclass=NullPool, json_serializer=write_document)
    with engine.begin() as connection:
        fill(connection, metadata.sorted_tables)
        connection.execute(update(run).values(lease=3))
        connection.execute(update(job).values(builds=4))
        connection.execute(update(job).where(job.c.id == 13).values(builds=0))
        if connection.dialect.name == "postgresql":
            for table in ("build", "run", "delivery", "fact"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 13)"))
        yield connection


def test_a_restored_hub_gives_no_number_twice(filled: Connection) -> None:
    """R25: since the copy was made builds 14, 15, … were given, and builders, links and statuses know these."""
    new = {"guid": "new", "event": "push", "received_at": NOW, "body": b"", "next_try_at": NOW}
    for least in (10_014, 20_015, 40_031):
        begin_again(filled)
        found = filled.execute(insert(fact).values(kind="x", at=NOW, data={}).returning(fact.c.id)).scalar_one()
        assert found >= least
        row = {**new, "guid": str(least)}
        assert filled.execute(insert(delivery).values(row).returning(delivery.c.id)).scalar_one() >= 10_014
    newest = filled.execute(select(job.c.builds).order_by(job.c.id)).scalars().all()
    assert newest == [3_004, 3_004, 0]
    values = {"job_id": 11, "number": 9, "trigger": "x", "repository": "a/b", "sha": "x", "ref": "x", "event": "push"}
    assert filled.execute(insert(build).values(**values, queued_at=NOW).returning(build.c.id)).scalar_one() >= 10_014


def test_who_held_a_run_when_the_copy_was_made_holds_it_no_more(filled: Connection) -> None:
    """Its builder has gone on without this hub, or does so now, under a lease that another may have had since."""
    filled.execute(update(run).values(state="running"))
    filled.execute(update(run).where(run.c.id == 12).values(state="finished"))
    begin_again(filled)
    assert dict(filled.execute(select(run.c.id, run.c.lease)).all()) == {11: 1003, 12: 3, 13: 1003}  # type: ignore[arg-type]
