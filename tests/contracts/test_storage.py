"""What every storage holds: a local folder, and S3 (SeaweedFS)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx2
import obstore
import pytest
from obstore.store import MemoryStore

import servers
from builder_process import open_folder
from copied_files import copy_files, in_rclone
from hubwright.errors import NotFoundError, SettingsError, StorageError
from hubwright.storage import MARKER, PART, Storage
from hubwright.storage.store import PANIC
from hung_mount import hanging
from s3_server import OwnS3, s3_environment, unfinished
from server_programs import free_block
from waiting import until

CHUNK = 256 * 1024


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path}/storage" if request.param == "folder" else str(request.getfixturevalue("s3_url"))


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def many(count: int, *, breaks: bool = False) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * CHUNK
    if breaks:
        raise ConnectionError("the builder went away")


async def read(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    _, content = await storage.get(key, start, end)
    return b"".join([chunk async for chunk in content])


async def keys(storage: Storage, prefix: str) -> dict[str, int]:
    return {one.key: one.size async for one in storage.list(prefix)}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7])
def test_what_is_put_is_got(url: str, size: int) -> None:
    async def scenario() -> None:
        storage, data = Storage(url), os.urandom(size)
        await storage.put("artifacts/1/a", pieces(*(data[at : at + CHUNK] for at in range(0, size, CHUNK))))
        assert await read(storage, "artifacts/1/a") == data
        assert await storage.size("artifacts/1/a") == size

    run(scenario())


def test_what_is_put_whole_is_got_and_replaces(url: str) -> None:
    """Small files need no source to be asked piece by piece."""

    async def scenario() -> None:
        storage = Storage(url)
        for content in (b"first", b"", b"x" * CHUNK):
            await storage.put_whole("jobs/a/1/build.json", content)
            assert await read(storage, "jobs/a/1/build.json") == content
        assert await keys(storage, "jobs") == {"jobs/a/1/build.json": CHUNK}

    run(scenario())


def test_what_is_put_whole_lies_where_what_is_put_in_pieces_does(url: str) -> None:
    """A folder's small files are written past obstore: both ways must mean the same file by a key."""

    async def scenario() -> None:
        storage = Storage(url)
        for key in ("top", "jobs/team/app~/1/build.json", "jobs/a b/ü%20+@=,/2/log.txt"):
            await storage.put_whole(key, b"whole")
            assert await read(storage, key) == b"whole"
            await storage.put(key, pieces(b"in pieces"))
            await storage.put_whole(key, b"again")
            assert await read(storage, key) == b"again"
        assert len(await keys(storage, "jobs")) == 2

    run(scenario())


def test_a_part_is_read_without_the_rest(url: str) -> None:
    async def scenario() -> None:
        storage = Storage(url)
        await storage.put("a", pieces(b"0123456789"))
        assert await read(storage, "a", 3, 6) == b"345"
        assert await read(storage, "a", 8) == b"89"
        assert (await storage.get("a", 2, 99))[0] == 10

    run(scenario())


def test_files_that_come_at_the_same_time_are_all_kept_and_read(url: str) -> None:
    """Two runs that end together: neither may be told that the storage is away."""

    async def scenario() -> None:
        storage = Storage(url)
        names = [f"at-once/{number}" for number in range(20)]
        await asyncio.gather(*(storage.put(name, pieces(name.encode())) for name in names))
        assert await asyncio.gather(*(read(storage, name) for name in names)) == [name.encode() for name in names]

    run(scenario())


def test_a_second_write_replaces_the_first_at_once(url: str) -> None:
    async def scenario() -> None:
        storage = Storage(url)
        await storage.put("a", pieces(b"old"))
        await storage.put("a", many(30))
        assert await storage.size("a") == 30 * CHUNK

    run(scenario())


@pytest.mark.parametrize("count", [2, 60])
def test_of_a_broken_upload_nothing_is_seen(url: str, count: int) -> None:
    """Neither half an object, nor is the one before it touched."""

    async def scenario() -> None:
        storage = Storage(url)
        await storage.put("kept", pieces(b"before"))
        for key in ("kept", "new"):
            with pytest.raises(ConnectionError, match="went away"):
                await storage.put(key, many(count, breaks=True))
        assert await read(storage, "kept") == b"before"
        with pytest.raises(NotFoundError):
            await storage.size("new")

    run(scenario())


