"""Backups of an embedded installation: a folder with a database, its files, their sums, and, last, what it is.

The database comes first: content is stored before its row, so each row's file is there to be copied after it. A folder
gets its name when it is whole. No key is in it (S43): who has the backup has no secret.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TextIO

import msgspec

from hubwright.errors import ConflictError, StorageError
from hubwright.hub.carrying import Wanted, carry, list_files
from hubwright.storage import Storage
from hubwright.store.alone import alone_with, sqlite_file
from hubwright.store.moments import write_moment
from hubwright.store.revision import HEAD
from hubwright.store.snapshots import begin_again, check_database, copy_database

DATABASE, SUMS, MANIFEST = "hubwright.db", "SHA256SUMS", "manifest.json"
STORAGE, LOGS = "storage", "logs"

_FORMAT = 1
_PART = ".part"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is. `keys`: ids of the keys that its secrets need; `sums`: the SHA-256 of the list of all files."""

    made_at: str
    release: str
    revision: str
    files: int
    size: int
    sums: str
    keys: tuple[str, ...] = ()
    with_storage: bool = True
    format: int = _FORMAT


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """What is backed up or restored: the address of the database, logs, and the storage if it is wanted."""

    database: str
    logs: Storage
    storage: Storage | None


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What a backup tells of its origin; `now` in Unix seconds."""

    release: str
    keys: tuple[str, ...]
    now: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup that is whole; `gone` are files that were deleted while it was made."""

    folder: Path
    manifest: Manifest
    gone: int = 0


def back_up(places: Places, folder: Path, about: About) -> Kept:
    """Make a backup in a new folder below `folder`. The hub may run. Raises ConflictError, StorageError, OSError."""
    made_at = write_moment(about.now)
    name = made_at[:19].replace(":", "-") + "Z"
    gone: list[str] = []
    with _whole(folder, name) as part:
        revision = copy_database(places.database, part / DATABASE)
        with (part / SUMS).open("w", encoding="utf-8") as sums:
            sums.write(f"{_sum(part / DATABASE)}  {DATABASE}\n")
            files, size = asyncio.run(_copy_files(places, _plain(part), sums, gone))
        manifest = Manifest(
            made_at=made_at,
            release=about.release,
            revision=revision,
            files=files + 1,
            size=size + (part / DATABASE).stat().st_size,
            sums=_sum(part / SUMS),
            keys=about.keys,
            with_storage=places.storage is not None,
        )
        (part / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return Kept(folder / name, manifest, len(gone))


def restore(backup: Path, places: Places) -> Manifest:
    """Make a backup the installation. Every byte is compared with what was written down; the database comes last.

    Raises ConflictError when there is an installation already or the backup is none, StorageError when it is damaged.
    """
    manifest = read_manifest(backup)
    path = sqlite_file(places.database)
    for there in (path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))):
        if there.exists():
            raise ConflictError(f"There is {there} already: move it away, or name another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART)
    targets = {f"{LOGS}/": places.logs, f"{STORAGE}/": places.storage, DATABASE: _plain(part.parent)}
    found = asyncio.run(_copy_back(backup, targets, part.name))
    if found != manifest.files:
        raise StorageError(f"{backup} is damaged: it has {found} files of {manifest.files}.")
    check_database(part)
    with alone_with(f"sqlite:///{part}") as connection:
        begin_again(connection)
    os.sync()
    part.rename(path)
    return manifest


def read_manifest(backup: Path) -> Manifest:
    """What a backup is. Raises ConflictError for what is none, or one of a newer release."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise ConflictError(f"{backup} is no backup: {error}.") from error
    if manifest.format != _FORMAT or manifest.revision > HEAD:
        raise ConflictError(f"{backup} is of release {manifest.release}: restore it with that release, or a newer one.")
    if _sum(backup / SUMS) != manifest.sums:
        raise ConflictError(f"{backup} is damaged: {SUMS} is not the one that was written.")
    return manifest


def list_backups(folder: Path) -> list[Path]:
    """The whole backups in a folder, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"[0-9]*Z/{MANIFEST}"))


def drop_backups(folder: Path, keep: int) -> int:
    """Delete all but the newest ones; how many were deleted."""
    surplus = list_backups(folder)[:-keep]
    for backup in surplus:
        shutil.rmtree(backup)
    return len(surplus)


@contextmanager
def _whole(folder: Path, name: str) -> Iterator[Path]:
    """A folder that gets its name when all is in it and on the disk; else it goes."""
    part = folder / f".{name}{_PART}"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / name).exists():
        raise ConflictError(f"There is {folder / name} already.")
    for left in folder.glob(f".[0-9]*Z{_PART}"):  # of one that was killed
        shutil.rmtree(left)
    part.mkdir(mode=0o700)
    try:
        yield part
        os.sync()
        part.rename(folder / name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


async def _copy_files(places: Places, target: Storage, sums: TextIO, gone: list[str]) -> tuple[int, int]:
    """How many files there are now, and their bytes; each has its line in `sums`."""
    files = size = 0
    for place, source in ((LOGS, places.logs), (STORAGE, places.storage)):
        if source is None:
            continue
        async for one in carry(source, target, _all_below(source, place), gone.append):
            sums.write(f"{one.sha256}  {place}/{one.key}\n")
            files, size = files + 1, size + one.size
    return files, size


async def _all_below(source: Storage, place: str) -> AsyncIterator[Wanted]:
    async for key in list_files(source):
        yield Wanted(key, f"{place}/{key}")


async def _copy_back(backup: Path, targets: Mapping[str, Storage | None], database: str) -> int:
    """How many files were copied, all as they were written down; the database gets another name."""
    source, files = _plain(backup), 0
    for place, target in targets.items():
        if target is not None:
            async for _ in carry(source, target, _written_down(backup, place, database)):
                files += 1
    return files


async def _written_down(backup: Path, place: str, database: str) -> AsyncIterator[Wanted]:
    with (backup / SUMS).open(encoding="utf-8") as sums:
        for line in sums:
            digest, _, path = line.rstrip("\n").partition("  ")
            if path.startswith(place):
                yield Wanted(path, path.removeprefix(place) or database, digest)


def _plain(folder: Path) -> Storage:
    return Storage(folder.absolute().as_uri(), marked=False)


def _sum(path: Path) -> str:
    digest = sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1024 * 1024):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise ConflictError(f"There is no {path}: the backup is not whole.") from error
    return digest.hexdigest()
