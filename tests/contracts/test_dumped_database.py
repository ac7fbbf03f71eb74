"""A dump of PostgreSQL becomes the database of a hub again, on another server of a newer version."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, insert, make_url, select, text, update
from sqlalchemy.pool import NullPool

import servers
import tables
from any_rows import fill
from command_line import run
from hubwright.store.engines import read_document, write_document
from hubwright.store.schema import build, fact, job, metadata
from hubwright.store.schema import run as run_table
from server_programs import postgresql_binaries

READER = "hubwright_dump_reader"
"""A role that the old server knows and the new one does not, as those of the reader for SQL are."""


@pytest.fixture
def database() -> Iterator[str]:
    """A hub's database with rows in every table, some of which a role of that server may read."""
    with tables.fresh_postgres("postgresql") as url:
        engine = create_engine(url, poolclass=NullPool, json_serializer=write_document)
        with engine.begin() as connection:
            fill(connection, metadata.sorted_tables)
            connection.execute(update(run_table).values(lease=3))
            connection.execute(update(job).values(builds=3))
            connection.execute(text("SELECT setval(pg_get_serial_sequence('build', 'id'), 4711)"))
            connection.execute(text(f"CREATE ROLE {READER}"))
            connection.execute(text(f"GRANT SELECT ON build TO {READER}"))
        yield url
        with engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {READER}"))
            connection.execute(text(f"DROP ROLE {READER}"))


@pytest.fixture
def new_url() -> Iterator[str]:
    """Where a database can be made on another server; it goes at the end."""
    server = servers.url_of("postgresql-newest")
    name = f"restored{servers.next_number('database')}"
    yield server.rpartition("/")[0] + f"/{name}"
    with closing(psycopg.connect(plain(server), autocommit=True)) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def plain(url: str) -> str:
    """As the programs of PostgreSQL want it."""
    return url.replace("+psycopg", "")


def call(program: Path, *arguments: str) -> None:
    subprocess.run([program, *arguments], check=True, timeout=120)


def rows_of(url: str) -> dict[str, list[object]]:
    """Every row, but for what a restored hub raises: leases of runs, the newest numbers of jobs."""
    raised = {run_table.c.lease, job.c.builds}
    with create_engine(url, poolclass=NullPool, json_deserializer=read_document).connect() as connection:
        return {
            table.name: list(
                connection.execute(
                    select(*(one for one in table.columns if one not in raised)).order_by(*table.primary_key.columns)
                )
            )
            for table in metadata.sorted_tables
        }


def test_a_dump_becomes_the_database_again(database: str, new_url: str, tmp_path: Path) -> None:
    """The commands of docs/backup.md, from the oldest PostgreSQL here to the newest; roles stay behind."""
    oldest, newest = postgresql_binaries()[0], postgresql_binaries()[-1]
    dump, target = str(tmp_path / "hubwright.dump"), make_url(new_url)
    call(oldest / "pg_dump", "--format=custom", "--file", dump, plain(database))
    place = ("--host", str(target.host), "--port", str(target.port), "--username", str(target.username))
    call(newest / "createdb", *place, str(target.database))
    call(newest / "pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--dbname", plain(new_url), dump)

    assert rows_of(new_url) == rows_of(database)
    more = {"HUBWRIGHT_DATABASE_URL": new_url, "HUBWRIGHT_DATA_DIR": str(tmp_path)}
    assert run(None, "db", "current", more=more).returncode == 0
    done = run(None, "db", "restored", more=more)
    assert (done.returncode, "numbered behind" in done.stderr) == (0, True), done.stderr
    assert rows_of(new_url) == rows_of(database)
    with create_engine(new_url, poolclass=NullPool, json_serializer=write_document).begin() as connection:
        row = {"kind": "x", "at": 1.0, "data": {}}
        assert connection.execute(insert(fact).values(row).returning(fact.c.id)).scalar_one() > 10_000
        following = "SELECT nextval(pg_get_serial_sequence('build', 'id'))"
        assert connection.execute(text(following)).scalar_one() == 4711 + 10_000 + 1
        assert connection.execute(select(build.c.id).order_by(build.c.id)).scalars().all() == [11, 12, 13]