def test_an_upload_that_is_cancelled_leaves_nothing(url: str, tmp_path: Path) -> None:
    """A hub that stops in the middle; of a multipart upload the parts are given back too."""

    async def scenario() -> None:
        storage = Storage(url)
        begun = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            for number in range(10_000):
                yield b"x" * CHUNK
                if number == 50:
                    begun.set()
                    await asyncio.sleep(60)

        upload = asyncio.create_task(storage.put("cut", slow()))
        await begun.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        with pytest.raises(NotFoundError):
            await storage.size("cut")

    run(scenario())
    if url.startswith("file:"):
        assert [path.name for path in (tmp_path / "storage").rglob("*") if path.is_file()] == [MARKER]
    else:
        until(lambda: url.rpartition("/")[2] not in parts_left(), 10, "the parts to be given back")


def parts_left() -> str:
    """Which uploads the SeaweedFS of this test run still has parts of."""
    return " ".join(unfinished(Path(os.environ[servers.RUN]) / "s3"))


def test_missing_files_are_missing(url: str) -> None:
    async def scenario() -> None:
        storage = Storage(url)
        for ask in (storage.get("none"), storage.get("none", 1, 2), storage.size("none"), storage.copy("none", "b")):
            with pytest.raises(NotFoundError):
                await ask
        await storage.delete("none")

    run(scenario())


def test_files_are_listed_copied_and_deleted(url: str) -> None:
    async def scenario() -> None:
        storage = Storage(url)
        await storage.put("a/1/x", pieces(b"one"))
        await storage.put("b/1/y", pieces(b"four"))
        await storage.copy("a/1/x", "a/2/z")
        assert await keys(storage, "a") == {"a/1/x": 3, "a/2/z": 3}
        await storage.delete("a/1/x")
        assert await keys(storage, "a") == {"a/2/z": 3}
        assert await read(storage, "a/2/z") == b"one"
        await storage.delete_all(["a/2/z", "a/1/x", "never/there", "b/1/y"])
        assert await keys(storage, "a") == await keys(storage, "b") == {}

    run(scenario())


def test_a_slow_sender_is_no_fault_of_the_store(url: str) -> None:
    """Only a store that takes nothing is given up."""

    async def scenario() -> None:
        storage = Storage(url, stalled=2.0)

        async def slowly() -> AsyncIterator[bytes]:
            yield b"a" * PART
            await asyncio.sleep(2.8)
            yield b"b"

        await storage.put("slow", slowly())
        assert await storage.size("slow") == PART + 1

    run(scenario())


# --- S3


def test_addresses_are_signed_for_one_method_and_key(s3_url: str) -> None:
    """S29: another method, another key, a changed signature or a time that ran out opens nothing."""

    async def scenario() -> None:
        storage = Storage(s3_url)
        put = await storage.sign("PUT", "uploads/a", 60)
        assert put is not None
        assert httpx2.put(put, content=b"straight").status_code == 200
        assert await read(storage, "uploads/a") == b"straight"
        get = await storage.sign("GET", "uploads/a", 60)
        assert get is not None
        assert httpx2.get(get).content == b"straight"
        assert httpx2.get(put).status_code == 403
        assert httpx2.put(get, content=b"x").status_code == 403
        assert httpx2.put(put.replace("uploads/a", "uploads/b"), content=b"x").status_code == 403
        assert httpx2.get(get.replace("Expires=60", "Expires=9999")).status_code == 403
        assert await storage.sign("DELETE", "uploads/a", 60) is None
        short = await storage.sign("GET", "uploads/a", 1)
        assert short is not None
        until(lambda: httpx2.get(short).status_code == 403, 10, "the address to run out")

    run(scenario())


def test_a_folder_signs_nothing(tmp_path: Path) -> None:
    assert run(Storage(f"file://{tmp_path}/s").sign("PUT", "a", 60)) is None


