"""An embedded installation goes to PostgreSQL and an object store: every row and file as it was, or nothing."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench.seed import seed
from bench.seed_world import Size
from sqlalchemy import Connection, create_engine, delete, func, insert, select, text, update
from sqlalchemy.pool import NullPool

import tables
from any_rows import fill
from hubwright.config import load_settings
from hubwright.errors import ConflictError, SettingsError, StorageError
from hubwright.hub.carrying import Wanted, carry
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.engines import read_document, write_document
from hubwright.store.moving import RowSum
from hubwright.store.schema import build, delivery, fact, job, metadata, secret
from hubwright.wiring.moving import Destination, Moved, move_installation
from page_world import ELSEWHERE, PageWorld, seed_world
from quiet_hub import open_whole_hub
from seed import ADMIN, NOW, Seed

FILES = {
    "artifacts/7/0123456789abcdef": b"x" * 6_000_000,  # in parts
    "artifacts/8/empty": b"",
    "caches/one": bytes(range(256)),
    "jobs/team/app/12/runs/31/artifacts/dist/ü+a,b.txt": b"with a name",
}
LOGS = {"0/7.log": b"one\ntwo\r\n\x1b[1m\xff", "0/7.times": b"\0" * 32, "12/12001.log": b"open, without an end"}
KEY = b"k" * 43 + b"=\n"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after some weeks: rows as builds make them, and rows at the edges of every column."""
    folder = tmp_path_factory.mktemp("seeded")
    url = tables.with_tables(f"sqlite:///{folder}/edges.db")
    with opened(url) as connection:
        fill(connection, metadata.sorted_tables)
        connection.execute(delete(fact).where(fact.c.id == 13))  # the newest: its number is given
    seed(f"sqlite:///{folder}/hubwright.db", Size(jobs=20, copies=20, builds=60), now=1_795_000_000.0, say=str)
    for key, content in {**{f"artifacts/{key}": content for key, content in FILES.items()}, "secrets.key": KEY}.items():
        write(folder / key, content)
    for key, content in LOGS.items():
        write(folder / "logs" / key, content)
    write(folder / "artifacts" / "uploads" / "half", b"an upload that has not ended")
    return folder


