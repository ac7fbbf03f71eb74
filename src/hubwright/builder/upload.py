"""Files to keep, sent to the address that the assignment names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import httpx2

from hubwright.builder.spool import Key

MAX_SIZE = 4 * 1024 * 1024 * 1024
"""Bytes of one file."""

_CHUNK = 256 * 1024
_TRIES = 4


class Uploads:
    """Puts files to the hub with the builder's token. Closed with `close`."""

    def __init__(self, token: str) -> None:
        self._client = httpx2.AsyncClient(timeout=httpx2.Timeout(60.0), headers={"Authorization": f"Bearer {token}"})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def keep(self, tree: Path, file: Path, address: str, key: Key, seconds: int | None = None) -> str:
        """PUT the file; "" when it was taken, else why not, in one sentence. Tried again while the hub is away.

        It is to be kept for `seconds`, None: as long as the hub's settings say.
        """
        reason = ""
        url = f"{address.rstrip('/')}/{quote(file.as_posix())}"
        headers = {"X-Hubwright-Lease": str(key.lease)}
        if seconds is not None:
            headers["X-Hubwright-Keep"] = str(seconds)
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(2**attempt / 2)
            try:
                content = _open(tree / file)
            except OSError as error:
                return f"{file} is not kept: {error.strerror}."
            with content:
                size = os.fstat(content.fileno()).st_size
                if size > MAX_SIZE:
                    return f"{file} is not kept: it is larger than {MAX_SIZE} bytes."
                reason, final = await self._put(content, size, url, headers)
            if not reason or final:
                break
        return f"{file} is not kept: {reason}." if reason else ""

    async def _put(self, content: BinaryIO, size: int, url: str, given: dict[str, str]) -> tuple[str, bool]:
        """Why it was not taken ("" = taken), and whether another try is of no use."""
        digest = await asyncio.to_thread(_digest, content)
        headers = {
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            "X-Hubwright-Sha256": digest,
            **given,
        }
        try:
            answer = await self._client.put(url, content=_chunks(content, size), headers=headers)
        except httpx2.HTTPError as error:
            return f"the hub can't be reached ({type(error).__name__})", False
        if answer.is_success:
            return "", True
        return f"the hub answered {answer.status_code}", answer.status_code < 500 and answer.status_code != 429


def _open(path: Path) -> BinaryIO:
    """The file, unless its name has become a link meanwhile."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb")


def _digest(content: BinaryIO) -> str:
    content.seek(0)
    digest = sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()


async def _chunks(content: BinaryIO, size: int) -> AsyncIterator[bytes]:
    """Exactly `size` bytes, or fewer when the file has shrunk."""
    left = size
    while left and (chunk := await asyncio.to_thread(content.read, min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk
