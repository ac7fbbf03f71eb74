"""Whether the database can be used, and is set up as it should be."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hubwright.config import Settings
from hubwright.domain.diagnosis import Sight, doubtful, join_sights, well, wrong
from hubwright.domain.wording import word_count, word_size
from hubwright.errors import HubwrightError, SettingsError
from hubwright.store.database import Database
from hubwright.store.report_troubles import count_given_up
from hubwright.store.revision import HEAD, is_ready, load_revision
from hubwright.wiring.questions import make_questions, open_questions

OLDEST_SQLITE = (3, 35)
"""The first that answers RETURNING: https://www.sqlite.org/lang_returning.html"""

OLDEST_POSTGRESQL = 14
"""The oldest that PostgreSQL's own people look after: https://www.postgresql.org/support/versioning/"""

CLOCKS = 5.0
"""Seconds by which the clocks of machines may differ: leases and turns are told by them."""

MUCH_WAL = 1024**3
"""Bytes of SQLite's log before it is odd: somebody reads for hours, and keeps it from being taken over."""

_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"})
_ASKED = (
    "fsync", "full_page_writes", "synchronous_commit", "server_encoding", "server_version", "server_version_num",
    "max_connections", "default_transaction_isolation",
)  # fmt: skip

T = TypeVar("T")


def is_sqlite(settings: Settings) -> bool:
    """Whether the database is a file of this machine."""
    return settings.database_url.startswith("sqlite")


def is_shared(settings: Settings) -> bool:
    """Whether several hubs may have the database."""
    return not is_sqlite(settings)


def find_file(settings: Settings) -> Path | None:
    """The file of the database, None where it is a server."""
    return Path(settings.database_url.removeprefix("sqlite:///")) if is_sqlite(settings) else None


def is_unmade(settings: Settings) -> bool:
    """Whether the hub has to be started once before there is a database."""
    file = find_file(settings)
    return file is not None and not file.exists()


def ask_database(settings: Settings, question: Callable[[Connection], T]) -> T | None:
    """The answer; None where there is no database, no such table yet or no connection, which other checks tell."""
    if is_unmade(settings):
        return None
    try:
        database = Database(settings.database_url, readers=1)
        try:
            with database.reading() as connection:
                return question(connection)
        finally:
            database.close()
    except (DBAPIError, HubwrightError, ValueError):
        return None


def check_database(settings: Settings) -> Sight:
    """Can the database be opened and written?"""
    file = find_file(settings)
    if file is not None and is_unmade(settings):
        return well(f"{file} will be made at the first start")
    fix = f"chown {file} to the hub's user" if file else "check DATABASE_URL, and that the server runs"
    try:
        database = Database(settings.database_url, readers=1)
        try:
            database.write(lambda connection: connection.execute(text("SELECT 1")).scalar())
        finally:
            database.close()
    except (DBAPIError, HubwrightError, ValueError) as error:
        return wrong(str(getattr(error, "orig", None) or error).splitlines()[0], fix)
    return well("it answers and can be written")


def check_tables(settings: Settings) -> Sight:
    """Are the tables those of this release?"""
    if is_unmade(settings):
        return well("they will be made at the first start")
    found = ask_database(settings, lambda connection: (load_revision(connection),))
    if found is None:
        return well("not known: the database does not answer")
    (revision,) = found
    if revision is None:
        return doubtful("there are none yet", "start a hub, or `hubwright db upgrade`")
    if not is_ready(revision):
        seen = f"the database is at migration {revision}, this release needs {HEAD}"
        return doubtful(seen, "`hubwright db upgrade`, which the first hub of this release does too when it starts")
    return well(f"migration {revision}" if revision == HEAD else f"migration {revision}, of a newer release")


