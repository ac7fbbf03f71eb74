"""The installation that is broken: every part a process of its own, on servers of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from chaos.balancer import Balancer
from chaos.network import Network, Way, make_network
from chaos.programs import Own, Part, Server, Supervisor, make_valkey
from fake_github import FakeGitHub
from full_disk import MB, disk_at
from hub_process import ADMIN, HubProcess, Program
from hubwright.hub.sealing import make_key
from machine_processes import kill_leftovers
from s3_server import BUCKET, s3_environment, start_seaweedfs
from separate_builder import new_token
from server_programs import Processes, free_block, free_port, make_postgresql, postgresql_binaries, start_postgresql
from waiting import until

BUILDERS, SLOTS = 3, 3
LOST_AFTER = 12.0
"""Seconds of silence after which a builder is lost: the usual 300 would make each such fault last as long."""

HUB_DISK, BUILDER_DISK = 64 * MB, 48 * MB
"""Bytes of the file systems for open logs of the first hub, and of the last builder."""

QUICK = {
    "BUILDERS__HEARTBEAT": "1", "BUILDERS__SEEN_EVERY": "2", "BUILDS__LOST_AFTER": str(LOST_AFTER),
    "GITHUB__HEAL_INTERVAL": "10", "GITHUB__POLL_INTERVAL": "10", "BUILDS__COMMITS": "each",
    "ARTIFACTS__DIRECT": "false", "LOG__FORMAT": "json",
}  # fmt: skip


@dataclass
class Installation:
    """All parts by name. `ways` lead from the builders; `disks` are small file systems that can be full."""

    folder: Path
    github: FakeGitHub
    balancer: Balancer
    network: Network
    hubs: list[HubProcess]
    parts: dict[str, Part]
    ways: dict[str, Way]
    disks: dict[str, Path]
    database_url: str
    client: httpx2.Client

    @property
    def hook(self) -> str:
        """Where GitHub delivers."""
        return f"{self.balancer.url}/hooks/github"

    @property
    def copies(self) -> Path:
        """Where builds keep what they print."""
        return self.folder / "copies"

    def own(self, name: str) -> Own:
        """A part that is a program of Hubwright."""
        part = self.parts[name]
        assert isinstance(part, Own)
        return part


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Everything runs and is ready; nothing is left afterwards."""
    with ExitStack() as stack:
        network = make_network()
        stack.callback(network.close)
        github = stack.enter_context(FakeGitHub(host=network.host))
        servers, settings = _start_servers(folder, stack)
        hubs = [HubProcess(folder / name, ("hub",), github=github, name=name) for name in ("hub-1", "hub-2")]
        balancer = Balancer(network.host, [hub.port for hub in hubs])
        stack.callback(balancer.close)
        for hub in hubs:
            stack.callback(hub.client.close)
        stack.callback(kill_leftovers, folder)
        settings |= {**QUICK, "PUBLIC_URL": balancer.url, "SECRETS__KEYS": make_key()}
        disks = _make_disks(folder, stack)
        parts = dict(servers)
        for hub in hubs:
            parts[hub.name] = _make_hub(hub, settings, first=hub is hubs[0])
        for name in ("worker", "beat"):
            parts[name] = _make_helper(folder, name, hubs[0], settings)
        for part in parts.values():
            stack.callback(part.kill)
        for part in list(parts.values())[len(servers) :]:
            part.start()
        until(lambda: all(hub.is_ready() for hub in hubs), 90, "both hubs to be ready")
        client = httpx2.Client(
            base_url=balancer.url, timeout=10, trust_env=False, headers={"Authorization": f"Bearer {ADMIN}"}
        )
        stack.callback(client.close)
        ways: dict[str, Way] = {}
        for number in range(1, BUILDERS + 1):
            name = f"builder-{number}"
            ways[name] = network.way(balancer.port)
            parts[name] = _make_builder(folder, hubs[0], balancer.port, name, ways[name])
            stack.callback(parts[name].kill)
            parts[name].start()
        until(lambda: _count_builders(hubs[0]) == BUILDERS, 60, "all builders to be there")
        (folder / "copies").mkdir()
        (folder / "copies").chmod(0o777)
        stack.enter_context(Supervisor([part for part in parts.values() if isinstance(part, Own)]))
        yield Installation(
            folder, github, balancer, network, hubs, parts, ways, disks, settings["DATABASE_URL"], client
        )  # fmt: skip


def _start_servers(folder: Path, stack: ExitStack) -> tuple[dict[str, Server], dict[str, str]]:
    """PostgreSQL, Valkey and SeaweedFS, and the settings that lead there."""
    binaries, port = postgresql_binaries()[0], free_port()
    database = Server(folder / "postgresql", partial(_start_postgresql, binaries, port))
    make_postgresql(folder / "postgresql", binaries)
    valkey, broker_url = make_valkey(folder / "valkey")
    block = free_block()
    store = Server(folder / "seaweedfs", lambda processes: start_seaweedfs(processes, block))
    servers = {"postgresql": database, "valkey": valkey, "seaweedfs": store}
    for server in servers.values():
        stack.callback(server.kill)
        server.start()
    os.environ |= s3_environment(f"http://127.0.0.1:{block}")
    return servers, {
        "DATABASE_URL": f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres",
        "BROKER_URL": broker_url,
        "STORAGE_URL": f"s3://{BUCKET}/chaos",
    }


def _start_postgresql(binaries: Path, port: int, processes: Processes) -> None:
    (processes.folder / "data" / "postmaster.pid").unlink(missing_ok=True)  # of a life that was killed
    start_postgresql(processes, binaries, port)


def _make_hub(hub: HubProcess, settings: Mapping[str, str], *, first: bool) -> Own:
    hub.settings |= settings
    hub.environment |= {f"HUBWRIGHT_{key}": value for key, value in settings.items()}
    hub.data.mkdir(exist_ok=True)
    if first:
        hub.make_tables()
    return Own(hub)


def _make_helper(folder: Path, name: str, hub: HubProcess, settings: Mapping[str, str]) -> Own:
    own = {**hub.settings, **settings, "DATA_DIR": str(folder / name / "data")}
    program = Program(folder / name, name, (name,), {f"HUBWRIGHT_{key}": value for key, value in own.items()})
    return Own(program)


def _make_disks(folder: Path, stack: ExitStack) -> dict[str, Path]:
    """Small file systems for the open logs of one hub, and for one builder, where we may have some."""
    if os.geteuid() != 0:
        return {}
    logs, work = folder / "hub-1" / "data" / "logs", folder / "builder-3" / "work"
    wanted = {"hub-1": (logs, HUB_DISK), "builder-3": (work, BUILDER_DISK)}
    return {name: stack.enter_context(disk_at(*where)) for name, where in wanted.items()}


def _make_builder(folder: Path, hub: HubProcess, port: int, name: str, way: Way) -> Own:
    work, url = folder / name / "work", way.url(port)
    options = ("--hub", url, "--name", name, "--executor", "process", "--work-dir", str(work), "--slots", str(SLOTS))
    environment = {"HUBWRIGHT_BUILDER_TOKEN": new_token(hub, name)}
    program = Program(folder / name, name, ("builder", *options), environment, way.prefix)
    return Own(program)


def _count_builders(hub: HubProcess) -> int:
    return len(hub.get("builders")["items"])
