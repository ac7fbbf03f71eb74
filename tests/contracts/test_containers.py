"""Containers of a real dockerd: the walls around stages, services beside them, and nothing left of either."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from builder_process import open_folder, scenario
from container_images import IMAGE
from hubwright.builder.executors import MARKER, Command, Executor, Furnishing, Furniture, Running
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.container_bodies import RUN_LABEL
from hubwright.builder.executors.container_calls import form_filter
from hubwright.builder.executors.daemon import Daemon, find_socket
from hubwright.builder.executors.terms import Containers, Policy, Terms
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import Limits
from hubwright.domain.recipe_values import Service
from hubwright.errors import ExecutorError, SettingsError
from servers import url_of

MEGABYTE = 1024 * 1024


SERVICES_WITHOUT_NETWORK = pytest.mark.parametrize("host", ["docker"], indirect=True)
"""Podman can't keep them from the machine's network and refuses them, which has a test of its own."""


@pytest.fixture(params=["docker", "podman"])
def host(request: pytest.FixtureRequest) -> str:
    """The daemon's address: every promise is kept with each."""
    return url_of(request.param)


@pytest.fixture
def policy(host: str) -> Policy:
    return Policy(network=False, containers=Containers(host=host))


@dataclass
class Place:
    """A workspace, an executor with containers, and what was said and written."""

    executor: Executor
    workspace: Workspace
    host: str
    said: list[str] = field(default_factory=list)
    output: bytearray = field(default_factory=bytearray)

    async def furnish(self, *services: Service, images: tuple[str, ...] = (IMAGE,)) -> None:
        assert isinstance(self.executor, Furnishing)
        await self.executor.furnish(self.workspace, Furniture(images=images, services=services), self.said.append)

    def start(self, script: str, image: str = IMAGE, **env: str) -> Running:
        command = Command(
            argv=("sh", "-c", script), env={**env, MARKER: self.workspace.marker}, directory=self.workspace.tree,
            image=image, network=False,
        )  # fmt: skip
        return self.executor.run(self.workspace, command, self.output.extend)

    async def run(self, script: str, **env: str) -> int:
        return await asyncio.wait_for(self.start(script, **env).finished, 20)

    @property
    def text(self) -> str:
        return self.output.decode()


def place_of(policy: Policy, folder: Path, terms: Terms, name: str = "run") -> Iterator[Place]:
    executor, _ = choose_executor("container", (folder,), policy)
    root = folder / name
    objects = folder / "objects"
    objects.mkdir(exist_ok=True)
    workspace = Workspace(root=root, tree=root / "tree", marker=f"test-{os.getpid()}-{root.name}-{folder.name}")
    workspace.make()
    executor.prepare(replace(workspace, objects=objects), terms)
    host = policy.containers.host
    assert host is not None
    place = Place(executor, replace(workspace, objects=objects), host)
    yield place
    executor.destroy(workspace)
    workspace.remove()
    assert containers_of(place) == []


def containers_of(place: Place) -> list[str]:
    """Containers and networks that the daemon has of a run, as another client tells."""
    host = ["docker", "-H", place.host]
    label = f"label={RUN_LABEL}={place.workspace.marker}"
    found = subprocess.run([*host, "ps", "-aq", "-f", label], capture_output=True, text=True, check=True).stdout
    networks = subprocess.run(
        [*host, "network", "ls", "-q", "-f", label], capture_output=True, text=True, check=True
    ).stdout
    return [*found.split(), *networks.split()]


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture
def place(policy: Policy, folder: Path) -> Iterator[Place]:
    yield from place_of(policy, folder, Terms())


@scenario
async def test_a_stage_has_no_powers_and_sees_nothing_of_the_machine(place: Place) -> None:
    """S14, S41: neither root nor capabilities, no device, no socket of the daemon, no network, nobody's files."""
    await place.furnish()
    objects = place.workspace.objects
    assert objects is not None
    await asyncio.to_thread((objects / "pack").write_text, "objects")
    await place.run(
        "id -u; grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status\n"
        "cat /etc/shadow; ls /var/run/docker.sock /run/docker.sock /work /root; ls /proc | grep -c '^[0-9]*$'\n"
        f"mknod /tmp/sda b 8 0; mount -t tmpfs x /tmp; touch {objects}/new /bin/new\n"
        f"cat {objects}/pack; echo; ls /sys/class/net; kill -0 {os.getpid()}; :"
    )
    lines = place.text.splitlines()

    assert int(lines[0]) >= 1000 or os.geteuid() != 0
    assert [line.split()[1] for line in lines[1:6]] == ["0000000000000000"] * 3 + ["1", "2"]
    assert place.text.count("No such file") >= 4
    assert "secret-of-the-image" not in place.text
    assert int(next(line for line in lines if line.isdigit() and line != lines[0])) < 8
    assert sum("ermission denied" in line or "Read-only" in line or "not permitted" in line for line in lines) >= 4
    assert lines[-3:] == ["objects", "lo", f"sh: can't kill pid {os.getpid()}: No such process"]
    assert os.listdir(objects) == ["pack"]  # noqa: PTH208  Path would block the loop


