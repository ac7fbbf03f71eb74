"""What every executor promises, tried on each that this machine can have; and the walls of the sandbox."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from builder_process import is_alive, open_folder, scenario
from container_images import IMAGE
from hubwright.builder.executors import MARKER, Command, Executor, Furnishing, Furniture, Running
from hubwright.builder.executors.bubblewrap import BubblewrapExecutor
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.process import ProcessExecutor
from hubwright.builder.executors.terms import Containers, Policy, Terms
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError, SettingsError
from servers import url_of

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Place:
    """A workspace and an executor, and what the commands wrote."""

    executor: Executor
    workspace: Workspace
    output: bytearray = field(default_factory=bytearray)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, script: str, **env: str) -> Running:
        command = Command(
            argv=("sh", "-eu", "-c", script),
            env={"PATH": PATH, MARKER: self.workspace.marker, **env},
            directory=self.workspace.tree,
        )
        return self.executor.run(self.workspace, command, self._take)

    async def run(self, script: str, **env: str) -> int:
        return await asyncio.wait_for(self.start(script, **env).finished, 20)

    async def until_written(self, text: bytes) -> None:
        async with asyncio.timeout(30):
            while text not in self.output:
                self.written.clear()
                await self.written.wait()

    def _take(self, data: bytes) -> None:
        self.output += data
        self.written.set()


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


def place_of(executor: Executor, folder: Path) -> Iterator[Place]:
    workspace = Workspace(root=folder / "run", tree=folder / "run" / "tree", marker=f"test-{os.getpid()}-{folder.name}")
    workspace.make()
    executor.prepare(workspace, Terms())
    if isinstance(executor, Furnishing):
        asyncio.run(executor.furnish(workspace, Furniture(), lambda _: None))
    yield Place(executor, workspace)
    executor.destroy(workspace)
    workspace.remove()


@pytest.fixture(params=["process", "auto", "docker", "podman"])
def place(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """The plain executor, the best that this machine can have (mostly the sandbox), and containers of either kind."""
    policy = Policy()
    name = request.param
    if name in {"docker", "podman"}:
        policy = Policy(network=False, containers=Containers(host=url_of(name), image=IMAGE))
        name = "container"
    yield from place_of(choose_executor(name, (folder,), policy)[0], folder)


@pytest.fixture
def sandbox(folder: Path) -> Iterator[Place]:
    executor, warning = choose_executor("bubblewrap", (folder,), Policy(network=False))
    assert isinstance(executor, BubblewrapExecutor), warning
    yield from place_of(executor, folder)


class TestEveryExecutor:
    @scenario
    async def test_output_comes_in_the_order_written_through_a_terminal(self, place: Place) -> None:
        """stdout and stderr are one stream, bytes stay as they are, and programs see a terminal."""
        code = await place.run("echo out; echo err >&2; printf 'a\\tb\\n'; [ -t 1 ]; [ -t 2 ]; stty size <&1")

        assert code == 0
        assert bytes(place.output) == b"out\nerr\na\tb\n40 120\n"

    @scenario
    async def test_exit_codes_and_signals_are_told(self, place: Place) -> None:
        """128 + N is what shells say of signal N."""
        assert await place.run("exit 42") == 42
        assert await place.run("kill -9 $$") == 137

    @scenario
    async def test_standard_input_is_empty(self, place: Place) -> None:
        """A prompt gets an end of file instead of waiting for ever."""
        assert await place.run("read answer || echo nothing") == 0
        assert bytes(place.output) == b"nothing\n"

    @scenario
    async def test_the_environment_is_the_commands_own(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """S25: what the builder's process has in its environment stays there."""
        monkeypatch.setenv("CANARY", "of the builder")
        await place.run("env", GIVEN="yes")
        names = {line.partition(b"=")[0] for line in bytes(place.output).splitlines()}

        of_images = {b"HOME", b"TERM", b"OF_THE_IMAGE", b"container"} if place.executor.name == "container" else set()
        assert names - {b"PWD", b"_", b"SHLVL", b"OLDPWD"} - of_images == {b"PATH", b"GIVEN", MARKER.encode()}

    @scenario
    async def test_files_are_made_in_the_workspace(self, place: Place) -> None:
        """The tree is where the command starts, and it may write there."""
        assert await place.run("pwd; echo x > made") == 0
        assert (place.workspace.tree / "made").read_text() == "x\n"
        assert bytes(place.output).decode().strip() == str(place.workspace.tree)

    @scenario
    async def test_kill_ends_a_process_that_ignores_sigterm(self, place: Place) -> None:
        """First asked, then forced, and done within the grace and a little."""
        running = place.start("trap '' TERM; echo ready; while :; do sleep 0.1; done")
        await place.until_written(b"ready")
        await asyncio.wait_for(running.kill(0.3), 20)

        assert running.finished.result() in {137, 143, 128 + signal.SIGKILL}
        assert not is_alive(running.pid)

    @scenario
    async def test_processes_in_the_background_end_with_their_command(self, place: Place) -> None:
        """Otherwise a stage would never end: they hold its terminal open."""
        running = place.start("sleep 600 & sleep 600 & echo started")
        assert await asyncio.wait_for(running.finished, 20) == 0
        assert bytes(place.output) == b"started\n"

    @scenario
    async def test_destroy_finds_what_left_the_process_group(self, place: Place) -> None:
        """A daemon with a session of its own does not outlive its run."""
        program = f"sleep 600.{os.getpid()}"
        await place.run(f"setsid sh -c 'exec {program}' & sleep 0.2")
        await asyncio.to_thread(place.executor.destroy, place.workspace)
        listing = subprocess.run(["ps", "-wweo", "stat,args"], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221

        assert not [line for line in listing.splitlines() if program in line and not line.startswith("Z")]

    @scenario
    async def test_a_program_that_is_not_there_is_no_surprise(self, place: Place) -> None:
        """An error of the builder's, not the code's failure."""
        command = Command(argv=("no-such-program",), env={"PATH": PATH}, directory=place.workspace.tree)
        with pytest.raises(ExecutorError, match=r"can't be started|could not be started"):
            await place.executor.run(place.workspace, command, place.output.extend).finished

    @scenario
    async def test_ten_megabytes_arrive_whole(self, place: Place) -> None:
        """No byte of fast output is lost at the end, and it is fast."""
        assert await place.run("head -c 10000000 /dev/zero") == 0
        assert len(place.output) == 10_000_000


class TestSandbox:
    @scenario
    async def test_what_is_roots_stays_unread(self, sandbox: Place) -> None:
        """The trap of sandboxes that root starts: neither shadow nor root's home nor other folders are there."""
        script = "cat /etc/shadow; ls /root; ls -d /home/*; cat /proc/1/environ | grep -a CANARY; ls /work /srv; :"
        await sandbox.run(f"set +e; {script}")
        for line in bytes(sandbox.output).splitlines():
            assert b"No such file" in line or b"cannot" in line or b"denied" in line, line

    @scenario
    async def test_the_user_is_not_root_and_has_no_powers(self, sandbox: Place) -> None:
        """Also seen from outside: the process on the machine is the build user's."""
        running = sandbox.start("id -u; grep -E '^Cap(Eff|Bnd|Prm)|NoNewPrivs' /proc/self/status; echo; sleep 600")
        await sandbox.until_written(b"\n\n")
        lines = bytes(sandbox.output).decode().split()
        owner = Path(f"/proc/{running.pid}").stat().st_uid  # noqa: ASYNC240  proc
        await running.kill(0.1)

        assert lines[0] != "0" or os.geteuid() != 0
        assert owner != 0 or os.geteuid() != 0
        assert lines[-1] == "1"
        assert set(lines[2:-2:2]) == {"0000000000000000"}

    @scenario
    async def test_other_processes_are_out_of_sight(self, sandbox: Place) -> None:
        """S42: a build can neither see nor signal what is not its own."""
        await sandbox.run(f"ls /proc | grep -c '^[0-9]'; kill -0 {os.getpid()} || echo unseen")
        count, *rest = bytes(sandbox.output).split(b"\n", 1)

        assert int(count) < 8
        assert b"unseen" in rest[0]

    @scenario
    async def test_only_the_workspace_can_be_written(self, sandbox: Place) -> None:
        """Not the system, and not the folder beside."""
        await sandbox.run("touch /usr/x /etc/x ../../x /x 2>&1 | grep -v -i -E 'read-only|denied' || echo safe")

        assert not (sandbox.workspace.root.parent / "x").exists()
        assert not Path("/usr/x").exists()  # noqa: ASYNC240
        assert not Path("/etc/x").exists()  # noqa: ASYNC240

    @scenario
    async def test_without_network_nothing_answers(self, sandbox: Place) -> None:
        """Also not the hub on this machine's loopback."""
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            script = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo reached || echo unreachable"
            await sandbox.run(script)

        assert bytes(sandbox.output) == b"unreachable\n"

    @scenario
    async def test_a_sandbox_that_does_not_start_is_our_error(self, sandbox: Place) -> None:
        """Not the code's failure; a command that ends with 1 by itself is."""
        assert await sandbox.run("exit 1") == 1
        lost = Command(argv=("true",), env={}, directory=sandbox.workspace.root / "gone")
        running = sandbox.executor.run(sandbox.workspace, lost, sandbox.output.extend)
        with pytest.raises(ExecutorError, match="sandbox"):
            await running.finished
        await running.kill(0)

    @scenario
    async def test_the_machines_small_files_are_there_to_read_and_not_to_change(self, sandbox: Place) -> None:
        """They are copies that the build's user owns: what keeps them as they are is that their folder is read-only."""
        shutil.copy("/etc/passwd", sandbox.workspace.tree / "wanted")
        assert await sandbox.run("cmp /etc/passwd wanted") == 0
        assert await sandbox.run("echo evil:x:0:0::/:/bin/sh >> /etc/passwd") != 0
        assert await sandbox.run("rm -f /etc/passwd") != 0

    @scenario
    async def test_nothing_of_a_sandbox_waits_for_somebody_to_take_its_exit_code(self, sandbox: Place) -> None:
        """Its user would still run something: the next run would look through all processes for it, twice."""
        owner = sandbox.workspace.root.stat().st_uid
        assert [await sandbox.run("true"), await sandbox.run("true")] == [0, 0]
        await asyncio.to_thread(sandbox.executor.destroy, sandbox.workspace)

        children = psutil.Process().children()  # ours alone: the user is free, and tests beside this one may have it
        assert [child for child in children if owner == child.uids().real != os.geteuid()] == []

    def test_the_sandbox_that_is_tried_first_leaves_nothing_behind(self, folder: Path) -> None:
        """The first run gets the same user, and would look through all processes for what that still runs."""
        before = set(psutil.Process().children())
        assert choose_executor("bubblewrap", (folder,), Policy())[1] is None
        assert set(psutil.Process().children()) <= before

    @scenario
    async def test_secrets_are_not_in_the_process_list(self, sandbox: Place) -> None:
        """The sandbox's options hold the environment; they go through a file."""
        running = sandbox.start("echo ready; sleep 600", TOKEN="in-the-environment")
        await sandbox.until_written(b"ready")
        listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
        await running.kill(0.1)

        assert "in-the-environment" not in listing

    @scenario
    async def test_variables_of_the_build_do_not_reach_the_sandboxs_own_programs(self, sandbox: Place) -> None:
        """LD_PRELOAD of a recipe would else run as root before the user is dropped."""
        await sandbox.run(
            "cat /proc/self/environ | tr '\\0' '\\n' | grep LD_", LD_DEBUG_OUTPUT="/nowhere", LD_DEBUG="files"
        )

        assert b"LD_DEBUG=files" in sandbox.output
        assert not list(sandbox.workspace.root.parent.glob("nowhere*"))


def test_a_machine_without_sandbox_falls_back_with_a_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds go on, and the operator is told why they have no walls."""
    broken = folder / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    executor, warning = choose_executor("bubblewrap", (folder,))

    assert isinstance(executor, ProcessExecutor)
    assert warning is not None
    assert "No permissions to create new namespace" in warning


def test_a_folder_that_the_build_user_can_not_reach_is_noticed_at_the_start(folder: Path) -> None:
    """When root's builder works below a closed folder, no run would ever start: told once, before any run."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    executor, warning = choose_executor("auto", (closed / "work",))

    assert (warning is None) == (executor.name == "bubblewrap")
    assert executor.name == ("process" if os.geteuid() == 0 else "bubblewrap")


def test_plain_processes_are_chosen_without_a_word(folder: Path) -> None:
    """Who asks for no sandbox gets no warning; who asks for another thing gets an error."""
    executor, warning = choose_executor("process", (folder,))

    assert (executor.name, warning) == ("process", None)
    with pytest.raises(SettingsError, match="no executor 'docker'"):
        choose_executor("docker", (folder,))
