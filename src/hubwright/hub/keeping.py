"""The files that builders hand in: checked while they pass, in the storage before their rows, never half seen.

Each upload has a key of its own, so a content is never changed below a row; what a crash leaves without a row the
sweeper of `hub.retention` finds.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import structlog
from sqlalchemy import Connection

from hubwright.domain.artifacts import DIRECT_FROM, ArtifactRules, artifact_key, staging_key
from hubwright.errors import MalformedError, NotFoundError, StorageError, TooLargeError
from hubwright.storage import Storage
from hubwright.store.artifacts import Keeper, KeptFile, check_keeper, check_room, keep_artifact
from hubwright.store.database import Database
from hubwright.store.old_builds import load_days_of_files

DAY = 86_400.0

SIGNED = 900.0
"""Seconds that a signed address is good for; an upload that has begun may take longer."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What a builder says of a file: its run, lease and token, its path, and what it should be.

    `keep` in seconds, None for as long as the settings say.
    """

    run: int
    lease: int
    token_id: int | None
    path: str
    size: int | None = None
    digest: str | None = None
    keep: int | None = None


class Keeping:
    """Takes files for runs that their builders hold."""

    def __init__(self, database: Database, storage: Storage, rules: ArtifactRules, clock: Callable[[], float]) -> None:
        self._database = database
        self._storage = storage
        self._rules = rules
        self._clock = clock

    async def take(self, offer: Offer, content: AsyncIterable[bytes]) -> KeptFile:
        """Keep a file that comes through the hub.

        Raises MalformedError (it changed on its way), TooLargeError, StorageError and what `check_keeper` raises.
        """
        keeper = await self._check(offer)
        counted = Counted(content, self._rules.max_size)
        key = _fresh_key(offer.run)
        await self._storage.put(key, counted)
        return await self._settle(offer, keeper, key, counted)

    async def sign(self, offer: Offer) -> str | None:
        """An address to PUT the file to, straight into the store; None where that can't be or is not worth it."""
        await self._check(offer)
        if not self._rules.direct or offer.digest is None or (offer.size or 0) < DIRECT_FROM:
            return None
        return await self._storage.sign("PUT", _staging(offer), SIGNED)

    async def take_direct(self, offer: Offer) -> KeptFile:
        """Keep a file that its builder has put to the signed address.

        It is copied to where no signed address leads, and read there: what was checked can't be changed afterwards.
        Raises as `take`, and NotFoundError when nothing was put there.
        """
        keeper = await self._check(offer)
        staging, key = _staging(offer), _fresh_key(offer.run)
        if await self._storage.size(staging) > self._rules.max_size:
            await self._storage.delete(staging)
            raise _too_large(self._rules.max_size)
        await self._storage.copy(staging, key)
        _, content = await self._storage.get(key)
        counted = Counted(content, self._rules.max_size)
        async for _ in counted:
            pass
        file = await self._settle(offer, keeper, key, counted)
        await self._forget(staging)
        return file

    async def _check(self, offer: Offer) -> Keeper:
        if (offer.size or 0) > self._rules.max_size:
            raise _too_large(self._rules.max_size)
        keeper = await self._database.read(
            partial(check_keeper, run_id=offer.run, lease=offer.lease, token_id=offer.token_id)
        )
        await self._database.read(partial(check_room, run_id=offer.run, path=offer.path))
        return keeper

    async def _settle(self, offer: Offer, keeper: Keeper, key: str, counted: Counted) -> KeptFile:
        """Add the row when the content is what was offered, else forget the content."""
        digest, now = counted.digest.hexdigest(), self._clock()
        if offer.digest not in {None, digest} or offer.size not in {None, counted.size}:
            await self._forget(key)
            raise MalformedError("The file did not arrive as it was sent: its SHA-256 or size differs. Send it again.")
        expires = await self._find_end(offer, keeper, now)
        file = KeptFile(path=offer.path, size=counted.size, sha256=digest, kept_at=now, expires_at=expires, key=key)
        try:
            replaced = await self._database.write_soon(partial(_keep, offer=offer, keeper=keeper, file=file))
        except BaseException:
            await self._forget(key)
            raise
        if replaced is not None and replaced != key:
            await self._forget(replaced)
        return file

    async def _find_end(self, offer: Offer, keeper: Keeper, now: float) -> float | None:
        """Until when it is kept: as its recipe says, else its job; None: as the hub's settings say by then."""
        if offer.keep is not None:
            return now + offer.keep
        days = await self._database.read(lambda connection: load_days_of_files(connection, keeper.build_id))
        return None if days is None else now + days * DAY

    async def _forget(self, key: str) -> None:
        """Delete; what can't be deleted now is swept later."""
        try:
            await self._storage.delete(key)
        except StorageError as error:
            log.warning("file_not_deleted", key=key, error=str(error))


class Counted:
    """A stream that is measured, bounded and hashed while it passes. Raises TooLargeError."""

    def __init__(self, stream: AsyncIterable[bytes], most: int) -> None:
        self._stream = stream
        self._most = most
        self.size = 0
        self.digest = sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self.size += len(chunk)
            if self.size > self._most:
                raise _too_large(self._most)
            self.digest.update(chunk)
            if chunk:
                yield chunk


def _keep(connection: Connection, offer: Offer, keeper: Keeper, file: KeptFile) -> str | None:
    """Add the row if the builder still holds the run: a long upload must not end in a later attempt's files."""
    check_keeper(connection, offer.run, offer.lease, offer.token_id)
    return keep_artifact(connection, offer.run, keeper, file)


def _fresh_key(run: int) -> str:
    return artifact_key(run, "", f"artifacts/{run}/{secrets.token_hex(16)}")


def _staging(offer: Offer) -> str:
    if offer.digest is None:
        raise NotFoundError("A direct upload is named by its SHA-256.")
    return staging_key(offer.run, offer.lease, offer.path, offer.digest)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"A file may have {most} bytes.")