@pytest.fixture
def source(seeded: Path, tmp_path: Path) -> Path:
    """A copy of it, of this test alone."""
    return Path(shutil.copytree(seeded, tmp_path / "source"))


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A transaction of a database."""
    engine = create_engine(url, poolclass=NullPool, json_serializer=write_document)
    if engine.dialect.name == "sqlite":
        engine = create_engine(url, poolclass=NullPool, json_serializer=write_document, json_deserializer=read_document)
    with engine.begin() as connection:
        yield connection


def rows_of(url: str) -> dict[str, list[str]]:
    """Every value of every row, generated ones too, in an order that both databases have."""
    with opened(url) as connection:
        return {
            table.name: sorted(repr([even(value) for value in row]) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def even(value: Any) -> Any:
    """Numbers in JSON that are equal are written alike; keys have no order."""
    if isinstance(value, dict):
        return sorted((key, even(one)) for key, one in value.items())
    if isinstance(value, list):
        return [even(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def files_of(url: str) -> dict[str, str]:
    """SHA-256 of every file of a storage."""

    async def look() -> dict[str, str]:
        storage = Storage(url, marked=False)
        keys = [one.key async for one in storage.list("")]
        found = {}
        for key in keys:
            _, content = await storage.get(key)
            found[key] = sha256(b"".join([chunk async for chunk in content])).hexdigest()
        return found

    return asyncio.run(look())


def sums(files: dict[str, bytes]) -> dict[str, str]:
    return {key: sha256(content).hexdigest() for key, content in files.items()}


def go(source: Path, to: Destination, database: str = "hubwright.db") -> Moved:
    given = {"data_dir": str(source), "database_url": f"sqlite:///{source / database}"}
    return move_installation(load_settings(given, None, {}), to, lambda _said: None)


@pytest.mark.parametrize("place", ["folder", "s3"])
@pytest.mark.parametrize("database", ["hubwright.db", "edges.db"])
def test_every_row_and_every_file_arrives(
    place: str, database: str, source: Path, new_postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Read back by other means than those that moved them; what was half uploaded and not one byte more stays."""
    storage = (tmp_path / "files").as_uri() if place == "folder" else str(request.getfixturevalue("s3_url"))
    before = rows_of(f"sqlite:///{source / database}")
    moved = go(source, Destination(new_postgres_url, storage, tmp_path / "data"), database)
    assert rows_of(new_postgres_url) == before
    assert moved.rows == {name: len(rows) for name, rows in before.items()}
    found = files_of(storage)
    found.pop(".hubwright-storage", None)
    assert found == sums(FILES)
    assert files_of((tmp_path / "data" / "logs").as_uri()) == sums(LOGS)
    assert (moved.files, moved.sent) == (len(FILES) + len(LOGS),) * 2
    assert (tmp_path / "data" / "secrets.key").read_bytes() == KEY
    assert (tmp_path / "data" / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert rows_of(f"sqlite:///{source / database}") == before  # the source is left as it is


def test_numbers_go_on_behind_those_of_rows_that_are_gone(source: Path, postgres_url: str) -> None:
    """A fact's number is a cursor of reporters: one that is given twice would be told to nobody."""
    go(source, Destination(postgres_url), "edges.db")
    with opened(postgres_url) as connection:
        new = insert(fact).values(kind="BuildQueued", at=1.5, data={}).returning(fact.c.id)
        assert connection.execute(new).scalar() == 14
        values = {"guid": "new", "event": "push", "received_at": 1.0, "body": b"", "next_try_at": 1.0}
        assert connection.execute(insert(delivery).values(values).returning(delivery.c.id)).scalar() == 14


def test_what_somebody_has_open_is_not_moved(source: Path, postgres_url: str) -> None:
    with closing(Database(f"sqlite:///{source}/hubwright.db")) as database:
        database.write(lambda connection: connection.execute(update(job).values(enabled=True)))
        with pytest.raises(ConflictError, match="stop the hub"):
            go(source, Destination(postgres_url))
    go(source, Destination(postgres_url))


def test_who_starts_meanwhile_does_not_get_in(source: Path, postgres_url: str) -> None:
    """A hub that systemd starts again would write rows that stay behind."""
    said: list[str] = []

    def look(line: str) -> None:
        if not said:
            with (
                pytest.raises(Exception, match="locked"),
                opened(f"sqlite:///{source}/hubwright.db?timeout=0.1") as one,
            ):
                one.execute(select(func.count()).select_from(job))
        said.append(line)

    move_installation(load_settings({"data_dir": str(source)}, None, {}), Destination(postgres_url), look)
    assert said


def test_a_target_with_rows_is_refused(source: Path, postgres_url: str, tmp_path: Path) -> None:
    """Also one that was moved: what came after that must not be lost. No file is sent then."""
    go(source, Destination(postgres_url))
    storage = tmp_path / "files"
    with pytest.raises(ConflictError, match="has rows already"):
        go(source, Destination(postgres_url, storage.as_uri()))
    assert [path.name for path in storage.rglob("*") if path.is_file()] == [".hubwright-storage"]


def test_a_storage_with_files_of_others_is_refused(source: Path, postgres_url: str, tmp_path: Path) -> None:
    write(tmp_path / "files" / "artifacts" / "9" / "theirs", b"")
    with pytest.raises(ConflictError, match="artifacts/9/theirs"):
        go(source, Destination(postgres_url, (tmp_path / "files").as_uri()))
    assert count(postgres_url) == 0


def test_another_key_is_not_replaced(source: Path, postgres_url: str, tmp_path: Path) -> None:
    """What it has sealed could be opened by nobody (S43)."""
    write(tmp_path / "data" / "secrets.key", b"another\n")
    with pytest.raises(ConflictError, match="another key"):
        go(source, Destination(postgres_url, None, tmp_path / "data"))
    assert (tmp_path / "data" / "secrets.key").read_bytes() == b"another\n"


def test_only_a_file_of_sqlite_goes_to_postgresql(source: Path, postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="postgresql"):
        go(source, Destination(f"sqlite:///{tmp_path}/other.db"))
    settings = load_settings({"data_dir": str(source), "database_url": postgres_url}, None, {})
    with pytest.raises(ConflictError, match="embedded"):
        move_installation(settings, Destination(postgres_url), str)
    with pytest.raises(ConflictError, match="no database"):
        go(source, Destination(postgres_url), "none.db")


def test_rows_of_another_release_are_not_moved(source: Path, postgres_url: str) -> None:
    """Of a newer one this release knows not all columns."""
    with opened(f"sqlite:///{source}/hubwright.db") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="9999"):
        go(source, Destination(postgres_url))


def test_what_postgresql_has_no_room_for_is_named(source: Path, postgres_url: str) -> None:
    """SQLite holds no text to its length. The person is told which row it is, and nothing was moved."""
    with opened(f"sqlite:///{source}/hubwright.db") as connection:
        connection.execute(update(build).where(build.c.id == 7).values(author_login="x" * 101))
    with pytest.raises(ConflictError, match="build 7: author_login has 101 characters"):
        go(source, Destination(postgres_url))
    assert count(postgres_url) == 0


