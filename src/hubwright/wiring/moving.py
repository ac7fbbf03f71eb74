"""What is moved of an installation: the places that its settings name, and where each goes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from hubwright.config import Settings
from hubwright.errors import ConflictError, SettingsError
from hubwright.hub.moving import Moved, Route, Say, move
from hubwright.storage import Storage
from hubwright.wiring.secret_keys import KEY_FILE, SIGNING_KEY

LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an installation goes; what is None stays where it is."""

    database: str
    storage: str | None = None
    data_dir: Path | None = None


def move_installation(settings: Settings, to: Destination, say: Say) -> Moved:
    """Carry rows, files, logs and keys. Raises SettingsError and what `hub.moving.move` raises."""
    _check_address(to.database)
    files = []
    if to.storage is not None and to.storage != settings.storage_url:
        files.append((Storage(settings.storage_url), Storage(to.storage)))
    if to.data_dir is not None:
        files.append((logs_of(settings.data_dir), logs_of(to.data_dir)))
        for name in (KEY_FILE, SIGNING_KEY):
            _copy_key(settings.data_dir / name, to.data_dir / name)
    route = Route(database=settings.database_url, to_database=to.database, files=tuple(files))
    return move(route, say)


def logs_of(data_dir: Path) -> Storage:
    """The logs of a data folder as files by key."""
    return Storage((data_dir.absolute() / LOGS).as_uri(), marked=False)


def _check_address(url: str) -> None:
    try:
        kind = make_url(url).drivername
    except ArgumentError as error:
        raise SettingsError("--to-database is no address: postgresql+psycopg://USER@HOST/NAME is expected.") from error
    if kind != "postgresql+psycopg":
        raise SettingsError(f"--to-database is of {kind}: postgresql+psycopg://USER@HOST/NAME is expected.")


def _copy_key(key: Path, to: Path) -> None:
    """A key is never replaced: what it has sealed would be lost. Raises ConflictError."""
    if not key.exists():
        return
    content = key.read_bytes()
    if to.exists():
        if to.read_bytes() != content:
            raise ConflictError(f"{to} is another key than {key}: name a data folder that nobody uses.")
        return
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
