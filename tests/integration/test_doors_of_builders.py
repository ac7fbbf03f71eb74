"""The builders' doors: the socket's first word, and the files that a run keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, update
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from build_lives import Lives
from hub_parts import held, make_hello, rows
from hubwright.errors import MalformedError, UnprocessableError
from hubwright.hub.session import Session, SessionSettings
from hubwright.hub.sessions import Sessions
from hubwright.store import schema
from hubwright.store.tokens import hash_token
from hubwright.web import builders as door
from hubwright.web.builders import make_builder_routes
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from hubwright.web.uploads import check_path, read_number
from hubwright.wire import Message, Ping, Pong, Welcome, read_message, write_message
from served import ManualClock, make_site, serve
from waiting import until


@dataclass
class Doors:
    site: Site
    url: str
    client: httpx2.Client
    run: int
    sessions: Sessions

    def put(self, path: str = "out/a.txt", content: bytes = b"data", **headers: str) -> httpx2.Response:
        """Send a file of the run, as its builder does, under lease 1."""
        given = {"Authorization": "Bearer hwt_mine", "X-Hubwright-Lease": "1"}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.put(f"/api/v1/runs/{self.run}/artifacts/{path}", content=content, headers=given)

    def files(self) -> list[Any]:
        return rows(self.site.database, schema.artifact)

    def say(self, *frames: str | bytes, token: str = "hwt_mine") -> list[str | bytes]:
        """Say this over a new socket; what the hub says first, or why it closed."""
        address = f"ws{self.url.removeprefix('http')}/api/v1/builder"
        with connect(address, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None) as socket:
            for frame in frames:
                socket.send(frame)
            return [socket.recv(timeout=20)]


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    """Builder `anvil` came with token `hwt_mine` and holds a run under lease 1."""
    clock = ManualClock()
    with make_site(tmp_path, clock=clock) as site:
        now = clock.now
        for number, (name, role) in enumerate({"mine": "builder", "theirs": "builder", "reader": "read"}.items(), 1):
            row = {"id": number, "name": name, "role": role, "hash": hash_token(f"hwt_{name}"), "created_at": now}
            site.database.write(lambda connection, row=row: connection.execute(insert(schema.token).values(row)))
        lives = Lives(site.database, clock)  # type: ignore[arg-type]
        (run,) = lives.runs(lives.build("a" * 40))
        lives.start(run)
        builder = {"name": "anvil", "platform": "linux-x", "labels": [], "slots": 1, "version": "1", "executor": "e",
                   "instance": "of-anvil", "token_id": 1, "state": "connected"}  # fmt: skip
        site.database.write(lambda connection: connection.execute(insert(schema.builder).values(builder)))
        sessions = Sessions(site.database, site.logs, clock, lambda: None, SessionSettings(heartbeat=1000.0))
        handlers: Any = PROBLEM_HANDLERS
        app = Starlette(routes=make_builder_routes(site, Gate(site), sessions), exception_handlers=handlers)
        with serve(app) as url, httpx2.Client(base_url=url) as client:
            yield Doors(site, url, client, run, sessions)


def test_a_file_is_kept_under_its_run_with_its_hash(doors: Doors) -> None:
    answer = doors.put(content=b"data", X_Hubwright_SHA256=sha256(b"data").hexdigest())
    assert (answer.status_code, answer.json()["size"]) == (201, 4)
    (row,) = doors.files()
    assert (row.run_id, row.path, row.platform, row.sha256) == (
        doors.run, "out/a.txt", "linux-x", sha256(b"data").hexdigest(),
    )  # fmt: skip
    assert doors.put(content=b"newer").status_code == 201
    assert [row.size for row in doors.files()] == [5]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Authorization": ""}, 401), ({"Authorization": "Bearer wrong"}, 401),
     ({"Authorization": "Bearer hwt_reader"}, 403),
     ({"Authorization": "Bearer hwt_theirs"}, 403), ({"X_Hubwright_Lease": "2"}, 409), ({"X_Hubwright_Lease": ""}, 400),
     ({"X_Hubwright_Lease": "one"}, 400), ({"X_Hubwright_SHA256": "0" * 64}, 400)],
)  # fmt: skip
def test_only_the_holder_keeps_files(doors: Doors, headers: dict[str, str], status: int) -> None:
    """S22, S24: another builder, a reader, a stale lease, or a file that changed on its way."""
    answer = doors.put(**headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert doors.files() == []


@pytest.mark.parametrize(
    "path", ["%2e%2e/a", "a/%2e%2e/%2e%2e/b", "%2Fetc/passwd", "a%5Cb", "a%0Ab", "x" * 1001, "%20%00"]
)
def test_files_stay_below_their_run(doors: Doors, path: str) -> None:
    """S26."""
    assert doors.put(path).status_code in {404, 422}
    assert doors.files() == []


def test_a_run_that_ended_keeps_nothing_more(doors: Doors) -> None:
    end = update(schema.run).values(state="finished", result="success")
    doors.site.database.write(lambda connection: connection.execute(end))
    assert doors.put().status_code == 409


@pytest.mark.parametrize("token", ["", "wrong", "hwt_reader"])
def test_without_a_builders_token_there_is_no_socket(doors: Doors, token: str) -> None:
    with pytest.raises(InvalidStatus):
        doors.say(write_message(make_hello()), token=token)


@pytest.mark.parametrize(
    "first", ["", "nonsense", write_message(Ping(at=1.0)), b"\x01binary", write_message(make_hello(wire=9)),
              write_message(make_hello(slots=0))],
)  # fmt: skip
def test_the_first_word_is_a_good_hello(doors: Doors, first: str | bytes) -> None:
    """The reason is said in the closing frame."""
    with pytest.raises(ConnectionClosed) as caught:
        doors.say(first)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, bool(caught.value.rcvd.reason)) == (1008, True)


def test_a_builder_is_welcomed_with_what_the_hub_has_of_its_runs(doors: Doors) -> None:
    (frame,) = doors.say(write_message(make_hello("anvil", runs=(held(doors.run), held(10**6)))))
    welcome = read_message(frame, from_builder=False)
    assert isinstance(welcome, Welcome)
    assert [(one.run, one.held) for one in welcome.runs] == [(doors.run, True), (10**6, False)]


def test_another_builders_name_can_not_be_taken(doors: Doors) -> None:
    """S22."""
    with pytest.raises(ConnectionClosed, match="another builder's token"):
        doors.say(write_message(make_hello("anvil")), token="hwt_theirs")


def test_a_session_goes_on_by_itself(doors: Doors) -> None:
    address = f"ws{doors.url.removeprefix('http')}/api/v1/builder"
    with connect(address, additional_headers={"Authorization": "Bearer hwt_mine"}, proxy=None) as socket:
        socket.send(write_message(make_hello("anvil")))
        socket.recv(timeout=20)
        socket.send(write_message(Ping(at=5.0)))
        pong: Message = Ping(at=0.0)
        while isinstance(pong, Ping):  # the hub asks for a sign of life too
            pong = read_message(socket.recv(timeout=20), from_builder=False)
    assert isinstance(pong, Pong)
    assert pong.at == 5.0


@pytest.mark.parametrize("text", [None, "", "-1", "1.5", "one", "1" * 12])
def test_a_lease_is_a_number(text: str | None) -> None:
    with pytest.raises(MalformedError):
        read_number({} if text is None else {"x-hubwright-lease": text}, "x-hubwright-lease")


@pytest.mark.parametrize("path", ["", "/a", "..", "a/../b", "a\\b", "a\nb", "a\u202eb", "x" * 1001])
def test_paths_that_lead_elsewhere(path: str) -> None:
    with pytest.raises(UnprocessableError):
        check_path(path)


@pytest.mark.parametrize(
    ("path", "kept"), [("a", "a"), ("a//b", "a/b"), ("./a", "a"), ("dist/näme (1).zip", "dist/näme (1).zip")]
)
def test_paths_that_are_fine(path: str, kept: str) -> None:
    assert check_path(path) == kept


def test_a_builder_that_takes_nothing_holds_nobody_up(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen builder with full buffers: who tells it something waits a moment, then it counts as gone."""
    monkeypatch.setattr(door, "TAKEN_WITHIN", 0.3)
    address = f"ws{doors.url.removeprefix('http')}/api/v1/builder"
    headers = {"Authorization": "Bearer hwt_mine"}
    hello = write_message(make_hello(name="anvil", instance="of-anvil"))
    how: Any = {"proxy": None, "compression": None, "max_queue": 1, "close_timeout": 0}
    with connect(address, additional_headers=headers, **how) as socket:
        socket.send(hello)
        assert isinstance(socket.recv(timeout=20), str)
        session = doors.sessions._sessions["anvil"]
        loop = session.channel._serving._task.get_loop()  # type: ignore[attr-defined]
        told = asyncio.run_coroutine_threadsafe(_tell_without_end(session), loop).result(30)
        assert "does not take" in told[0]
        assert len(told) == 3
        until(lambda: not doors.sessions.names())


async def _tell_without_end(session: Session) -> list[str]:
    """Tell it more than all buffers hold, three at once; what each of the three heard at last, the first first."""
    told: list[str] = []

    async def tell() -> None:
        try:
            while True:
                await session.channel.send("x" * 100_000)
                await asyncio.sleep(0)
        except ConnectionError as error:
            told.append(str(error))

    async with asyncio.timeout(20):
        await asyncio.gather(tell(), tell(), tell())
        await session.channel.close("at once")
    return told