def test_a_nul_in_a_text_becomes_a_sign_that_there_was_one(source: Path, postgres_url: str) -> None:
    with opened(f"sqlite:///{source}/hubwright.db") as connection:
        connection.execute(update(build).where(build.c.id == 7).values(message="a\0b"))
    assert go(source, Destination(postgres_url)).replaced == 1
    with opened(postgres_url) as connection:
        assert connection.execute(select(build.c.message).where(build.c.id == 7)).scalar() == "a\ufffdb"


def test_a_move_that_was_killed_is_begun_again(source: Path, postgres_url: str, s3_url: str) -> None:
    """In the middle of the rows: the target has none then; files are compared and not sent again."""
    program = [sys.executable, "-m", "hubwright", "db", "move", "--data-dir", str(source), "--json"]
    argv = [*program, "--to-database", postgres_url, "--to-storage", s3_url]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("build:") for line in process.stderr)
        process.send_signal(signal.SIGKILL)
    assert count(postgres_url) == 0
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    told = orjson.loads(done.stdout)
    assert (told["files"], told["sent"]) == (len(FILES), 0)
    assert rows_of(postgres_url) == rows_of(f"sqlite:///{source}/hubwright.db")


def count(url: str) -> int:
    """Builds of the target; nobody waits for a transaction that is gone."""
    with opened(url) as connection:
        return int(connection.execute(select(func.count()).select_from(build)).scalar_one())


def test_a_hub_goes_on_where_the_other_has_stopped(postgres_url: str, tmp_path: Path) -> None:
    """Every page of a hub on what was moved is there, and its artifacts and logs are those of before."""
    (tmp_path / "old").mkdir()
    tables.with_tables(f"sqlite:///{tmp_path}/old/hubwright.db")
    old = Seed(tmp_path / "old")
    ids, texts = seed_world(old)
    old.close()
    new = tmp_path / "new"
    go(tmp_path / "old", Destination(postgres_url, (tmp_path / "files").as_uri(), new))
    given = {"database_url": postgres_url, "storage_url": (tmp_path / "files").as_uri(), "admin_token": ADMIN}
    with open_whole_hub(new, clock=lambda: NOW, **given) as hub:
        world = PageWorld(hub, ids, texts)
        with world.client() as browser:
            wrong = {
                place: code for place, url in world.addresses().items() if (code := browser.get(url).status_code) != 200
            }
            log = browser.get(f"/api/v1/runs/{ids['red_run']}/log", params={"ansi": "1"}).content
    assert set(wrong) == ELSEWHERE
    assert log == (tmp_path / "old" / "logs" / "0" / f"{ids['red_run']}.log").read_bytes()


class Lossy(Storage):
    """It loses the last byte of what it is given."""

    async def put(self, key: str, content: AsyncIterator[bytes]) -> None:  # type: ignore[override]
        whole = b"".join([chunk async for chunk in content])

        async def cut() -> AsyncIterator[bytes]:
            yield whole[:-1]

        await super().put(key, cut())


@pytest.mark.parametrize("digest", [None, "0" * 64])
def test_a_file_that_is_not_what_it_was_is_told(digest: str | None, tmp_path: Path) -> None:
    """It was damaged on its way, or before, where its digest is known."""
    write(tmp_path / "a" / "file", b"content")
    source = Storage((tmp_path / "a").as_uri())
    target = (Storage if digest else Lossy)((tmp_path / "b").as_uri())

    async def wanted() -> AsyncIterator[Wanted]:
        yield Wanted("file", "file", digest)

    async def run() -> None:
        async for _ in carry(source, target, wanted()):
            raise AssertionError("it was carried")

    with pytest.raises(StorageError, match="damaged" if digest else "did not arrive"):
        asyncio.run(run())


def test_a_sum_knows_rows_apart_and_minds_no_order() -> None:
    """One value of one row, and a row that is there twice."""

    def of(*rows: tuple[Any, ...]) -> RowSum:
        found = RowSum()
        for row in rows:
            found.add(row)
        return found

    assert of((1, "a"), (2, "b")) == of((2, "b"), (1, "a"))
    assert of(({"a": 1, "b": 2.0},)) == of(({"b": 2, "a": 1},))
    for other in (of((1, "a"), (2, "c")), of((1, "a")), of((1, "a"), (1, "a"), (2, "b")), of((1, "2"), (None, "b"))):
        assert other != of((1, "a"), (2, "b"))
    assert of((2**70,)) != of((2**70 + 1,))


def test_secrets_stay_sealed(source: Path, postgres_url: str) -> None:
    """They go as they are: whoever has the key opens them there too (S43)."""
    go(source, Destination(postgres_url), "edges.db")
    with opened(postgres_url) as there, opened(f"sqlite:///{source}/edges.db") as here:
        assert (
            there.execute(select(secret).order_by(secret.c.id)).all()
            == here.execute(select(secret).order_by(secret.c.id)).all()
        )
