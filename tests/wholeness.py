"""A storage that stops in the middle of what it is asked for: as if the process had been killed there."""

from __future__ import annotations

from collections.abc import AsyncIterable

from hubwright.errors import StorageError
from hubwright.storage import Storage


class Halting(Storage):
    """Does so many writes, and no more."""

    def __init__(self, storage: Storage, writes: int) -> None:
        self.__dict__ = dict(storage.__dict__)
        self._left = writes

    async def put(self, key: str, content: AsyncIterable[bytes]) -> None:
        """As the storage, as long as it goes."""
        self._count()
        await super().put(key, content)

    async def put_whole(self, key: str, content: bytes) -> None:
        """As the storage, as long as it goes."""
        self._count()
        await super().put_whole(key, content)

    async def copy(self, key: str, to: str) -> None:
        """As the storage, as long as it goes; the last copy is made, but nobody hears of it."""
        await super().copy(key, to)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StorageError("The storage was cut off.")
