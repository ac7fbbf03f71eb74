"""The caches of a run: brought back before its stages, kept after they succeeded. What fails here fails no build."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Protocol

import httpx2
import msgspec

from hubwright.builder.archives import list_names, pack, unpack
from hubwright.builder.files import find_files, matching
from hubwright.builder.spool import Key
from hubwright.builder.upload import Uploads
from hubwright.builder.workspace import Workspace
from hubwright.domain.wording import word_size
from hubwright.errors import HubwrightError
from hubwright.wire import CacheWish

PATIENCE = 900.0
"""Seconds that one cache may take to come or go."""

_HOME = "~/"


class Shelf(Protocol):
    """Where caches lie: at the hub, or in a folder of this machine."""

    async def fetch(self, family: str, digest: str, target: Path) -> str | None:
        """Bring the archive; `exact`, or `near` for the newest of its family; None when there is none.

        Raises httpx2.HTTPError, OSError.
        """
        ...

    async def put(self, family: str, digest: str, archive: Path, *, replace: bool) -> str:
        """Take the archive; "", or why not. One of the same digest stays unless it is to be replaced.

        Raises httpx2.HTTPError, OSError.
        """
        ...


class HubShelf:
    """At the hub, for a run that it knows."""

    def __init__(self, address: str, key: Key, uploads: Uploads) -> None:
        self._address = f"{address.rstrip('/').removesuffix('/artifacts')}/cache"
        self._key = key
        self._uploads = uploads

    async def fetch(self, family: str, digest: str, target: Path) -> str | None:
        """From the hub."""
        return await self._uploads.fetch_cache(f"{self._address}/{family}/{digest}", self._key, target)

    async def put(self, family: str, digest: str, archive: Path, *, replace: bool) -> str:
        """To the hub."""
        return await self._uploads.put_cache(f"{self._address}/{family}/{digest}", self._key, archive, replace=replace)


@dataclass(slots=True)
class _Known:
    """A cache of the run: its names on the shelf, whose it is, and whether the shelf has exactly this one."""

    wish: CacheWish
    family: str
    digest: str
    stages: set[str]
    exact: bool = False


class Caches:
    """Of one run. `say` tells a sentence in its log. Without a shelf nothing is kept."""

    def __init__(
        self,
        wishes: Sequence[CacheWish],
        matrix: Mapping[str, str],
        workspace: Workspace,
        shelf: Shelf | None,
        say: Callable[[str], None],
    ) -> None:
        self._wishes = wishes
        self._matrix = sorted(matrix.items())
        self._workspace = workspace
        self._shelf = shelf
        self._say = say
        self._known: list[_Known] = []

    async def restore(self) -> None:
        """Bring back what the shelf has, before the first stage."""
        if self._shelf is None:
            return
        for wish in self._wishes:
            known = await asyncio.to_thread(self._identify, wish)
            same = next((other for other in self._known if other.family == known.family), None)
            if same is not None:
                same.stages.add(wish.stage)
                continue
            self._known.append(known)
            await self._carefully(known, "not restored", partial(self._restore, self._shelf, known))

    async def keep(self, succeeded: Collection[str]) -> None:
        """Keep what is new, when no process of the run is left: of the stages that succeeded; "" is all of them."""
        if self._shelf is None:
            return
        for known in self._known:
            if not known.stages.isdisjoint(succeeded) and not (known.exact and known.wish.files):
                await self._carefully(known, "not kept", partial(self._keep, self._shelf, known))

    async def _restore(self, shelf: Shelf, known: _Known) -> str:
        archive = self._workspace.root / f"cache-{token_hex(8)}.tar.zst"  # no build can foresee it
        try:
            found = await shelf.fetch(known.family, known.digest, archive)
            if found is None:
                return "nothing kept yet"
            known.exact = found == "exact"
            scratch = self._workspace.root / "cache"
            count = await asyncio.to_thread(unpack, archive, self._workspace.root, scratch)
            like = "" if known.exact else ", the newest of another state of its files"
            return f"restored, {count} files, {word_size(archive.stat().st_size)}{like}"
        finally:
            archive.unlink(missing_ok=True)

    async def _keep(self, shelf: Shelf, known: _Known) -> str:
        archive = self._workspace.root / f"cache-{token_hex(8)}.tar.zst"  # no build can foresee it
        try:
            count = await asyncio.to_thread(self._pack, known.wish, archive)
            if not count:
                return "nothing to keep"
            problem = await shelf.put(known.family, known.digest, archive, replace=not known.wish.files)
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
        said = [wish.key, sorted(wish.paths), self._matrix, wish.files]
        family = sha256(msgspec.json.encode(said)).hexdigest()
        digest = sha256(family.encode())
        tree = self._workspace.tree
        for file in find_files(tree, wish.files):
            with (tree / file).open("rb") as content:
                digest.update(f"\0{file.as_posix()}\0{_digest(content.fileno())}".encode())
        return _Known(wish, family, digest.hexdigest(), {wish.stage})

    def _pack(self, wish: CacheWish, archive: Path) -> int:
        return pack(archive, self._workspace.root, self._names(wish))

    def _names(self, wish: CacheWish) -> Iterator[str]:
        for glob in wish.paths:
            base = "home" if in_home(glob) else "tree"
            root = self._workspace.root.resolve()
            yield from list_names(root, base, matching(root / base, glob.removeprefix(_HOME)))


def in_home(glob: str) -> bool:
    """Whether the glob means files below the stages' home."""
    return glob.startswith(_HOME)


def _digest(descriptor: int) -> str:
    digest = sha256()
    while chunk := os.read(descriptor, 1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()
