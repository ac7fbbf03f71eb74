"""Files to keep, sent to the door of the hub that the assignment names, or straight to the store that the hub names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx2

from hubwright.builder.inside import open_inside
from hubwright.builder.spool import Key
from hubwright.domain.artifacts import DIRECT_FROM

_API = "/api/v1/"
_CHUNK = 256 * 1024
_TIMES = httpx2.Timeout(60.0, read=600.0)  # the hub reads a large file again before it answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A file to send: `name` below `folder`, its path in the workspace, where to, and how long to keep it (seconds)."""

    folder: Path
    name: PurePath
    path: str
    address: str
    key: Key
    seconds: int | None = None

    @property
    def url(self) -> str:
        """Where the hub takes it."""
        return f"{self.address.rstrip('/')}/{quote(self.path)}"

    def open(self) -> BinaryIO:
        """The file, unless something on the way to it has become a link meanwhile. Raises OSError."""
        return open_inside(self.folder, self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """`problem` says why it was not taken, "" when it was. `later`: another try may help; `away`: nobody answered."""

    problem: str = ""
    later: bool = False
    away: bool = False


class Uploads:
    """Puts files to the hub with the builder's token. Closed with `close`.

    `address` is where this builder reaches the hub. Assignments name its API as people reach it, which this machine
    may not: of such an address only the door counts.
    """

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        trusted = httpx2.create_ssl_context()  # reading the machine's certificates takes as long as all else here
        self._hub = httpx2.AsyncClient(timeout=_TIMES, headers={"Authorization": f"Bearer {token}"}, verify=trusted)
        self._store = httpx2.AsyncClient(timeout=_TIMES, verify=trusted)  # the token is for the hub alone

    async def close(self) -> None:
        """Close the connections."""
        await self._hub.aclose()
        await self._store.aclose()

    async def send(self, parcel: Parcel) -> Sent:
        """PUT the file, once."""
        try:
            content = parcel.open()
        except OSError as error:
            return Sent(problem=f"{error.strerror}")
        with content:
            size = os.fstat(content.fileno()).st_size
            headers = {
                "X-Hubwright-Lease": str(parcel.key.lease),
                "X-Hubwright-Sha256": await asyncio.to_thread(_digest, content),
                "X-Hubwright-Size": str(size),
            }
            if parcel.seconds is not None:
                headers["X-Hubwright-Keep"] = str(parcel.seconds)
            try:
                return await self._send(self._at_hub(parcel.url), content, size, headers)
            except httpx2.HTTPError as error:
                return Sent(problem=f"the hub can't be reached ({type(error).__name__})", later=True, away=True)

    def _at_hub(self, url: str) -> str:
        """The same at the hub that this builder knows."""
        _, api, door = url.partition(_API)
        return f"{self._address}{api}{door}" if api else url

    async def _send(self, url: str, content: BinaryIO, size: int, headers: dict[str, str]) -> Sent:
        if size >= DIRECT_FROM and await self._put_direct(url, content, size, headers):
            answer = await self._hub.post(url, params={"direct": "end"}, headers=headers)
            if answer.is_success:
                return Sent()
        content.seek(0)
        plain = {"Content-Length": str(size), "Content-Type": "application/octet-stream", **headers}
        return _read_answer(await self._hub.put(url, content=_chunks(content, size), headers=plain))

    async def _put_direct(self, url: str, content: BinaryIO, size: int, headers: dict[str, str]) -> bool:
        """Whether the hub named a place in the store and the file is there now; if not, it goes through the hub."""
        answer = await self._hub.post(url, params={"direct": "begin"}, headers=headers)
        told = answer.json() if answer.is_success else {}
        place = told.get("url")
        if place is None:
            return False
        content.seek(0)
        body, length = _chunks(content, size), {"Content-Length": str(size)}
        try:
            put = await self._store.put(place, content=body, headers=length, timeout=float(told.get("stalled", 60.0)))
        except httpx2.HTTPError:
            return False
        return put.is_success

    async def fetch_cache(self, url: str, key: Key, target: Path) -> str | None:
        """Get a cache into a file; `exact` or `near`, None when there is none. Raises httpx2.HTTPError, OSError."""
        async with self._hub.stream("GET", self._at_hub(url), headers={"X-Hubwright-Lease": str(key.lease)}) as answer:
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            digest = sha256()
            with target.open("wb") as file:
                async for chunk in answer.aiter_bytes(_CHUNK):
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
            if digest.hexdigest() != answer.headers.get("X-Hubwright-Sha256"):
                raise OSError(0, "it arrived damaged")
            return str(answer.headers.get("X-Hubwright-Cache"))

    async def put_cache(self, url: str, key: Key, file: Path, *, replace: bool) -> str:
        """Send a cache; "" when it was taken, else why not. Raises httpx2.HTTPError, OSError."""
        with open_inside(file.parent, PurePath(file.name)) as content:
            headers = {
                "X-Hubwright-Lease": str(key.lease),
                "X-Hubwright-Sha256": await asyncio.to_thread(_digest, content),
                "Content-Length": str(os.fstat(content.fileno()).st_size),
            }
            params = {"replace": "1"} if replace else {}
            body = _chunks(content, int(headers["Content-Length"]))
            answer = await self._hub.put(self._at_hub(url), content=body, headers=headers, params=params)
        return "" if answer.is_success else f"not kept, {_read_answer(answer).problem}"


def _read_answer(answer: httpx2.Response) -> Sent:
    if answer.is_success:
        return Sent()
    try:
        told: Any = answer.json()
        detail = str(told["detail"])[:300]
    except (ValueError, KeyError, TypeError):
        detail = f"the hub answered {answer.status_code}"
    # 400: it changed while it was read, or was cut; 404 and 409: the run is not ours any more
    return Sent(problem=detail.rstrip("."), later=answer.status_code in {400, 408, 429} or answer.status_code >= 500)


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
