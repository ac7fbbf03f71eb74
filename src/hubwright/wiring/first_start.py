"""What a start needs on disk: folders, an up-to-date database, tokens of this machine, the demo project."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.exc import DBAPIError

from hubwright.config import Settings
from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import NO_COMMIT, Repository
from hubwright.errors import HubwrightError, SettingsError
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.demo import HISTORY, REPOSITORY, DemoRepository, make_demo_repository
from hubwright.store.birth import create_tables
from hubwright.store.deliveries import Incoming, keep_delivery
from hubwright.store.jobs import keep_job
from hubwright.store.revision import is_current
from hubwright.store.schema import delivery, job
from hubwright.store.tokens import find_token, keep_token
from hubwright.store.writers import is_outage
from hubwright.wiring.parts import Parts, mirrors_folder

CLI_TOKEN = "cli-token"  # noqa: S105  the file's name
BUILDER_TOKEN = "builder-token"  # noqa: S105

LOCAL_BUILDER = "local builder"
"""What the token of the builder of this machine is called."""


@dataclass(frozen=True, kw_only=True)
class FirstStart:
    """What was found or made. Token files are readable by their owner only."""

    data_dir: Path
    is_empty: bool
    cli_token: Path
    builder_token: Path

    def begin_demo(self, parts: Parts, wake: Callable[[str], None]) -> None:
        """Have the bundled project built: a repository, a job, and a push of its history."""
        demo = make_demo_repository(self.data_dir / "demo")
        url = demo.path.as_uri()
        origin = Origin(repository=REPOSITORY, clone_url=url)
        mirrors = Mirrors(parts.mirrors.root, Git("file"))  # only here may git read a folder of this machine
        try:
            mirrors.fetch(origin, demo.commits[-1], f"refs/heads/{demo.branch}")
        finally:
            mirrors.close()
        body = orjson.dumps(_demo_push(demo))
        now = time.time()
        owner, _, name = REPOSITORY.partition("/")
        repository = Repository(id=None, owner=owner, name=name, default_branch=demo.branch)

        def keep(connection: Connection) -> None:
            keep_job(connection, repository, JobSettings(), now, clone_url=url)
            keep_delivery(connection, Incoming("demo", "push", "demo", body, now))

        parts.database.write(keep)
        wake("deliveries")


def prepare_ground(settings: Settings) -> None:
    """Make folders and tables where they are missing. Raises SettingsError, and HubwrightError: no database answers."""
    data_dir = Path(settings.data_dir)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        mirrors_folder(settings).mkdir(exist_ok=True)
    except OSError as error:
        raise SettingsError(f"DATA_DIR {data_dir} can't be used: {error.strerror}.") from error
    try:
        _upgrade(settings)
    except DBAPIError as error:
        if not is_outage(error):
            raise
        reason = str(error.orig).partition("\n")[0]
        raise HubwrightError(f"The database can't be reached: {reason}. Is it up? See DATABASE_URL.") from error


def prepare(settings: Settings) -> FirstStart:
    """The same, and tokens of this machine. Raises SettingsError, HubwrightError."""
    prepare_ground(settings)
    data_dir = Path(settings.data_dir)
    engine = create_engine(settings.database_url)
    try:
        with engine.begin() as connection:
            used = any(connection.execute(select(table.c.id).limit(1)).first() for table in (job, delivery))
            return FirstStart(
                data_dir=data_dir,
                is_empty=used == 0,
                cli_token=_token_file(connection, data_dir / CLI_TOKEN, "this machine's command line", "admin"),
                builder_token=_token_file(connection, data_dir / BUILDER_TOKEN, LOCAL_BUILDER, "builder"),
            )
    finally:
        engine.dispose()


def _demo_push(demo: DemoRepository) -> dict[str, object]:
    """The push that GitHub would send for the history of the demo project."""
    owner, _, name = REPOSITORY.partition("/")
    author = {"name": "Hubwright Demo", "email": "demo@hubwright.invalid"}
    commits = [
        {"id": sha, "message": message, "author": author, "distinct": True}
        for sha, (_, message) in zip(demo.commits, HISTORY, strict=True)
    ]
    return {
        "ref": f"refs/heads/{demo.branch}",
        "before": NO_COMMIT,
        "after": demo.commits[-1],
        "created": True,
        "repository": {"name": name, "full_name": REPOSITORY, "owner": {"login": owner}, "default_branch": demo.branch},
        "commits": commits,
        "head_commit": commits[-1],
        "pusher": {"name": "Hubwright"},
    }


def _upgrade(settings: Settings) -> None:
    """In a process of its own: Alembic would cost every start its memory and a fifth of a second."""
    if is_current(settings.database_url) or create_tables(settings.database_url):
        return
    env = {**os.environ, "HUBWRIGHT_DATABASE_URL": settings.database_url, "HUBWRIGHT_DATA_DIR": str(settings.data_dir)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hubwright", "db", "upgrade"], env=env, capture_output=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason was given"]
        raise SettingsError(f"The database can't be brought up to date: {lines[-1].removeprefix('Error: ')}")


def _token_file(connection: Connection, path: Path, name: str, role: str) -> Path:
    """A file with a token that the database knows; made anew when it is missing or no longer valid."""
    now = time.time()
    try:
        if find_token(connection, path.read_text().strip(), now) is not None:
            return path
    except FileNotFoundError:
        pass
    token = keep_token(connection, secrets.token_urlsafe(32), name=name, role=role, now=now)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    return path