@scenario
async def test_bytes_come_as_they_were_written(place: Place) -> None:
    """The terminal's own carriage returns are taken away, those of the program stay; so do bytes that are no UTF-8."""
    await place.furnish()
    await place.run(r"printf 'a\nb\r\n50%%\r60%%\r\r\n\377\000z\r'")

    assert bytes(place.output) == b"a\nb\r\n50%\r60%\r\r\n\xff\x00z\r"


@scenario
async def test_secrets_go_through_the_api(place: Place) -> None:
    """S14: `docker run -e` on a command line was seen by all and quoted wrongly; any value arrives as it is."""
    await place.furnish()
    value = "in the environment'\"$(id)\\n\n=x"
    running = place.start('printf %s "$TOKEN" > token; echo ready; sleep 60', TOKEN=value)
    await until(lambda: "ready" in place.text)
    listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
    await running.kill(0)

    assert "in the environment" not in listing
    assert (place.workspace.tree / "token").read_text() == value


@scenario
async def test_a_cancelled_stage_is_gone_within_seconds(place: Place) -> None:
    """The whole tree, whatever it ignores and wherever it went; also when the container has hardly begun."""
    await place.furnish()
    running = place.start("trap '' TERM; setsid sleep 1234 & echo ready; while :; do sleep 1; done")
    await until(lambda: "ready" in place.text)
    began = time.monotonic()
    await running.kill(0.3)
    early = place.start("sleep 1234")
    await early.kill(0.3)

    assert time.monotonic() - began < 30
    assert running.finished.result() == 137
    assert early.finished.done()
    assert containers_of(place) == []


@SERVICES_WITHOUT_NETWORK
@scenario
async def test_a_service_is_reached_by_its_name_when_it_is_ready(place: Place) -> None:
    """Also by stages without network, which do not reach this machine by it: Docker's internal networks lead there.

    A second service asks the first. Nothing of them is left (see the fixture).
    """
    serve = "sleep 1; mkdir /tmp/www; echo pong > /tmp/www/ping; touch /tmp/up; exec httpd -f -p 8080 -h /tmp/www"
    web = Service(
        name="web", image=IMAGE, command=serve, ready="wget -q -O - http://localhost:8080/ping", env={"A": "b"}
    )
    front = Service(
        name="front", image=IMAGE, command="exec sleep 600", ready="wget -q -O /dev/null http://web:8080/ping"
    )
    await place.furnish(web, front)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "0.0.0.0", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        gate = "G=$(ip route | awk '/default/ {print $3}')"
        reach = f"nc -w 1 $G {port} </dev/null || echo cut off"
        code = await place.run(f"wget -q -O - http://web:8080/ping; {gate}; {reach}")

    assert (code, place.text.replace("nc: timed out\n", "")) == (0, "pong\ncut off\n")
    assert place.said[-2:] == ["Service web is ready.", "Service front is ready."]


@SERVICES_WITHOUT_NETWORK
@scenario
async def test_a_service_is_its_own_runs_only(place: Place, policy: Policy, folder: Path) -> None:
    """Two runs at a time have services of the same name and port, and do not meet."""
    await place.furnish(Service(name="db", image=IMAGE, command="echo one | nc -l -p 99"))
    other = next(others := place_of(policy, folder, Terms(), "other"))
    await other.furnish(Service(name="db", image=IMAGE, command="echo two | nc -l -p 99"))
    assert await other.run("nc db 99") == 0
    assert await place.run("nc db 99") == 0
    list(others)

    assert (place.text, other.text) == ("one\n", "two\n")


