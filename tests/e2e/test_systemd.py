"""A hub and a builder under systemd's protocol, and the units that are shipped."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from hub_process import HubProcess

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted([*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")])


def test_a_hub_tells_when_it_is_ready_that_it_lives_and_that_it_ends(folder: Path) -> None:
    """`systemctl start` returns when it answers; what it starts (its builder) says nothing in its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(folder / "notify"))
        heard.settimeout(60)
        hub = HubProcess(folder)
        hub.environment |= {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "400000"}
        with hub:
            words = [heard.recv(1000) for _ in range(5)]
            assert f"READY=1\nSTATUS=Listening at {hub.url}".encode() in words
            assert words.count(b"WATCHDOG=1") >= 3
            hub.stop()
        words = [heard.recv(1000)]
        while not words[-1].startswith(b"STOPPING=1"):
            words.append(heard.recv(1000))
        assert sum(b"READY=1" in word for word in words) == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_the_units(unit: Path, tmp_path: Path) -> None:
    """By systemd's own check, which knows every key; the program's place is a machine's own matter."""
    here = tmp_path / unit.name
    for one in UNITS:  # a timer's service is looked for beside it
        (tmp_path / one.name).write_text(one.read_text().replace("/opt/hubwright/bin/hubwright", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
