"""Files by key in a folder or an object store, over obstore: artifacts, caches.

A write is whole or not there at all. Every failure of the store is a StorageError with one sentence; memory is bounded
whatever the size of a file, because only PARTS parts of PART bytes are on their way at once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from hubwright.errors import NotFoundError, SettingsError, StorageError
from hubwright.storage.feed import Feed
from hubwright.storage.folder import MARKER, are_one, delete_files, drop_drafts, write_file

READ_CHUNK = 256 * 1024
"""Bytes a download is cut into."""

PART = 5 * 1024 * 1024
"""Bytes of a part of a large file, the least that S3 takes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

PARTS = 2
"""Parts of one file on their way at once."""

WRITERS = 8
"""Files that are written at once; more wait."""

AT_ONCE = 1000
"""Files that are deleted in one request: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

LOOK_HOLDS = 0.1
"""Seconds for which a look whether the folder is there is good enough for what else is asked of it meanwhile."""

STALLED = 60.0
"""Seconds after which a store that takes or gives nothing is given up."""

PANIC = "RustPanic"
"""The class of what obstore raises when one of its tasks breaks off, as when the process ends; nobody can import it."""

_SIGNING = S3Store | GCSStore | AzureStore


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the store: `modified` in Unix seconds."""

    key: str
    size: int
    modified: float


class Storage:
    """A place for files by key. `url` is `file:///folder`, `s3://bucket/prefix`, `gs://…` or `az://…`.

    Addresses and keys of object stores come from their usual variables (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …).
    A folder has a file that tells that its share is mounted, unless it is not `marked`.
    """

    def __init__(self, url: str, *, stalled: float = STALLED, marked: bool = True) -> None:
        self._folder = Path(url.removeprefix("file://")) if url.startswith("file://") else None
        self._marked = marked and self._folder is not None
        self._store = _open(url, self._folder, stalled, marked=marked)
        self._stalled = stalled
        self._writers = asyncio.Semaphore(WRITERS)
        self._probe: asyncio.Task[bool] | None = None  # shared by all who ask meanwhile
        self._asked_at = 0.0  # by its loop's clock

    async def put(self, key: str, content: AsyncIterable[bytes]) -> None:
        """Keep `content` under `key`, replacing what was there. What `content` raises ends it, with nothing kept."""
        async with self._writers, aclosing(Feed(content)) as feed:
            await self._check_folder()
            first = await feed.read(PART)
            writing = asyncio.ensure_future(
                obstore.put_async(self._store, key, first, use_multipart=False)
                if feed.ended
                else obstore.put_async(self._store, key, feed, chunk_size=PART, max_concurrency=PARTS)
            )
            try:
                with _explained():
                    await self._unless_stalled(writing, feed)
            except StorageError:
                if feed.failure is None:
                    raise
                raise feed.failure from None
            except asyncio.CancelledError:
                feed.stop()  # cancelling obstore itself would leave the parts behind
                await asyncio.wait({writing}, timeout=5.0)
                raise
            finally:
                if not writing.done():
                    writing.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await writing

    async def put_whole(self, key: str, content: bytes) -> None:
        """Keep `content`, which is small, under `key`, replacing what was there. Raises StorageError.

        In a folder it is written at once, and the caller's loop with all that is in it waits for the file system.
        """
        async with self._writers:
            await self._check_folder()
            with _explained():
                if self._folder is not None:
                    write_file(self._folder / key, content)
                    return
                async with asyncio.timeout(self._stalled):
                    await obstore.put_async(self._store, key, content, use_multipart=False)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> tuple[int, AsyncIterator[bytes]]:
        """Size of the whole in bytes, and the content from `start` to before `end`. NotFoundError, StorageError."""
        await self._check_folder()
        with _explained():
            async with asyncio.timeout(self._stalled):
                if start == 0 and end is None:
                    found = await obstore.get_async(self._store, key)
                else:
                    size = (await obstore.head_async(self._store, key))["size"]
                    window = (start, size if end is None else min(end, size))
                    found = await obstore.get_async(self._store, key, options={"range": window})
        return found.meta["size"], self._chunks(found)

    async def size(self, key: str) -> int:
        """Bytes of `key`. Raises NotFoundError, StorageError."""
        await self._check_folder()
        with _explained():
            async with asyncio.timeout(self._stalled):
                return (await obstore.head_async(self._store, key))["size"]

    async def copy(self, key: str, to: str) -> None:
        """Copy within the store; in a folder it becomes a link. Raises NotFoundError, StorageError."""
        await self._check_folder()
        with _explained():
            async with asyncio.timeout(10 * self._stalled):
                if self._folder is None or not await asyncio.to_thread(are_one, self._folder / key, self._folder / to):
                    await obstore.copy_async(self._store, key, to)

    async def delete(self, key: str) -> None:
        """Forget `key`; a missing key is fine. Raises StorageError."""
        await self._check_folder()
        with suppress(NotFoundError), _explained():
            async with asyncio.timeout(self._stalled):
                await obstore.delete_async(self._store, key)

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Forget all of them, in few requests where the store can. Raises StorageError, and some may be gone then."""
        await self._check_folder()
        if self._folder is not None:
            with _explained():
                async with asyncio.timeout(10 * self._stalled):
                    await asyncio.to_thread(delete_files, self._folder, keys)
            return
        for start in range(0, len(keys), AT_ONCE):
            with suppress(NotFoundError), _explained():
                async with asyncio.timeout(self._stalled):
                    await obstore.delete_async(self._store, keys[start : start + AT_ONCE])

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """Everything whose key begins with the folder `prefix`. Raises StorageError."""
        await self._check_folder()
        with _explained():
            groups = aiter(obstore.list(self._store, prefix))
            while True:
                async with asyncio.timeout(self._stalled):
                    group = await anext(groups, None)
                if group is None:
                    return
                for meta in group:
                    yield Stored(meta["path"], meta["size"], meta["last_modified"].timestamp())

    async def drop_drafts(self, before: float) -> int:
        """Delete what writes that a crash ended have left in the folder before a Unix time; how many files.

        Object stores show theirs to nobody: they have rules of their own for uploads that never end. StorageError.
        """
        await self._check_folder()
        with _explained():
            return 0 if self._folder is None else await asyncio.to_thread(drop_drafts, self._folder, before)

    async def sign(self, method: str, key: str, seconds: float) -> str | None:
        """An address that whoever has it may use for this one method and key; None where the store can't."""
        if not isinstance(self._store, _SIGNING) or method not in {"GET", "PUT"}:
            return None
        with _explained():
            return await obstore.sign_async(
                self._store, "PUT" if method == "PUT" else "GET", key, timedelta(seconds=seconds)
            )

    async def _unless_stalled(self, writing: asyncio.Future[Any], feed: Feed) -> None:
        """Until it is written; StorageError when the store has taken nothing for long. A slow sender is no fault."""
        while True:
            before = feed.taken
            done, _ = await asyncio.wait({writing}, timeout=self._stalled)
            if done:
                writing.result()
                return
            if feed.taken == before and not feed.waits:
                raise TimeoutError

    async def _chunks(self, found: obstore.GetResult) -> AsyncIterator[bytes]:
        stream = aiter(found.stream(min_chunk_size=READ_CHUNK))
        with _explained():
            while True:
                try:
                    async with asyncio.timeout(self._stalled):
                        chunk = bytes(await anext(stream))
                except StopAsyncIteration:
                    return
                yield chunk

    async def _check_folder(self) -> None:
        """Whether the folder is the one that was opened: an unmounted share must not be written into from below."""
        if self._folder is None or not self._marked:
            return
        probe, loop = self._probe, asyncio.get_running_loop()
        now = loop.time()
        if probe is None or probe.get_loop() is not loop or (probe.done() and now >= self._asked_at + LOOK_HOLDS):
            probe = self._probe = asyncio.create_task(asyncio.to_thread((self._folder / MARKER).exists))
            self._asked_at = now
        if not probe.done():
            answers_by = self._asked_at + min(10.0, self._stalled)
            await asyncio.wait({probe}, timeout=max(0.0, answers_by - now))
        if not probe.done():
            raise StorageError(f"The storage folder {self._folder} does not answer; is its file server away?")
        if not probe.result():
            raise StorageError(f"The storage folder {self._folder} is gone; is its file server mounted?")


