"""`hubwright db`: the tables of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hubwright.cli.exits import Exit
from hubwright.cli.options import settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, tell
from hubwright.domain.wording import word_size
from hubwright.errors import HubwrightError
from hubwright.store import upgrade as migrations
from hubwright.store.revision import HEAD, is_ready, load_revision
from hubwright.store.snapshots import begin_again
from hubwright.wiring.moving import Destination, move_installation


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@settings_options
def upgrade(*, config: Path | None, data_dir: str | None) -> None:
    """Bring the tables up to this release; hubs that run meanwhile are not disturbed."""
    settings = settings_of(config, data_dir=data_dir)
    if settings.database_url.startswith("sqlite"):
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    with _told():
        migrations.upgrade(settings.database_url)
    tell(f"The database is at migration {HEAD}.")


@db.command()
@settings_options
@json_option
def current(*, config: Path | None, data_dir: str | None, as_json: bool) -> int:
    """Which migration the database has. Exit code 1 when `hubwright db upgrade` has something to do."""
    settings = settings_of(config, data_dir=data_dir)
    with _told(), create_engine(settings.database_url, poolclass=NullPool).connect() as connection:
        revision = load_revision(connection)
    if as_json:
        print_json({"revision": revision, "needed": HEAD, "ready": is_ready(revision)})
    else:
        print_line(revision or "none")
    return Exit.OK if is_ready(revision) else Exit.ERROR


@db.command()
@click.option(
    "--to-database",
    metavar="URL",
    required=True,
    envvar="HUBWRIGHT_TO_DATABASE_URL",
    help="An empty PostgreSQL database.",
)
@click.option(
    "--to-storage",
    metavar="URL",
    envvar="HUBWRIGHT_TO_STORAGE_URL",
    help="Where artifacts, caches and filed builds go; without it they stay where they are.",
)
@click.option("--to-data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where logs and keys go.")
@settings_options
@json_option
def move(
    *,
    to_database: str,
    to_storage: str | None,
    to_data_dir: Path | None,
    config: Path | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Carry an embedded installation to PostgreSQL and another storage. Its hub must not run.

    Everything is compared where it arrived, and the rows come last: a move that was broken off is just begun again.
    """
    settings = settings_of(config, data_dir=data_dir)
    with _told():
        moved = move_installation(settings, Destination(to_database, to_storage, to_data_dir), tell)
    if moved.replaced:
        tell(f"{moved.replaced} texts had a NUL, which PostgreSQL does not have: U+FFFD stands there.")
    rows = sum(moved.rows.values())
    if as_json:
        print_json({"rows": rows, "tables": moved.rows, "files": moved.files, "bytes": moved.size, "sent": moved.sent})
    else:
        print_line(f"Moved and compared: {rows:,} rows, {moved.files:,} files of {word_size(moved.size)}.")


@db.command()
@settings_options
def restored(*, config: Path | None, data_dir: str | None) -> None:
    """Say that the database was restored from a copy, before the hubs start again; `hubwright restore` does it itself.

    Numbers that may have been given since the copy was made are passed over, so that no builder, page or status of
    then is taken for one of now.
    """
    settings = settings_of(config, data_dir=data_dir)
    with _told(), create_engine(settings.database_url, poolclass=NullPool).begin() as connection:
        begin_again(connection)
    tell("The next builds, runs, deliveries and facts are numbered behind all that may have been given.")


@contextmanager
def _told() -> Iterator[None]:
    """A database that can't be used is told in one sentence."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        raise HubwrightError(
            f"The database can't be used ({reason}): look at DATABASE_URL and at its server."
        ) from error
