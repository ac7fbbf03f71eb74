"""Who is no builder of this run can neither read, tell nor keep anything of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from endless_recipe import endless
from fake_github import FakeGitHub
from hub_process import ADMIN, HubProcess, Make
from hubwright.wire import Do, Held, Hello, Message, Output, Result, Welcome, read_message, write_message, write_output
from separate_builder import builder_of, new_token


def hello(name: str, *held: Held) -> Hello:
    """What a builder says first; its platform gets it no run."""
    return Hello(wire=1, name=name, platform="nowhere", version="0", instance=f"instance of {name}", runs=held)


def talk(hub: HubProcess, token: str, scenario: Callable[[ClientConnection], Awaitable[None]]) -> None:
    """Do something over a builder's socket."""

    async def go() -> None:
        address = f"ws{hub.url.removeprefix('http')}/api/v1/builder"
        async with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
            await scenario(socket)

    asyncio.run(asyncio.wait_for(go(), 30))


async def say(socket: ClientConnection, *messages: Message) -> None:
    """Send messages."""
    for message in messages:
        await socket.send(write_message(message))


async def hear(socket: ClientConnection) -> Message:
    """The hub's next message."""
    return read_message(await socket.recv(), from_builder=False)


@pytest.mark.parametrize("token", ["", "hwt_unknown", ADMIN])
def test_without_a_builders_token_there_is_no_socket(hub: HubProcess, token: str) -> None:
    """Not even the administrator's token makes a builder."""

    async def nothing(_socket: ClientConnection) -> None:
        raise AssertionError("the door was open")

    with pytest.raises(InvalidStatus):
        talk(hub, token, nothing)


def test_a_builder_touches_only_the_run_it_holds(github: FakeGitHub, make: Make, folder: Path) -> None:
    """S22, S24: neither under its own name nor under another's, with the right lease or a stale one (CVE-2026-50141)."""
    repository = make(endless(folder))
    with HubProcess(folder, ("hub",), github=github) as hub:
        good, evil = new_token(hub, "good"), new_token(hub, "evil")
        with builder_of(hub, folder, "good", good):
            hub.deliver("push", repository.push_payload())
            run = hub.begun(repository, b"begun")
            number, lease = run["id"], 1
            log = hub.log(number)
            before = hub.count_rows()

            async def under_its_name(socket: ClientConnection) -> None:
                await say(socket, hello("evil", Held(run=number, lease=lease, seq=50, log=9)))
                welcome = await hear(socket)
                assert isinstance(welcome, Welcome)
                assert [known.held for known in welcome.runs] == [False]
                await say(socket, Result(run=number, lease=lease, seq=1, at=0.0, result="success"))
                await socket.send(write_output(Output(run=number, lease=lease, offset=0, data=b"forged")))
                for _ in range(2):
                    refused = await hear(socket)
                    assert isinstance(refused, Do)
                    assert (refused.order, refused.run) == ("drop", number)

            async def under_its_victims(socket: ClientConnection) -> None:
                await say(socket, hello("good", Held(run=number, lease=lease)))
                with pytest.raises(ConnectionClosed):
                    await hear(socket)

            talk(hub, evil, under_its_name)
            talk(hub, evil, under_its_victims)
            assert hub.log(number) == log
            assert hub.builds(repository)[0]["runs"][0]["state"] == "running"

            def put(path: str, token: str, lease: str) -> int:
                headers = {"Authorization": f"Bearer {token}", "X-Hubwright-Lease": lease}
                answer = hub.client.put(f"/api/v1/runs/{number}/artifacts/{path}", content=b"x", headers=headers)
                if answer.status_code != 404:
                    assert answer.headers["content-type"] == "application/problem+json"
                return answer.status_code

            assert put("a.txt", evil, "1") == 403
            assert put("a.txt", ADMIN, "1") == 403
            assert put("a.txt", good, "0") == 409
            assert put("a.txt", good, "2") == 409
            assert put("a.txt", good, "one") == 400
            for path in ("..%2F..%2Fevil", "a/..%2F..%2F..%2Fevil", "%2Fetc%2Fevil", "a%5C..%5Cevil", "a%0Ab", "%00"):
                assert put(path, good, "1") in {404, 422}, path
            after = hub.count_rows()
            assert {table: after[table] for table in ("run", "stage", "artifact", "test_case", "build")} == {
                table: before[table] for table in ("run", "stage", "artifact", "test_case", "build")
            }
            assert not list(folder.rglob("*evil"))
            assert not Path("/etc/evil").exists()

            (folder / "gate").touch()
            assert hub.finished(repository)[0]["result"] == "success"


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