@contextmanager
def _explained() -> Iterator[None]:
    """Failures of the store, as one sentence. What a source raises passes."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("This file is not kept any more.") from error
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise StorageError("The storage refuses its keys or rights; check STORAGE_URL and its credentials.") from error
    except TimeoutError as error:
        raise StorageError("The storage does not answer; try again later.") from error
    except (BaseError, OSError) as error:
        raise StorageError(f"The storage failed: {_short(error)}") from error
    except Exception as error:
        if type(error).__name__ != PANIC:
            raise
        raise StorageError("The storage broke off, as it does when this process stops; try again.") from error


def _short(error: Exception) -> str:
    """obstore adds its whole state below the first line, and addresses, which are nobody's business."""
    text = str(error).partition("\n")[0].partition("Debug source")[0].strip()
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    return f"{text[:200].rstrip('.: ')}."


def _open(url: str, folder: Path | None, stalled: float, *, marked: bool) -> ObjectStore:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if marked:
                (folder / MARKER).touch()
            return LocalStore(folder, automatic_cleanup=True)  # no empty folders for builds that are gone
        insecure = os.environ.get("AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT", "")).startswith("http://")
        whole, step = timedelta(hours=6), timedelta(seconds=stalled)  # a reader may be slow, the store may not
        client: Any = {"connect_timeout": timedelta(seconds=5), "timeout": whole, "read_timeout": step}
        client["allow_http"] = insecure
        retries: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
        store: ObjectStore = from_url(url, client_options=client, retry_config=retries)
        return store
    except (OSError, ValueError, BaseError) as error:
        raise SettingsError(f"STORAGE_URL {url!r} can't be opened: {_short(error)}") from error
