"""Files that builders hand in, through the hub and straight to the store; each test on a folder and on S3."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import insert, update
from starlette.applications import Starlette

from build_lives import Lives
from hub_parts import rows
from hubwright.domain.artifacts import DIRECT_FROM, STAGING, ArtifactRules
from hubwright.storage import MARKER, Storage
from hubwright.store import schema
from hubwright.store.tokens import hash_token
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from hubwright.web.uploads import make_upload_routes
from served import ManualClock, make_site, serve
from waiting import until

RULES = ArtifactRules(max_size=DIRECT_FROM + 1000)


@dataclass
class Door:
    site: Site
    url: str
    client: httpx2.Client
    run: int

    def headers(self, content: bytes | None, lease: int = 1) -> dict[str, str]:
        given = {"Authorization": "Bearer hwt_mine", "X-Hubwright-Lease": str(lease)}
        if content is not None:
            given |= {"X-Hubwright-Sha256": sha256(content).hexdigest(), "X-Hubwright-Size": str(len(content))}
        return given

    def put(self, path: str, content: bytes, *, said: bytes | None = None) -> httpx2.Response:
        address = f"/api/v1/runs/{self.run}/artifacts/{path}"
        return self.client.put(address, content=content, headers=self.headers(content if said is None else said))

    def direct(self, step: str, path: str, content: bytes, lease: int = 1) -> httpx2.Response:
        address = f"/api/v1/runs/{self.run}/artifacts/{path}?direct={step}"
        return self.client.post(address, headers=self.headers(content, lease))

    def files(self) -> list[Any]:
        return rows(self.site.database, schema.artifact)

    def stored(self) -> set[str]:
        async def look() -> set[str]:
            folders = ("artifacts", STAGING)
            return {one.key for folder in folders for one in [each async for each in self.site.storage.list(folder)]}

        return asyncio.run(look())

    def content(self, key: str) -> bytes:
        async def look() -> bytes:
            _, chunks = await self.site.storage.get(key)
            return b"".join([chunk async for chunk in chunks])

        return asyncio.run(look())


@pytest.fixture(params=["folder", "s3"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    """Builder `anvil` came with token `hwt_mine` and holds a run under lease 1."""
    url = f"file://{tmp_path}/files" if request.param == "folder" else str(request.getfixturevalue("s3_url"))
    clock = ManualClock()
    with make_site(tmp_path, clock=clock, storage=Storage(url), artifacts=RULES) as site:
        token = {"id": 1, "name": "m", "role": "builder", "hash": hash_token("hwt_mine"), "created_at": clock.now}
        lives = Lives(site.database, clock)  # type: ignore[arg-type]
        (run,) = lives.runs(lives.build("a" * 40))
        lives.start(run)
        builder = {"name": "anvil", "platform": "linux-x", "labels": [], "slots": 1, "version": "1", "executor": "e",
                   "instance": "of-anvil", "token_id": 1, "state": "connected"}  # fmt: skip
        for table, row in ((schema.token, token), (schema.builder, builder)):
            site.database.write(lambda connection, table=table, row=row: connection.execute(insert(table).values(row)))
        handlers: Any = PROBLEM_HANDLERS
        app = Starlette(routes=make_upload_routes(site, Gate(site)), exception_handlers=handlers)
        with serve(app) as address, httpx2.Client(base_url=address, timeout=30) as client:
            yield Door(site, address, client, run)


BIG = os.urandom(DIRECT_FROM)


def test_what_is_kept_is_what_was_sent(door: Door) -> None:
    assert door.put("a.bin", BIG).status_code == 201
    (row,) = door.files()
    assert (row.size, row.sha256) == (len(BIG), sha256(BIG).hexdigest())
    assert door.content(row.key) == BIG


def test_a_renewed_file_leaves_no_old_content(door: Door) -> None:
    """The key is new each time, so no row ever points to another content than its digest's."""
    door.put("a", b"old")
    (old,) = door.files()
    door.put("a", b"newer")
    (new,) = door.files()
    assert old.key != new.key
    assert door.stored() == {new.key}


@pytest.mark.parametrize("size", [10, DIRECT_FROM])
def test_a_file_that_changed_on_its_way_leaves_nothing(door: Door, size: int) -> None:
    answer = door.put("a", BIG[:size], said=b"something else")
    assert answer.status_code == 400
    assert (door.files(), door.stored()) == ([], set())


def test_too_large_a_file_leaves_nothing(door: Door) -> None:
    """Whether its sender admits it or not."""

    def pieces() -> Iterator[bytes]:
        yield from (b"x" * 1_000_000 for _ in range(10))

    address = f"/api/v1/runs/{door.run}/artifacts/a"
    assert door.client.put(address, content=pieces(), headers=door.headers(None)).status_code == 413
    assert door.direct("begin", "a", b"x" * (RULES.max_size + 1)).status_code == 413
    assert (door.files(), door.stored()) == ([], set())


