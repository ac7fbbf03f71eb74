"""Migrations lead to exactly the tables of the program, on both databases, and lose nothing."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, insert, inspect, select, text
from sqlalchemy.pool import NullPool

from hubwright.store.revision import HEAD, is_current
from hubwright.store.schema import fact, metadata
from hubwright.store.upgrade import MIGRATIONS, upgrade

UNREADABLE = {"ix_run_queued", "ix_job_of_name", "ix_link_name"}


@pytest.fixture(params=["new_sqlite_url", "new_postgres_url", "newest_postgres_url"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database: SQLite, the oldest PostgreSQL and the newest."""
    return create_engine(request.getfixturevalue(request.param), poolclass=NullPool)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_the_head_that_a_quick_start_compares_with_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_an_upgraded_database_has_exactly_the_tables_of_the_program(engine: Engine) -> None:
    """Autogenerate finds nothing to add; indexes, which it can't compare everywhere, are compared by name."""
    upgrade(url_of(engine))
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index.*")
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        differences = [one for one in compare_metadata(context, metadata) if not is_unreadable(engine, one)]
        found = names_of_indexes(connection)
    assert differences == []
    assert found == {index.name for table in metadata.tables.values() for index in table.indexes}


def is_unreadable(engine: Engine, difference: object) -> bool:
    """An index on an expression: SQLite can't tell what is in it."""
    return engine.dialect.name == "sqlite" and getattr(difference[1], "name", None) in UNREADABLE


def names_of_indexes(connection: object) -> set[str]:
    """Of our own; those that a unique constraint brings along do not count."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    return {name for name in connection.execute(text(query)).scalars() if name.startswith("ix_")}


def test_the_tables_are_made_alike_by_a_migration_and_by_the_tests(engine: Engine, tmp_path: Path) -> None:
    """On SQLite word for word; there `metadata.create_all` and the migrations must not drift apart.

    Only the order of columns may differ: a migration adds at the end.
    """
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            metadata.create_all(connection)
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        return
    upgrade(url_of(engine))
    other = create_engine(f"sqlite:///{tmp_path}/other.db", poolclass=NullPool)
    with other.begin() as connection:
        metadata.create_all(connection)
    assert columns_of(engine) == columns_of(other)


def columns_of(engine: Engine) -> dict[str, object]:
    with engine.connect() as connection:
        look = inspect(connection)
        return {
            name: sorted((column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(name))
            for name in metadata.tables
        }


def test_upgrading_again_changes_nothing_and_keeps_every_row(engine: Engine) -> None:
    url = url_of(engine)
    assert not is_current(url)
    upgrade(url)
    assert is_current(url)
    with engine.begin() as connection:
        connection.execute(insert(fact).values(kind="BuildQueued", at=1.5, data={"n": 1}))
    upgrade(url)
    with engine.connect() as connection:
        assert connection.execute(select(fact.c.at, fact.c.data)).all() == [(1.5, {"n": 1})]


def test_a_newer_database_serves_an_older_program(engine: Engine) -> None:
    """Migrations only add, so going back to the release before needs no downgrade."""
    url = url_of(engine)
    upgrade(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert is_current(url)
    upgrade(url)


def test_two_hubs_started_at_once_upgrade_once(engine: Engine) -> None:
    program = "import sys; from hubwright.store.upgrade import upgrade; upgrade(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", program, url_of(engine)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert is_current(url_of(engine))


def test_the_quick_look_does_without_alembic() -> None:
    """`up` must be ready within 1.5 s, and Alembic alone takes 0.2 s to load."""
    program = "import sys, hubwright.store.revision; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_command_upgrades_and_tells(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "hubwright", "db", *words, "--data-dir", str(tmp_path / "data")]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert run("upgrade").returncode == 0
    told = run("current")
    assert (told.returncode, told.stdout) == (0, f"{HEAD}\n")


def test_a_database_that_is_away_is_told_in_one_sentence(tmp_path: Path, free_port: int) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port}/x"
    argv = [sys.executable, "-m", "hubwright", "db", "upgrade", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        argv, env={"HUBWRIGHT_DATABASE_URL": url, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
