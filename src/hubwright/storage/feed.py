"""What is written, on its way into the store: asked for piece by piece, and stopped without harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

from hubwright.errors import StorageError


class Feed:
    """A source on its way into the store. `taken` are the bytes given on; `waits` while the source has to give."""

    def __init__(self, source: AsyncIterable[bytes]) -> None:
        self._source = aiter(source)
        self._first: bytes | None = None
        self._pending: asyncio.Future[bytes] | None = None
        self._stopped = False
        self.failure: Exception | None = None  # what the source raised
        self.taken = 0
        self.ended = False

    @property
    def waits(self) -> bool:
        """Whether the source is being asked."""
        return self._pending is not None and not self._pending.done()

    async def read(self, size: int) -> bytes:
        """At least `size` bytes, or all there are; then `ended` is set. They are given again first."""
        parts: list[bytes] = []
        while sum(map(len, parts)) < size:
            try:
                parts.append(await self._next())
            except StopAsyncIteration:
                self.ended = True
                break
        self._first = b"".join(parts)
        return self._first

    def stop(self) -> None:
        """Give nothing more: whoever reads gets an error."""
        self._stopped = True
        if self._pending is not None:
            self._pending.cancel()

    async def aclose(self) -> None:
        """The source is not read any more."""
        self.stop()

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            chunk, self._first = self._first, None
        else:
            chunk = await self._next()
        self.taken += len(chunk)
        return chunk

    async def _next(self) -> bytes:
        if self._stopped:
            raise StorageError("The upload was stopped.")
        self._pending = asyncio.ensure_future(anext(self._source))
        try:
            return await self._pending
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise
        except asyncio.CancelledError:
            if self._stopped:
                raise StorageError("The upload was stopped.") from None
            self._pending.cancel()
            raise
