"""The caches of a run: brought back before its stages, kept after they succeeded. What fails here fails no build."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx2
import msgspec

from hubwright.builder.archives import list_names, pack, unpack
from hubwright.builder.files import find_files, matching
from hubwright.builder.spool import Key
from hubwright.builder.upload import Uploads
from hubwright.builder.workspace import Workspace
from hubwright.domain.wording import word_size
from hubwright.errors import HubwrightError
from hubwright.wire import CacheWish, Payload

PATIENCE = 900.0
"""Seconds that one cache may take to come or go."""

_HOME = "~/"


@dataclass(slots=True)
class _Known:
    """A cache of the run: its names at the hub, and whether the hub has exactly this one."""

    wish: CacheWish
    family: str
    digest: str
    exact: bool = False


class Caches:
    """Of one run. `say` tells a sentence in its log."""

    def __init__(
        self, payload: Payload, workspace: Workspace, key: Key, uploads: Uploads | None, say: Callable[[str], None]
    ) -> None:
        address = payload.uploads
        self._address = None if address is None else f"{address.rstrip('/').removesuffix('/artifacts')}/cache"
        self._payload = payload
        self._workspace = workspace
        self._key = key
        self._uploads = uploads
        self._say = say
        self._known: list[_Known] = []

    async def restore(self) -> None:
        """Bring back what the hub has, before the first stage."""
        if self._address is None or self._uploads is None:
            return
        for wish in self._payload.cache:
            known = await asyncio.to_thread(self._identify, wish)
            self._known.append(known)
            await self._carefully(known, "not restored", partial(self._restore, self._uploads, known))

    async def keep(self) -> None:
        """Keep what is new, after the last stage succeeded and no process of the run is left."""
        if self._uploads is None:
            return
        for known in self._known:
            if not known.exact or not known.wish.files:
                await self._carefully(known, "not kept", partial(self._keep, self._uploads, known))

    async def _restore(self, uploads: Uploads, known: _Known) -> str:
        archive = self._workspace.root / "cache.tar.zst"
        try:
            found = await uploads.fetch_cache(self._url(known), self._key, archive)
            if found is None:
                return "nothing kept yet"
            known.exact = found == "exact"
            scratch = self._workspace.root / "cache"
            count = await asyncio.to_thread(unpack, archive, self._workspace.root, scratch)
            like = "" if known.exact else ", the newest of another state of its files"
            return f"restored, {count} files, {word_size(archive.stat().st_size)}{like}"
        finally:
            archive.unlink(missing_ok=True)

    async def _keep(self, uploads: Uploads, known: _Known) -> str:
        archive = self._workspace.root / "cache.tar.zst"
        try:
            count = await asyncio.to_thread(self._pack, known.wish, archive)
            if not count:
                return "nothing to keep"
            problem = await uploads.put_cache(self._url(known), self._key, archive, replace=not known.wish.files)
            return problem or f"kept, {count} files, {word_size(archive.stat().st_size)}"
        finally:
            archive.unlink(missing_ok=True)

    async def _carefully(self, known: _Known, otherwise: str, work: Callable[[], Awaitable[str]]) -> None:
        """Say how it went, whatever happens. What breaks is tried once more: connections may be idle for long."""
        name = known.wish.key or ", ".join(known.wish.paths)
        try:
            async with asyncio.timeout(PATIENCE):
                try:
                    said = await work()
                except httpx2.TransportError:
                    said = await work()
                self._say(f"Cache {name}: {said}.")
        except TimeoutError:
            self._say(f"Cache {name}: {otherwise}, it took longer than {PATIENCE:.0f} s.")
        except (HubwrightError, OSError, httpx2.HTTPError) as error:
            reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
            self._say(f"Cache {name}: {otherwise}, {reason.rstrip('.')}.")

    def _identify(self, wish: CacheWish) -> _Known:
        """The family: all that stays when the content of its files changes; the platform is added by the hub."""
        matrix = sorted(self._payload.matrix.items())
        family = sha256(msgspec.json.encode([wish.key, sorted(wish.paths), matrix, wish.files])).hexdigest()
        digest = sha256(family.encode())
        tree = self._workspace.tree
        for file in find_files(tree, wish.files):
            with (tree / file).open("rb") as content:
                digest.update(f"\0{file.as_posix()}\0{_digest(content.fileno())}".encode())
        return _Known(wish, family, digest.hexdigest())

    def _pack(self, wish: CacheWish, archive: Path) -> int:
        return pack(archive, self._workspace.root, self._names(wish))

    def _names(self, wish: CacheWish) -> Iterator[str]:
        for glob in wish.paths:
            base = "home" if glob.startswith(_HOME) else "tree"
            root = self._workspace.root.resolve()
            yield from list_names(root, base, matching(root / base, glob.removeprefix(_HOME)))

    def _url(self, known: _Known) -> str:
        return f"{self._address}/{known.family}/{known.digest}"


def _digest(descriptor: int) -> str:
    digest = sha256()
    while chunk := os.read(descriptor, 1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()
