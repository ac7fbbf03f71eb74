"""Caches in a folder of this machine, for `hubwright run`: the newest of each family, within a bound."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

MAX_BYTES = 2 * 1024**3
"""Bytes of all archives in one folder; above it those go that were not used for longest."""


class FolderShelf:
    """Archives named `FAMILY-DIGEST`; their times of change are when they were last used."""

    def __init__(self, folder: Path, most: int = MAX_BYTES) -> None:
        self._folder = folder
        self._most = most

    async def fetch(self, family: str, digest: str, target: Path) -> str | None:
        """Copy the archive of this digest, else the newest of its family. Raises OSError."""
        return await asyncio.to_thread(self._fetch, family, digest, target)

    async def put(self, family: str, digest: str, archive: Path, *, replace: bool) -> str:
        """Keep a copy, whole or not at all. Raises OSError."""
        return await asyncio.to_thread(self._put, self._folder / f"{family}-{digest}", archive, replace=replace)

    def _fetch(self, family: str, digest: str, target: Path) -> str | None:
        exact = self._folder / f"{family}-{digest}"
        found = exact if exact.exists() else next(iter(self._newest_first(f"{family}-*")), None)
        if found is None:
            return None
        shutil.copyfile(found, target)
        os.utime(found)
        return "exact" if found == exact else "near"

    def _put(self, place: Path, archive: Path, *, replace: bool) -> str:
        if place.exists() and not replace:
            return ""
        if archive.stat().st_size > self._most:
            return f"not kept, it is larger than {self._most} bytes"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{os.getpid()}.draft"
        try:
            shutil.copyfile(archive, draft)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        self._trim()
        return ""

    def _trim(self) -> None:
        left = self._most
        for file in self._newest_first("*"):
            left -= file.stat().st_size
            if left < 0:
                file.unlink(missing_ok=True)

    def _newest_first(self, glob: str) -> list[Path]:
        files = [file for file in self._folder.glob(glob) if not file.name.startswith(".")]
        return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