@SERVICES_WITHOUT_NETWORK
@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (Service(name="db", image=IMAGE, command="echo no room >&2; exit 3"), "ended with exit code 3"),
        (
            Service(name="db", image=IMAGE, command="echo no room; sleep 60", ready="false", ready_timeout=1),
            "within 1 s",
        ),
    ],
)
@scenario
async def test_a_service_that_fails_shows_what_it_said(place: Place, service: Service, problem: str) -> None:
    service = replace(service, ready=service.ready or "sleep 1; false")
    with pytest.raises(ExecutorError, match=problem):
        await place.furnish(service)

    assert "db: no room" in place.said


@SERVICES_WITHOUT_NETWORK
@scenario
async def test_waiting_for_a_service_can_be_cancelled(place: Place) -> None:
    """A cancelled run must not wait for a database that never comes."""
    task = asyncio.create_task(
        place.furnish(Service(name="db", image=IMAGE, command="exec sleep 60", ready="sleep 60"))
    )
    await until(lambda: len(containers_of(place)) == 2)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(place.executor.destroy, place.workspace)

    assert time.monotonic() - began < 30


@SERVICES_WITHOUT_NETWORK
@scenario
async def test_services_do_not_start_as_root(place: Place) -> None:
    """Unless the builder says so; the image's own user here is root."""
    await place.furnish(
        Service(name="db", image=IMAGE, command="id -u > /tmp/u; exec sleep 60", ready="! grep -x 0 /tmp/u")
    )

    assert "Service db is ready." in place.said


@pytest.mark.parametrize("host", ["podman"], indirect=True)
@scenario
async def test_podman_refuses_services_that_it_can_not_wall_off(place: Place) -> None:
    """Before anything is started."""
    with pytest.raises(ExecutorError, match="With Podman a stage beside services can't be kept"):
        await place.furnish(Service(name="db", image=IMAGE, command="exec sleep 60"))

    assert containers_of(place) == []


class TestBounds:
    @pytest.fixture
    def place(self, policy: Policy, folder: Path) -> Iterator[Place]:
        ceiling = replace(policy, limits=Limits(memory=64 * MEGABYTE, pids=40))
        yield from place_of(ceiling, folder, Terms(limits=Limits(memory=10**12, pids=10**5)))

    @scenario
    async def test_memory_and_processes_are_bounded_by_the_builder(self, place: Place) -> None:
        """A recipe gets no more than the builder allows, whatever it asks for."""
        await place.furnish()
        await place.run("i=0; while [ $i -lt 80 ]; do sleep 5 & i=$((i+1)); done; echo all")
        assert "can't fork" in place.text
        assert await place.run("tail -c 200m /dev/zero | wc -c") != 0 or "200" not in place.text.splitlines()[-1]
        assert await place.run("head -c 200m /dev/zero > /tmp/big") != 0

        if "podman" not in place.host:  # which does not always tell
            assert place.executor.spent(place.workspace).oom_kills >= 1


class TestBoundsOfAll:
    """What a builder allows holds for the sum of a stage and its services, where their daemon takes our groups."""

    @pytest.fixture
    def host(self) -> str:
        return url_of("docker")

    @pytest.fixture
    def place(self, policy: Policy, folder: Path) -> Iterator[Place]:
        yield from place_of(replace(policy, limits=Limits(memory=128 * MEGABYTE, pids=60)), folder, Terms())

    @scenario
    async def test_a_stage_and_its_service_share_memory_and_processes(self, place: Place) -> None:
        """Each alone would fit; nothing is left of the groups (in any hierarchy), which the daemon has made."""
        eat = "head -c 80m /dev/zero > /tmp/big"
        hold = "i=0; while [ $i -lt 40 ]; do sleep 600 & i=$((i+1)); done; touch /tmp/up; wait"
        service = Service(name="db", image=IMAGE, command=f"{eat}; {hold}", ready="test -e /tmp/up")
        await place.furnish(service)
        assert await place.run(eat) != 0
        await place.run("i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i+1)); done; echo all")
        await asyncio.to_thread(place.executor.destroy, place.workspace)

        assert "can't fork" in place.text
        left = subprocess.run(  # noqa: ASYNC221
            ["find", "/sys/fs/cgroup", "-name", f"*{place.workspace.marker}*"], capture_output=True, check=False
        )
        assert left.stdout == b""