def test_an_upload_that_is_cut_leaves_nothing(door: Door, tmp_path: Path) -> None:
    """Neither a row nor half an object; the next try is whole."""
    with socket.create_connection((httpx2.URL(door.url).host, httpx2.URL(door.url).port)) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in door.headers(None).items())
        request = (
            f"PUT /api/v1/runs/{door.run}/artifacts/a HTTP/1.1\r\nHost: h\r\n{head}Content-Length: 8000000\r\n\r\n"
        )
        line.sendall(request.encode() + BIG[:7_000_000])
    assert door.put("b", b"whole").status_code == 201
    until(lambda: [row.key for row in door.files()] == list(door.stored()), 10, "the half upload to be gone")
    stray = [path.name for path in (tmp_path / "files").rglob("*#*")]
    assert stray == []
    assert (tmp_path / "files" / MARKER).exists() or not (tmp_path / "files").exists()


@pytest.mark.parametrize("path", ["a.TXT", "A.txt"])
def test_names_that_differ_in_case_only_are_refused(door: Door, path: str) -> None:
    """S27: on half of the world's systems they are one file."""
    assert door.put("a.txt", b"1").status_code == 201
    answer = door.put(path, b"2")
    assert (answer.status_code, "case" in answer.json()["detail"]) == (409, True)
    assert door.put("a.txt", b"3").status_code == 201


@pytest.mark.parametrize(
    ("first", "second"), [("Ä.txt", "ä.txt"), ("stra\u00dfe", "STRASSE"), ("caf\u00e9", "cafe\u0301"), ("\u212a", "k")]
)
def test_case_and_form_are_those_of_all_writing(door: Door, first: str, second: str) -> None:
    """S27: not only of ASCII; the database's own idea of case does not matter."""
    assert door.put(quote(first), b"1").status_code == 201
    answer = door.put(quote(second), b"2")
    assert (answer.status_code, "case" in answer.json()["detail"]) == (409, True)
    assert door.put(quote(first), b"3").status_code == 201


@pytest.mark.parametrize("path", ["a%00b", ".git/config", "nul", "C:/x", "a%E2%80%AEb", "..%2fa", "x/%2e%2e/%2e%2e/a"])
def test_odd_names_are_refused(door: Door, path: str) -> None:
    """S26, S27: the hub trusts no builder's look at names."""
    assert door.put(path, b"1").status_code in {404, 422}
    assert (door.files(), door.stored()) == ([], set())


def test_a_large_file_goes_straight_to_a_store_that_can(door: Door) -> None:
    """The row is there when the hub has read it, and what was signed leads to nothing that is served."""
    place = door.direct("begin", "big.bin", BIG).json()["url"]
    if not place:
        assert door.stored() == set()  # a folder: through the hub
        return
    assert httpx2.put(place, content=BIG).status_code == 200
    assert door.files() == []
    assert door.direct("end", "big.bin", BIG).status_code == 201
    (row,) = door.files()
    assert (row.size, row.sha256, door.stored()) == (len(BIG), sha256(BIG).hexdigest(), {row.key})
    assert httpx2.put(place, content=b"swapped afterwards").status_code == 200
    assert door.content(row.key) == BIG


def test_what_a_builder_put_there_is_read_before_it_is_believed(door: Door) -> None:
    place = door.direct("begin", "big.bin", BIG).json()["url"]
    if not place:
        assert door.direct("end", "big.bin", BIG).status_code == 404
        return
    httpx2.put(place, content=b"something else")
    assert door.direct("end", "big.bin", BIG).status_code == 400
    httpx2.put(place, content=b"x" * (RULES.max_size + 1))
    assert door.direct("end", "big.bin", BIG).status_code == 413
    assert door.direct("end", "never-put.bin", BIG).status_code == 404
    assert door.files() == []
    assert not any(key.startswith("artifacts/") for key in door.stored())


def test_small_files_and_stale_leases_get_no_address(door: Door) -> None:
    """S24."""
    assert door.direct("begin", "small", b"x").json()["url"] is None
    assert door.direct("begin", "big", BIG, lease=2).status_code == 409
    end = update(schema.run).values(state="finished", result="success")
    door.site.database.write(lambda connection: connection.execute(end))
    assert door.direct("begin", "big", BIG).status_code == 409
    assert door.direct("end", "big", BIG).status_code == 409


def test_an_upload_that_outlives_its_lease_is_refused(door: Door) -> None:
    """The next attempt may have sent the same path by then: an older file must not take its place."""

    def pieces() -> Iterator[bytes]:
        yield b"old" * 1000
        given_up = update(schema.run).values(lease=2)
        door.site.database.write(lambda connection: connection.execute(given_up))
        yield b"old"

    address = f"/api/v1/runs/{door.run}/artifacts/a"
    assert door.client.put(address, content=pieces(), headers=door.headers(None)).status_code == 409
    assert (door.files(), door.stored()) == ([], set())
