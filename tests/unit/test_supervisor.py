"""What systemd is told, heard at a real datagram socket as its own manager has it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubwright.wiring.supervisor import Supervisor


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(10)
        yield heard


def test_a_program_tells_that_it_is_ready_and_that_it_ends(manager: socket.socket) -> None:
    """`Type=notify` waits for the first word; what is started later must not speak in its name."""
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "HOME": "/"}
    supervisor = Supervisor(environment)
    assert environment == {"HOME": "/"}
    supervisor.ready("Listening at http://127.0.0.1:1")
    assert manager.recv(1000) == b"READY=1\nSTATUS=Listening at http://127.0.0.1:1"
    supervisor.stopping()
    assert manager.recv(1000).startswith(b"STOPPING=1\n")


def test_names_in_the_abstract_space_are_reached() -> None:
    """Containers and systemd's user manager use them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0hubwright-{os.getpid()}")
        heard.settimeout(10)
        Supervisor({"NOTIFY_SOCKET": f"@hubwright-{os.getpid()}"}).ready("x")
        assert heard.recv(1000) == b"READY=1\nSTATUS=x"


def test_signs_of_life_come_at_half_the_time_that_systemd_waits(manager: socket.socket) -> None:
    """From the loop: one that hangs gives none."""
    wanted = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid())}
    supervisor = Supervisor(wanted)
    assert supervisor.interval == 0.02

    async def live() -> None:
        keeping = asyncio.create_task(supervisor.keep())
        for _ in range(3):
            assert await asyncio.to_thread(manager.recv, 1000) == b"WATCHDOG=1"
        keeping.cancel()

    asyncio.run(live())


@pytest.mark.parametrize(
    "wanted", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_there_are_no_signs(wanted: dict[str, str]) -> None:
    """Those of another process are not ours."""
    supervisor = Supervisor(dict(wanted))
    assert supervisor.interval is None
    asyncio.run(supervisor.keep())


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_where_nobody_listens_the_program_goes_on(address: str) -> None:
    """A hub started by hand, or whose manager has gone."""
    Supervisor({"NOTIFY_SOCKET": address}).ready("x")