class TestImages:
    @scenario
    async def test_one_that_is_not_there_is_told(self, place: Place) -> None:
        """Which image, and why; nothing listens at port 1."""
        with pytest.raises(ExecutorError, match=r"can't be pulled: .*127.0.0.1:1"):
            await place.furnish(images=("127.0.0.1:1/none:1",))
        assert place.said == ["▶ pull 127.0.0.1:1/none:1"]

    @scenario
    async def test_the_one_that_was_used_is_told(self, place: Place) -> None:
        """A tag may be another image tomorrow."""
        await place.furnish()
        assert place.said[0].startswith(f"Image {IMAGE}: sha256:")

    @scenario
    async def test_a_builder_may_pull_none(self, policy: Policy, folder: Path) -> None:
        closed = replace(policy, containers=replace(policy.containers, pull="never"))
        for place in place_of(closed, folder, Terms()):
            with pytest.raises(ExecutorError, match="which pulls none"):
                await place.furnish(images=("absent:1",))

    @scenario
    async def test_one_without_a_shell_is_told(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no shell")
        subprocess.run(  # noqa: ASYNC221
            f"tar -C {tmp_path} -c file | docker -H {place.host} import - hubwright-bare:1",
            shell=True, check=True, capture_output=True,
        )  # fmt: skip
        await place.furnish(images=("hubwright-bare:1",))
        with pytest.raises(ExecutorError, match="its image has no /bin/sh"):
            await place.start("true", "hubwright-bare:1").finished

    @scenario
    async def test_a_stage_without_one_needs_a_builder_with_one(self, place: Place) -> None:
        """A builder of containers only never runs a stage outside of them."""
        await place.furnish()
        command = Command(argv=("true",), env={}, directory=place.workspace.tree)
        with pytest.raises(ExecutorError, match="give the recipe an `image`"):
            place.executor.run(place.workspace, command, place.output.extend)


@SERVICES_WITHOUT_NETWORK
@scenario
async def test_a_sweep_takes_what_dead_builders_left_and_nothing_else(
    place: Place, policy: Policy, folder: Path
) -> None:
    """By the beginning of the marker: another builder at the same daemon keeps its runs."""
    other = next(others := place_of(policy, folder, Terms(), "zzz"))
    await place.furnish(Service(name="db", image=IMAGE, command="exec sleep 600"))
    await other.furnish(Service(name="db", image=IMAGE, command="exec sleep 600"))
    fresh, _ = choose_executor("container", (folder,), policy)
    await asyncio.to_thread(fresh.sweep, place.workspace.marker[:-1])

    assert containers_of(place) == []
    assert len(containers_of(other)) == 2
    list(others)


def test_a_daemon_that_is_away_is_one_sentence(folder: Path) -> None:
    """For who asked for containers; who takes what there is has the sandbox."""
    away = Policy(containers=Containers(host=f"unix://{folder}/nobody.sock"))
    with pytest.raises(SettingsError, match=r"There can be no containers: The container daemon at .* does not answer"):
        choose_executor("container", (folder,), away)
    assert not isinstance(choose_executor("auto", (folder,), away)[0], Furnishing)


def test_a_daemon_on_another_machine_is_refused() -> None:
    with pytest.raises(ExecutorError, match=r"only unix:///"):
        find_socket("tcp://10.0.0.1:2375")


@SERVICES_WITHOUT_NETWORK
def test_what_is_sent_asks_for_nothing_of_the_machine(place: Place) -> None:
    """S41: no privileges, host namespaces, devices or ports, as the daemon itself tells."""

    async def look() -> str:
        await place.furnish(Service(name="db", image=IMAGE, command="exec sleep 60"))
        running = place.start("sleep 60")
        await until(lambda: running.pid > 0)
        return running.finished.get_name()

    async def inspect() -> list[dict[str, dict[str, object]]]:
        await look()
        daemon = Daemon(find_socket(place.host))
        filters = json.dumps({"label": [f"{RUN_LABEL}={place.workspace.marker}"]})
        found = await asyncio.to_thread(daemon.ask, "GET", "/containers/json", params={"filters": filters})
        return [await asyncio.to_thread(daemon.ask, "GET", f"/containers/{one['Id']}/json") for one in found]

    hosts = [one["HostConfig"] for one in asyncio.run(inspect())]
    assert len(hosts) == 2
    for host in hosts:
        assert (host["Privileged"], host["CapDrop"], host["CapAdd"]) == (False, ["ALL"], None)
        assert (host["PidMode"], host["UTSMode"], host["IpcMode"]) == ("", "", "private")
        assert not host["Devices"]
        assert not host["PortBindings"]
        assert not host["Binds"]
        assert host["NetworkMode"].startswith("hubwright-")  # type: ignore[attr-defined]
        assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={form_filter()}"]


async def until(holds: object) -> None:
    """Wait until it is true, at most 15 s."""
    assert callable(holds)
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  other processes tell nobody
            await asyncio.sleep(0.05)
