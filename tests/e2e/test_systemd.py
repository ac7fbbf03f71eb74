"""A hub under systemd's protocol, the units that are shipped, and these under a real systemd."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from separate_builder import new_token
from systemd_machine import SystemdMachine
from waiting import until

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


RECIPE = "stages:\n- wait: 'echo waits; sleep 4711 || echo goes on'\n"
"""It goes on when its `sleep` is ended."""

SHORTER = {"hubwright-hub": "[Service]\nWatchdogSec=3\n"}
READY = {
    "hubwright-hub": "Listening at",
    "hubwright-worker": "Doing waiting work",
    "hubwright-beat": "Reminding the workers",
    "hubwright-irc": "Being on IRC, or ready to take over",
    "hubwright-builder": "Working for",
}
"""What each says of itself once it is ready."""


@pytest.fixture
def hub(folder: Path, github: FakeGitHub, postgres_url: str, valkey_url: str) -> Iterator[HubProcess]:
    """What a hub is asked with that systemd starts."""
    wanted = {
        "DATABASE_URL": postgres_url, "BROKER_URL": valkey_url, "STORAGE_URL": "file:///var/lib/hubwright/storage",
        "IRC__SERVER": "127.0.0.1", "IRC__PORT": "9", "IRC__TLS": "off",
    }  # fmt: skip
    hub = HubProcess(folder, ("hub",), github=github, settings=wanted)
    yield hub
    hub.client.close()


def write_environment(variables: Mapping[str, str]) -> str:
    """As systemd reads it; the unit says where the data are."""
    own = {key: value for key, value in variables.items() if key.startswith("HUBWRIGHT_")}
    own.pop("HUBWRIGHT_DATA_DIR", None)
    return "".join(f"{key}={json.dumps(value)}\n" for key, value in own.items())


def check_ready(machine: SystemdMachine, unit: str) -> None:
    """`systemctl start` returns when the program has said so itself."""
    machine.call("systemctl", "start", unit)
    shown = machine.show(unit)
    assert (shown["ActiveState"], shown["NRestarts"]) == ("active", "0")
    assert shown["StatusText"].startswith(READY[unit])


def check_drained(machine: SystemdMachine, hub: HubProcess, make: Make) -> None:
    """`systemctl stop` of a builder waits for what runs."""
    repository = make({".hubwright.yml": RECIPE})
    hub.deliver("push", repository.push_payload())
    hub.begun(repository, b"waits\n", 60)
    machine.call("systemctl", "stop", "--no-block", "hubwright-builder")
    until(lambda: machine.show("hubwright-builder")["ActiveState"] == "deactivating", 30)
    machine.call("pkill", "--full", "^sleep 4711")  # of its process namespace
    (build,) = hub.finished(repository, seconds=60)
    assert build["result"] == "success", hub.log(build["runs"][0]["id"])
    check_stopped(machine, "hubwright-builder")


def check_stopped(machine: SystemdMachine, unit: str) -> None:
    until(lambda: machine.show(unit)["ActiveState"] == "inactive", 60, f"the end of {unit}")
    assert machine.show(unit)["Result"] == "success"


@pytest.mark.timeout(300)
def test_the_units_run_under_a_real_systemd(folder: Path, hub: HubProcess, make: Make) -> None:
    """As they are shipped, all walls included; only the watchdog of the hub is made quicker."""
    with SystemdMachine(folder, {"hubwright.env": write_environment(hub.environment)}, SHORTER) as machine:
        try:
            for unit in list(READY)[:-1]:
                check_ready(machine, unit)
            own = {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_BUILDER_TOKEN": new_token(hub, "one")}
            machine.write("builder.env", write_environment(own))
            check_ready(machine, "hubwright-builder")
            check_drained(machine, hub, make)
            frozen = machine.show("hubwright-hub")["MainPID"]
            machine.call("kill", "-STOP", frozen)
            until(lambda: machine.show("hubwright-hub")["NRestarts"] == "1", 60, "the watchdog")
            until(lambda: machine.show("hubwright-hub")["ActiveState"] == "active", 60, "the hub to be back")
            assert machine.show("hubwright-hub")["MainPID"] != frozen
            assert len(hub.builds()) == 1
            machine.call("systemctl", "stop", *list(READY)[:-1])
            for unit in list(READY)[:-1]:
                check_stopped(machine, unit)
        except BaseException as error:
            error.add_note(machine.said())
            raise