def check_sqlite(settings: Settings) -> Sight:
    """Does the file lie on a disk of this machine, and does its log stay small?"""
    file = find_file(settings)
    if file is None or is_unmade(settings):
        return well("there is no file yet")
    kind = _find_file_system(file.resolve(), Path("/proc/mounts"))
    if kind in _REMOTE:
        seen = f"{file} lies on a file server ({kind}), where several writers damage it"
        return wrong(seen, "set DATA_DIR or DATABASE_URL to a disk of this machine, or use PostgreSQL")
    log = file.with_name(file.name + "-wal")
    size = log.stat().st_size if log.exists() else 0  # before we close it, which takes the log over
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        seen = f"SQLite {sqlite3.sqlite_version} is too old"
        return wrong(seen, f"take a Python with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer")
    mode = ask_database(settings, lambda connection: connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    if mode not in {"wal", None}:
        return wrong(f"its journal is {mode}, so readers and writers wait for each other", "move it to another disk")
    if size > MUCH_WAL:
        seen = f"its log has {word_size(size)}: a program reads for hours, or the disk is full"
        return doubtful(seen, "end other programs that have the file open; the hub takes the log over then")
    return well(f"SQLite {sqlite3.sqlite_version}, write-ahead log of {word_size(size)}")


def _find_file_system(path: Path, mounts: Path) -> str:
    """The kind of file system that a path lies on; empty where that is not told."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    above = {str(place) for place in (path, *path.parents)}
    found = [(len(line[1]), number, line[2]) for number, line in enumerate(lines) if len(line) > 2 and line[1] in above]
    return max(found, default=(0, 0, ""))[2]


def check_postgresql(settings: Settings) -> Sight:
    """Does the server keep what it has acknowledged, and has it room for us?"""
    told = ask_database(settings, _ask_server)
    if told is None:
        return well("not known: the database does not answer")
    return join_sights([well(f"PostgreSQL {told['server_version'].split()[0]}"), *_judge_server(told)])


def _ask_server(connection: Connection) -> dict[str, Any]:
    rows = connection.execute(
        text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)"), {"names": list(_ASKED)}
    )
    told = {row.name: row.setting for row in rows}
    before = time.time()
    row = connection.execute(
        text(
            "SELECT pg_is_in_recovery(), extract(epoch FROM clock_timestamp())::float8,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        )
    ).one()
    after = time.time()
    drift = max(before - row[1], row[1] - after, 0.0)
    return {**told, "standby": row[0], "drift": drift, "connections": row[2]}


def _judge_server(told: dict[str, Any]) -> list[Sight]:
    found = []
    if int(told["server_version_num"]) // 10_000 < OLDEST_POSTGRESQL:
        fix = f"upgrade it to {OLDEST_POSTGRESQL} or newer: nobody mends its faults any more"
        found.append(doubtful(f"PostgreSQL {told['server_version']} is old", fix))
    found += [
        wrong(f"{name} is off: a crash of its machine may lose everything", f"set {name} = on")
        for name in ("fsync", "full_page_writes")
        if told[name] == "off"
    ]
    if told["synchronous_commit"] == "off":
        seen = "synchronous_commit is off: a crash loses the last deliveries that were acknowledged"
        found.append(wrong(seen, "set synchronous_commit = on"))
    if told["server_encoding"] != "UTF8":
        fix = "make the database with ENCODING 'UTF8'"
        found.append(wrong(f"its encoding is {told['server_encoding']}, which lacks letters", fix))
    if told["default_transaction_isolation"] != "read committed":
        seen = f"transactions are {told['default_transaction_isolation']}, which makes many of them fail"
        found.append(doubtful(seen, "set default_transaction_isolation = 'read committed'"))
    if told["standby"]:
        found.append(wrong("it is a standby, which can't be written", "set DATABASE_URL to the primary"))
    if told["drift"] > CLOCKS:
        seen = f"its clock and this machine's differ by {told['drift']:.0f} s"
        found.append(doubtful(seen, "have all machines follow NTP: apt-get install systemd-timesyncd"))
    if told["connections"] > 0.8 * int(told["max_connections"]):
        seen = f"{told['connections']} of {told['max_connections']} connections are taken"
        found.append(doubtful(seen, "raise max_connections; a hub or worker takes up to ten"))
    return found


def check_sql(settings: Settings) -> Sight:
    """Can people's questions in SQL be answered?"""
    if is_unmade(settings) or ask_database(settings, load_revision) is None:
        return well("not known: there is no database yet, or it does not answer")
    bounds = replace(open_questions(settings).bounds, seconds=5.0)
    quick = make_questions(settings.database_url, bounds, settings.sql.database_url)
    try:
        quick.ask("SELECT 1")
    except SettingsError as error:
        return doubtful(str(error), "set SQL__DATABASE_URL to a login that may only read, as in docs/replica.md")
    except HubwrightError as error:
        return doubtful(str(error), "look at the database; all but `hubwright sql` works without it")
    return well("questions are answered by a login that can't write")


def check_reports(settings: Settings) -> Sight:
    """Was everything told that is to be told at GitHub?"""
    if is_unmade(settings):
        return well("there are none yet")
    told = ask_database(settings, count_given_up)
    if told is None:
        return well("not known: the database has none, or does not answer")
    count, reason = told
    if not count:
        return well("none was given up")
    seen = f"{word_count(count, 'report')} given up, the newest: {reason}"
    return doubtful(seen, "mend that, then *Tell again* at the build's page")
