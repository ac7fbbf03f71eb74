"""Who is no builder of this run can neither read, tell nor keep anything of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from endless_recipe import endless
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import ADMIN, HubProcess, Make
from hubwright import wire
from separate_builder import builder_of, new_token


def hello(name: str, *held: wire.Held) -> wire.Hello:
    """What a builder says first; its platform gets it no run."""
    return wire.Hello(wire=1, name=name, platform="nowhere", version="0", instance=f"instance of {name}", runs=held)


def talk(hub: HubProcess, token: str, scenario: Callable[[ClientConnection], Awaitable[None]]) -> None:
    """Do something over a builder's socket."""

    async def go() -> None:
        address = f"ws{hub.url.removeprefix('http')}/api/v1/builder"
        async with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
            await scenario(socket)

    asyncio.run(asyncio.wait_for(go(), 30))


async def say(socket: ClientConnection, *messages: wire.Message) -> None:
    """Send messages."""
    for message in messages:
        await socket.send(wire.write_message(message))


async def hear(socket: ClientConnection) -> wire.Message:
    """The hub's next message that is no ping."""
    while isinstance(message := wire.read_message(await socket.recv(), from_builder=False), wire.Ping):
        pass
    return message


@pytest.mark.parametrize("token", ["", "hwt_unknown", ADMIN])
def test_without_a_builders_token_there_is_no_socket(hub: HubProcess, token: str) -> None:
    """Not even the administrator's token makes a builder."""

    async def nothing(_socket: ClientConnection) -> None:
        raise AssertionError("the door was open")

    with pytest.raises(InvalidStatus):
        talk(hub, token, nothing)


OWN = ("run", "stage", "artifact", "test_case", "build")
"""The tables that a run is in."""


@dataclass(frozen=True)
class Held:
    """A run that builder `good` is in the midst of."""

    hub: HubProcess
    number: int
    good: str
    evil: str
    repository: FakeRepository
    folder: Path


@pytest.fixture
def held(github: FakeGitHub, make: Make, folder: Path) -> Iterator[Held]:
    """A run that is held, which nobody else may touch: it is as it was, and ends well."""
    repository = make(endless(folder))
    with HubProcess(folder, ("hub",), github=github) as hub:
        good, evil = new_token(hub, "good"), new_token(hub, "evil")
        with builder_of(hub, folder, "good", good):
            hub.deliver("push", repository.push_payload())
            number = hub.begun(repository, b"begun")["id"]
            log, before = hub.log(number), hub.count_rows()
            yield Held(hub, number, good, evil, repository, folder)
            after = hub.count_rows()
            assert {table: after[table] for table in OWN} == {table: before[table] for table in OWN}
            assert hub.log(number) == log
            (build,) = hub.builds(repository)
            assert (build["runs"][0]["state"], build["runs"][0]["builder"]) == ("running", "good")
            (folder / "gate").touch()
            assert hub.finished(repository)[0]["result"] == "success"


def test_a_builder_tells_nothing_of_a_run_it_does_not_hold(held: Held) -> None:
    """S22, S24: neither under its own name nor under the other's, though it knows the lease (CVE-2026-50141)."""
    run = held.number

    async def under_its_name(socket: ClientConnection) -> None:
        await say(socket, hello("evil", wire.Held(run=run, lease=1, seq=50, log=9)))
        welcome = await hear(socket)
        assert isinstance(welcome, wire.Welcome)
        assert [known.held for known in welcome.runs] == [False]
        await say(socket, wire.Result(run=run, lease=1, seq=1, at=0.0, result="success"))
        await socket.send(wire.write_output(wire.Output(run=run, lease=1, offset=0, data=b"forged")))
        for _ in range(2):
            refused = await hear(socket)
            assert isinstance(refused, wire.Do)
            assert (refused.order, refused.run) == ("drop", run)

    async def under_the_others(socket: ClientConnection) -> None:
        await say(socket, hello("good", wire.Held(run=run, lease=1)))
        with pytest.raises(ConnectionClosed):
            await hear(socket)

    talk(held.hub, held.evil, under_its_name)
    talk(held.hub, held.evil, under_the_others)


def test_files_are_kept_only_by_the_holder_and_only_below_the_run(held: Held) -> None:
    """S22, S24, S26, S27: another's token, a stale lease and a path that leads elsewhere are refused."""

    def put(path: str, token: str, lease: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Hubwright-Lease": lease}
        address = f"/api/v1/runs/{held.number}/artifacts/{path}"
        answer = held.hub.client.put(address, content=b"x", headers=headers)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.status_code

    assert put("a.txt", held.evil, "1") == 403
    assert put("a.txt", ADMIN, "1") == 403
    assert put("a.txt", held.good, "0") == 409
    assert put("a.txt", held.good, "2") == 409
    assert put("a.txt", held.good, "one") == 400
    for path in ("..%2F..%2Fevil", "a/..%2F..%2F..%2Fevil", "%2Fetc%2Fevil", "a%5C..%5Cevil", "a%0Aevil", "%00evil"):
        assert put(path, held.good, "1") in {404, 422}, path  # 404: a line break is in no route
    assert not list(held.folder.rglob("*evil"))
    assert not Path("/etc/evil").exists()


@pytest.mark.parametrize(
    "frames",
    [["{"], ['["hello"]'], [b"\x00"], ["x" * 70_000], ['{"type":"result"}']],
    ids=["json", "list", "bytes", "long", "no-hello"],
)
def test_rubbish_ends_the_connection_and_nothing_else(hub: HubProcess, frames: list[str | bytes]) -> None:
    """S23: what a builder says is checked against the wire's types before anything believes it."""
    token = (hub.data / "builder-token").read_text().strip()

    async def rubbish(socket: ClientConnection) -> None:
        for frame in frames:
            await socket.send(frame)
        with pytest.raises(ConnectionClosed):
            await socket.recv()

    talk(hub, token, rubbish)
    assert hub.client.get("/readyz").status_code == 200