@pytest.mark.parametrize("wrong", [{"key": "nobody"}, {"secret": "wrong"}])
def test_wrong_keys_are_told_in_one_sentence(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    for name, value in s3_environment(servers.url_of("s3"), **wrong).items():
        monkeypatch.setenv(name, value)
    storage = Storage(s3_url)
    for work in (storage.put("a", pieces(b"x")), storage.put("a", many(40)), storage.get("a"), storage.delete("a")):
        with pytest.raises(StorageError, match=r"refuses its keys or rights; check STORAGE_URL[^\n]*$"):
            run(work)


def test_a_missing_bucket_is_not_a_crash(s3_url: str) -> None:
    with pytest.raises(NotFoundError):
        run(Storage("s3://there-is-none/x").get("a"))


def test_a_server_that_is_away_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_environment(f"http://127.0.0.1:{free_block()}").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageError, match=r"The storage failed"):
        run(Storage("s3://artifacts/x").put("a", pieces(b"x")))


def test_a_server_killed_in_mid_upload_and_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The upload ends with an error, nothing is seen of it, and the next try is whole."""
    server = OwnS3(tmp_path)
    server.start()
    for name, value in s3_environment(server.url).items():
        monkeypatch.setenv(name, value)

    async def scenario() -> None:
        storage = Storage("s3://artifacts/x", stalled=5.0)

        async def killing() -> AsyncIterator[bytes]:
            for number in range(100):
                if number == 50:
                    await asyncio.to_thread(server.kill)
                yield b"x" * CHUNK

        with pytest.raises(StorageError):
            await storage.put("a", killing())
        await asyncio.to_thread(server.start)
        with pytest.raises(NotFoundError):
            await storage.size("a")
        await storage.put("a", many(50))
        assert await storage.size("a") == 50 * CHUNK

    try:
        run(scenario())
    finally:
        server.kill()


@pytest.mark.parametrize("work", ["put", "put a large one", "get", "size", "copy", "delete", "list"])
def test_a_server_that_hangs_is_given_up(frozen_s3: str, work: str) -> None:
    """It takes connections and says nothing, as one whose disk is gone: a sentence, within a few times the limit."""

    async def scenario() -> None:
        storage = Storage("s3://artifacts/x", stalled=0.5)
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "put": lambda: storage.put("a", pieces(b"x")),
            "put a large one": lambda: storage.put("a", many(200)),
            "get": lambda: storage.get("a"),
            "size": lambda: storage.size("a"),
            "copy": lambda: storage.copy("a", "b"),
            "delete": lambda: storage.delete_all(["a", "b"]),
            "list": lambda: keys(storage, "artifacts"),
        }
        async with asyncio.timeout(40):
            with pytest.raises(StorageError, match=r"^The storage (does not answer; try again later|failed: )[^\n]*$"):
                await works[work]()

    assert frozen_s3
    run(scenario())


@pytest.fixture(scope="module")
def frozen() -> Iterator[OwnS3]:
    """One for all who ask for it in this process: starting it takes seconds."""
    with open_folder() as folder:
        server = OwnS3(folder)
        server.start()
        server.freeze()
        try:
            yield server
        finally:
            server.thaw()
            server.kill()


@pytest.fixture
def frozen_s3(frozen: OwnS3, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_environment(frozen.url).items():
        monkeypatch.setenv(name, value)
    return frozen.url


# --- folders of a file server


def test_a_folder_that_hangs_is_given_up(tmp_path: Path) -> None:
    """A share whose server is away: whoever asks gets a sentence, all share one look, and it works when it is back."""
    folder, sign = tmp_path / "share", tmp_path / "sign"
    folder.mkdir()
    process = subprocess.run(
        [*hanging(folder, sign), sys.executable, "-c", HANGS, str(folder), str(sign)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert process.stdout.splitlines() == [*["does not answer; is its file server away?"] * 3, "1"], process.stderr


HANGS = """
import asyncio, os, sys
from hubwright.errors import StorageError
from hubwright.storage import Storage

folder, sign = sys.argv[1:]

async def one():
    yield b"x"

async def main():
    storage = Storage(f"file://{folder}", stalled=1.0)
    open(sign, "w").close()
    while "hung" not in open("/proc/mounts").read():
        await asyncio.sleep(0.01)
    for work in (storage.put("a", one()), storage.get("a"), storage.delete("a")):
        try:
            await work
        except StorageError as error:
            print(str(error).partition(f"{folder} ")[2])
    os.unlink(sign)
    async with asyncio.timeout(30):
        while True:  # who hung is told a moment after the mount is gone
            try:
                await storage.put("a", one())
                break
            except StorageError:
                await asyncio.sleep(0.01)
    print(await storage.size("a"))

