"""What runs keep for the next ones of their repository, apart for each level of trust (S30).

A trusted run reads and writes what all trusted runs share. What a fork brought reads its own and that, and writes only
its own: nothing that it made is ever given to a trusted run.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from hubwright.domain.artifacts import ArtifactRules
from hubwright.errors import MalformedError, NotFoundError
from hubwright.hub.keeping import Counted
from hubwright.hub.sweeping import CACHES, Sweeping
from hubwright.storage import Storage
from hubwright.store import caches
from hubwright.store.artifacts import Keeper, check_keeper
from hubwright.store.caches import CacheEntry
from hubwright.store.database import Database

TRUSTED = "trusted"
"""The scope that all trusted runs of a repository share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A builder's question for a cache of a run that it holds; `family` and `digest` are SHA-256, hexadecimal."""

    run: int
    lease: int
    token_id: int | None
    family: str
    digest: str


class Caching:
    """Finds and keeps caches for runs that their builders hold."""

    def __init__(self, database: Database, storage: Storage, rules: ArtifactRules, clock: Callable[[], float]) -> None:
        self._database = database
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._sweeping = Sweeping(database, storage, rules, clock)

    async def find(self, ask: Ask) -> tuple[CacheEntry, AsyncIterator[bytes]]:
        """The entry of this digest, else the newest of its family, and its content. NotFoundError, StorageError."""
        keeper = await self._check(ask)
        scopes = [TRUSTED] if keeper.trust == TRUSTED else [own_scope(keeper), TRUSTED]
        find = partial(
            caches.find_cache,
            repository=keeper.repository,
            scopes=scopes,
            family=_family(keeper, ask),
            digest=ask.digest,
        )
        entry = await self._database.read(find)
        if entry is None:
            raise NotFoundError("Nothing of this cache has been kept yet.")
        _, content = await self._storage.get(entry.key)
        await self._database.write_soon(partial(caches.touch_cache, key=entry.key, now=self._clock()))
        return entry, content

    async def keep(self, ask: Ask, content: AsyncIterable[bytes], *, digest: str | None, replace: bool = False) -> bool:
        """Keep a cache; False when there is one of this digest, which stays unless it is to be replaced.

        `digest` is the content's SHA-256. Raises MalformedError (it changed on its way), TooLargeError, StorageError.
        """
        keeper = await self._check(ask)
        scope, family = own_scope(keeper), _family(keeper, ask)
        known = partial(caches.has_cache, repository=keeper.repository, scope=scope, family=family, digest=ask.digest)
        if not replace and await self._database.read(known):
            return False
        key = f"{CACHES}/{secrets.token_hex(16)}"
        counted = Counted(content, self._rules.cache_size)
        await self._storage.put(key, counted)
        if digest is not None and counted.digest.hexdigest() != digest:
            await self._sweeping.delete([key])
            raise MalformedError("The cache did not arrive as it was sent: its SHA-256 differs.")
        entry = CacheEntry(
            repository=keeper.repository, scope=scope, family=family, digest=ask.digest, key=key, size=counted.size,
            sha256=counted.digest.hexdigest(),
        )  # fmt: skip
        gone = await self._database.write_soon(
            partial(caches.keep_cache, entry=entry, now=self._clock(), total=self._rules.cache_total)
        )
        await self._sweeping.delete(gone)
        return key not in gone

    async def _check(self, ask: Ask) -> Keeper:
        return await self._database.read(partial(check_keeper, run_id=ask.run, lease=ask.lease, token_id=ask.token_id))


def own_scope(keeper: Keeper) -> str:
    """Where a run may write."""
    if keeper.trust == TRUSTED:
        return TRUSTED
    return f"pull-{keeper.pull_request}" if keeper.pull_request is not None else f"build-{keeper.build_id}"


def _family(keeper: Keeper, ask: Ask) -> str:
    """The platform is the hub's own knowledge."""
    return sha256(f"{keeper.platform}\0{ask.family}".encode()).hexdigest()
