"""Artifacts and sealed logs in a folder or an object store, over obstore."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from hubwright.errors import NotFoundError, SettingsError

READ_CHUNK = 256 * 1024
"""Bytes a download is cut into."""


class Storage:
    """A place for files by key. `url` is `file:///folder`, `s3://bucket/prefix`, `gs://…` or `az://…`."""

    def __init__(self, url: str) -> None:
        self._store = _open(url)

    async def put(self, key: str, content: AsyncIterable[bytes]) -> None:
        """Keep `content` under `key`, replacing what was there."""
        await obstore.put_async(self._store, key, content)

    async def get(self, key: str) -> tuple[int, AsyncIterator[bytes]]:
        """Size in bytes and content of `key`. Raises NotFoundError."""
        try:
            found = await obstore.get_async(self._store, key)
        except FileNotFoundError as error:
            raise NotFoundError("This file is not kept any more.") from error
        return found.meta["size"], _chunks(found)

    async def delete(self, key: str) -> None:
        """Forget `key`; a missing key is fine."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return


async def _chunks(found: obstore.GetResult) -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=READ_CHUNK):
        yield bytes(chunk)


def _open(url: str) -> ObjectStore:
    try:
        if url.startswith("file://"):
            folder = Path(url.removeprefix("file://"))
            folder.mkdir(parents=True, exist_ok=True)
            return LocalStore(folder)
        return from_url(url)
    except (OSError, ValueError) as error:
        raise SettingsError(f"STORAGE_URL {url!r} can't be opened: {error}") from error
