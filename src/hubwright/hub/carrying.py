"""Files from one storage to another: streamed, and read back there before they count as carried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256

from hubwright.domain.artifacts import STAGING
from hubwright.errors import ConflictError, NotFoundError, StorageError
from hubwright.storage import MARKER, Storage

AT_ONCE = 8
"""Files that are on their way at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to carry: its key, the one it gets, and the SHA-256 that it must have, where that is known."""

    key: str
    to: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A file that is in the target. `sent` is false when it was there already."""

    key: str
    size: int
    sha256: str
    sent: bool


async def list_files(storage: Storage) -> AsyncIterator[str]:
    """The keys of all files that somebody may want again: no uploads that have not ended. Raises StorageError."""
    async for one in storage.list(""):
        if one.key != MARKER and not one.key.startswith(f"{STAGING}/"):
            yield one.key


async def check_strangers(source: Storage, target: Storage) -> None:
    """Raises ConflictError when the target holds a file that the source has not: it is somebody else's."""
    async for key in list_files(target):
        try:
            await source.size(key)
        except NotFoundError:
            raise ConflictError(
                f"The target's storage has files of another installation ({key}): name an empty place."
            ) from None


async def carry(
    source: Storage,
    target: Storage,
    wanted: AsyncIterable[Wanted],
    on_gone: Callable[[str], None] | None = None,
) -> AsyncIterator[Carried]:
    """Have these files in the target, and tell of each. One that is there already is compared and not sent again.

    A file that is gone by now is told `on_gone`, else it is a NotFoundError. Raises StorageError for one that is not
    what it must be, or did not arrive whole.
    """
    going: dict[asyncio.Task[Carried], str] = {}

    async def wait(most: int) -> AsyncIterator[Carried]:
        while len(going) > most:
            done, _ = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                key = going.pop(task)
                try:
                    yield task.result()
                except NotFoundError:
                    if on_gone is None:
                        raise
                    on_gone(key)

    try:
        async for one in wanted:
            going[asyncio.create_task(_carry_one(source, target, one))] = one.key
            async for carried in wait(AT_ONCE - 1):
                yield carried
        async for carried in wait(0):
            yield carried
    finally:
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)


async def _carry_one(source: Storage, target: Storage, wanted: Wanted) -> Carried:
    if (there := await _find_equal(source, target, wanted)) is not None:
        return there
    _, content = await source.get(wanted.key)
    passed = Summed(content)
    await target.put(wanted.to, passed)
    digest = passed.digest.hexdigest()
    if wanted.sha256 not in {None, digest}:
        await target.delete(wanted.to)
        raise StorageError(f"{wanted.key} is damaged: its SHA-256 is not the one that was written down.")
    if await _sum(target, wanted.to) != (passed.size, digest):
        raise StorageError(f"{wanted.key} did not arrive as it was sent: its SHA-256 or size differs. Try again.")
    return Carried(wanted.key, passed.size, digest, sent=True)


async def _find_equal(source: Storage, target: Storage, wanted: Wanted) -> Carried | None:
    """What was carried before."""
    try:
        size = await target.size(wanted.to)
    except NotFoundError:
        return None
    if size != await source.size(wanted.key):
        return None
    found = await _sum(target, wanted.to)
    if found != (size, wanted.sha256 or (await _sum(source, wanted.key))[1]):
        return None
    return Carried(wanted.key, size, found[1], sent=False)


async def _sum(storage: Storage, key: str) -> tuple[int, str]:
    """Size and SHA-256 of a file, read to its end."""
    _, content = await storage.get(key)
    passed = Summed(content)
    async for _ in passed:
        pass
    return passed.size, passed.digest.hexdigest()


class Summed:
    """A stream that is measured and hashed while it passes."""

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream
        self.size = 0
        self.digest = sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self.size += len(chunk)
            self.digest.update(chunk)
            yield chunk