asyncio.run(main())
"""


def test_drafts_of_writes_that_never_ended_go(tmp_path: Path) -> None:
    """A hub that is killed in the middle of a file leaves its draft; young ones may still be written."""

    async def scenario() -> None:
        storage = Storage(f"file://{tmp_path}/s")
        await storage.put("artifacts/1/whole", pieces(b"x"))
        for name, age in (("whole#1", 100.0), ("cut#1", 100.0), ("cut#2", 10.0)):
            draft = tmp_path / "s" / "artifacts" / "1" / name
            draft.write_bytes(b"half")
            os.utime(draft, (age, age))
        assert await storage.drop_drafts(before=50.0) == 1
        assert await keys(storage, "artifacts") == {"artifacts/1/whole": 1}
        left = {path.name for path in (tmp_path / "s" / "artifacts" / "1").iterdir()}
        assert left == {"whole", "whole#1", "cut#1"}
        await storage.delete("artifacts/1/whole")
        assert await storage.drop_drafts(before=2e10) == 2
        assert [path.name for path in (tmp_path / "s").iterdir()] == [MARKER]  # no empty folders either

    run(scenario())


def test_a_task_of_the_store_that_breaks_off_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When a hub stops, obstore's tasks end under those who wait for them; its exception can't be imported."""
    memory = MemoryStore()

    async def break_off(_store: object, _key: str) -> None:
        reader = await obstore.open_reader_async(memory, "key")
        await reader.read(2**63)  # more than Rust can make room for: a real panic, in a task of the runtime

    obstore.put(memory, "key", b"content")
    storage = Storage(f"file://{tmp_path}/storage")
    monkeypatch.setattr(obstore, "head_async", break_off)
    with pytest.raises(StorageError, match="broke off") as told:
        run(storage.size("key"))
    assert type(told.value.__cause__).__name__ == PANIC


def test_an_unmounted_share_is_not_written_into(tmp_path: Path) -> None:
    """The empty folder below would take everything, and hide it when the share is back."""
    folder = tmp_path / "share"
    storage = Storage(f"file://{folder}")
    run(storage.put("a", pieces(b"x")))
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    for work in (storage.put("b", pieces(b"y")), storage.get("a"), storage.delete("a")):
        with pytest.raises(StorageError, match="is its file server mounted"):
            run(work)
    assert list(folder.iterdir()) == []
    folder.rmdir()
    (tmp_path / "elsewhere").rename(folder)
    assert run(read(storage, "a")) == b"x"


def test_a_folder_that_can_not_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"STORAGE_URL .* can't be opened"):
        Storage(f"file://{tmp_path}/file/folder")


def test_a_folder_that_turns_read_only_is_told(tmp_path: Path) -> None:
    """Root writes everywhere, so the folder's place is taken by a file instead of its rights."""
    storage = Storage(f"file://{tmp_path}/s")
    (tmp_path / "s" / "artifacts").write_text("")
    with pytest.raises(StorageError, match="The storage failed"):
        run(storage.put("artifacts/1/a", pieces(b"x")))


def test_what_a_tool_carries_from_a_folder_into_a_bucket_and_back_is_the_same(tmp_path: Path, s3_url: str) -> None:
    """As docs/object-store.md and docs/backup.md say, with rclone: keys, sizes and bytes."""
    names = ("run-logs/0/5.log", "jobs/octo/a b/1/runs/1/artifacts/ä ö/50%+~#1.txt", "empty", "artifacts/x:y/[z]&'q")
    kept = {name: name.encode() * 100_000 * (name != "empty") for name in names}

    async def scenario() -> None:
        first, second = f"file://{tmp_path}/storage", f"file://{tmp_path}/again"
        for name, data in kept.items():
            await Storage(first).put(name, pieces(data))
        await asyncio.to_thread(copy_files, f"{tmp_path}/storage", in_rclone(s3_url))
        await asyncio.to_thread(copy_files, in_rclone(s3_url), f"{tmp_path}/again")
        for url in (s3_url, second):
            assert await keys(Storage(url), "") == {MARKER: 0} | {name: len(data) for name, data in kept.items()}
            for name, data in kept.items():
                assert await read(Storage(url), name) == data

    run(scenario())
