"""What hostile builds try, against each executor: read, reach, flood, hide, escape, plant..

The scripts go on after each failure and write `GOT …` only when they got what they must not get.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder_process import is_alive, open_folder, scenario
from hubwright.builder.executors import MARKER, Command, Executor, Running
from hubwright.builder.executors.cells import Cells
from hubwright.builder.executors.cgroups import Groups
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.process import ProcessExecutor
from hubwright.builder.executors.terms import SAME_USER, Policy, Spent, Terms
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import Limits

PATH = "/usr/local/bin:/usr/bin:/bin"
LIMITS = Limits(memory=96 * 1024 * 1024, pids=60, cpu=2)


class Run:
    """One run of an executor: its workspace, and what its commands wrote."""

    def __init__(self, executor: Executor, folder: Path, name: str, trust: str = "trusted") -> None:
        self.executor = executor
        root = folder / name
        self.workspace = Workspace(root=root, tree=root / "tree", marker=f"walls-{os.getpid()}-{folder.name}-{name}")
        self.workspace.make()
        self.said = executor.prepare(self.workspace, Terms(trust=trust))
        self.output = bytearray()

    def start(self, script: str, *, network: bool = True, python: bool = False) -> Running:
        argv = ("/usr/bin/python3", "-c", script) if python else ("sh", "-c", script)
        env = {"PATH": PATH, MARKER: self.workspace.marker, "HOME": str(self.workspace.home)}
        command = Command(argv=argv, env=env, directory=self.workspace.tree, network=network)
        return self.executor.run(self.workspace, command, self.output.extend)

    async def go(self, script: str, *, network: bool = True, python: bool = False) -> str:
        """Run it to its end; what it wrote."""
        self.output.clear()
        await asyncio.wait_for(self.start(script, network=network, python=python).finished, 30)
        return self.output.decode("utf-8", "replace")

    async def until_written(self, text: str) -> None:
        await become(lambda: text.encode() in self.output)

    def end(self) -> Spent:
        spent = self.executor.spent(self.workspace)
        self.executor.destroy(self.workspace)
        self.workspace.remove()
        return spent


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture(params=["process", "bubblewrap"])
def executor(request: pytest.FixtureRequest, folder: Path) -> Executor:
    chosen, warning = choose_executor(request.param, (folder,), Policy(limits=LIMITS))
    assert (chosen.name, warning) == (request.param, None)
    return chosen


@pytest.fixture
def run(executor: Executor, folder: Path) -> Iterator[Run]:
    made = Run(executor, folder, "run")
    yield made
    made.end()


async def become(condition: Callable[[], object]) -> None:
    """Poll until it is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  what happens in other processes sets no event
            await asyncio.sleep(0.02)


@contextmanager
def sleeping_process() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else on the machine."""
    process = subprocess.Popen(["/bin/sleep", "300"], env={"CANARY": "GOT the environment"})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def alive_with(word: str) -> list[str]:
    """Processes of the machine with this word among their arguments."""
    listing = subprocess.run(["ps", "-wweo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if word in line and line.split()[1][0] != "Z"]


@scenario
async def test_files_of_the_machine_are_not_read(run: Run, folder: Path) -> None:
    """S17, S42: not root's, not the hub's, not the builder's token, not another run's."""
    other = Run(run.executor, folder, "other")
    await other.go("echo GOT the other run > secret; chmod 666 secret")
    token = Path.home() / f".canary-{os.getpid()}"
    token.write_text("GOT the token\n")
    try:
        said = await run.go(
            f"cat {other.workspace.tree}/secret {token}; ls /root /home/* /var/lib/hubwright && echo GOT a listing;"
            "cat /etc/shadow /etc/sudoers /etc/hubwright/* && echo GOT accounts"
        )
    finally:
        token.unlink()
        other.end()

    assert "GOT" not in said


@scenario
async def test_other_processes_are_neither_read_nor_signalled(run: Run) -> None:
    """The builder's and the hub's environment and memory, and their lives."""
    with sleeping_process() as sleeper:
        pid = sleeper.pid
        said = await run.go(
            f"cat /proc/{pid}/environ; cat /proc/{os.getpid()}/environ && echo GOT the environment;"
            f"head -c1 /proc/{os.getpid()}/mem && echo GOT memory; ls /proc/{os.getpid()}/fd/ && echo GOT files;"
            f"kill -9 {pid}; kill -9 {os.getpid()}; kill -9 -1"
        )
        assert "GOT" not in said
        assert sleeper.poll() is None


@scenario
async def test_only_the_workspace_and_the_temporary_folders_are_written(run: Run, folder: Path) -> None:
    """And the mirror's objects, which many runs read, are not."""
    objects = folder / "objects"
    objects.mkdir(mode=0o755)
    object.__setattr__(run.workspace, "objects", objects)
    closed = folder / "closed"  # of whoever runs the builder; `folder` itself is in the temporary folder, open to all
    closed.mkdir(mode=0o755)
    said = await run.go(
        f"for f in /usr /etc /opt / {closed} {objects} /var /run; do touch $f/planted && echo GOT $f; done"
    )
    run.output.clear()
    assert await asyncio.wait_for(run.start(f"test -d {objects} && echo x > here && cat here").finished, 30) == 0

    got = [line for line in said.splitlines() if line.startswith("GOT")]
    found = [
        path
        for path in ("/usr", "/etc", "/opt", "/", closed, objects, "/var", "/run")
        if Path(path, "planted").exists()  # noqa: ASYNC240  eight looks
    ]

    assert found == []
    assert got == [] or run.executor.name == "bubblewrap"  # which has temporary folders of its own there


@scenario
async def test_dangerous_system_calls_are_refused(run: Run) -> None:
    """Mounts, keys, BPF, performance counters, user namespaces, io_uring, vsock, typing into terminals."""
    calls = {"x86_64": {"mount": 165, "add_key": 248, "keyctl": 250, "bpf": 321, "perf": 298, "userfaultfd": 323,
             "unshare": 272, "setns": 308, "io_uring": 425, "reboot": 169, "swapon": 167, "module": 175, "pivot": 155},
             "aarch64": {"mount": 40, "add_key": 217, "keyctl": 219, "bpf": 280, "perf": 241, "userfaultfd": 282,
             "unshare": 97, "setns": 268, "io_uring": 425, "reboot": 142, "swapon": 224, "module": 105, "pivot": 41},
             }[os.uname().machine]  # fmt: skip
    said = await run.go(
        f"""
import ctypes, fcntl, socket
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {calls!r}.items():
    arguments = (0x10000000, 0, 0, 0, 0) if name == "unshare" else (0, 0, 0, 0, 0)
    if libc.syscall(number, *arguments) != -1 or ctypes.get_errno() not in (1, 38):
        print("GOT", name, ctypes.get_errno())
for family in (38, 40):
    try:
        socket.socket(family, socket.SOCK_STREAM)
        print("GOT family", family)
    except OSError:
        pass
try:
    fcntl.ioctl(1, 0x5412, b"x")
    print("GOT a terminal")
except OSError:
    pass
print("done")
""",
        python=True,
    )

    assert said.strip() == "done"


@scenario
async def test_nobody_becomes_root(run: Run) -> None:
    """Programs with the setuid bit give nothing, and there are no capabilities left to use."""
    said = await run.go(
        "grep -q 'NoNewPrivs:.1' /proc/self/status || echo GOT privileges;"
        "grep -q 'CapEff:.0000000000000000' /proc/self/status || [ $(id -u) != 0 ] || echo GOT capabilities;"
        "su -c 'echo GOT root' </dev/null; passwd -d root && echo GOT root; chroot / true && echo GOT chroot;"
        "mount -t tmpfs none tmp && echo GOT mount; unshare -Ur echo GOT namespace; mknod disk b 8 0 && echo GOT disk"
    )

    assert "GOT" not in said


@scenario
async def test_other_processes_are_not_traced(run: Run) -> None:
    """Nor is what another run of the same builder does."""
    with sleeping_process() as sleeper:
        said = await run.go(
            "import ctypes\nlibc = ctypes.CDLL(None)\n"
            f"for pid in {sleeper.pid, os.getpid()}:\n    print('GOT' if libc.ptrace(16, pid, 0, 0) == 0 else 'no')",
            python=True,
        )

    assert said.split() == ["no", "no"]


@scenario
async def test_a_stage_without_network_reaches_nothing(run: Run) -> None:
    """Neither the hub on the loopback nor the metadata service of a cloud; the next stage has it again."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        script = f"""
import socket
for address in (("127.0.0.1", {port}), ("169.254.169.254", 80)):
    try:
        s = socket.create_connection(address, 2)
        print("GOT", address)
    except OSError:
        pass
"""
        without = await run.go(script, network=False, python=True)
        with_it = await run.go(script, python=True)

    assert without == ""
    assert f"GOT ('127.0.0.1', {port})" in with_it


@pytest.mark.parametrize("name", ["process", "bubblewrap"])
@scenario
async def test_forks_get_no_network_unless_the_operator_says_so(name: str, folder: Path) -> None:
    """A pull request of a stranger does not see the hub's port; its log says why."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    script = f"""
import socket
try:
    print(socket.create_connection(("127.0.0.1", {port}), 2) is not None)
except OSError:
    print("closed")
"""
    said = []
    async with server:
        for allowed in (False, True):
            executor, _ = choose_executor(name, (folder,), Policy(untrusted_network=allowed))
            for trust in ("untrusted", "trusted"):
                one = Run(executor, folder, f"{trust}{allowed}", trust)
                said.append((await one.go(script, python=True), bool(one.said)))
                one.end()

    assert said == [("closed\n", True), ("True\n", False), ("True\n", False), ("True\n", False)]


@scenario
async def test_a_fork_bomb_hits_its_limit(run: Run) -> None:
    """The machine goes on, and the kernel tells."""
    await run.go("f() { f | f & }; f; sleep 0.5; echo over")
    began = time.monotonic()
    spent = run.end()

    assert spent.pids_refused > 0
    assert time.monotonic() - began < 30
    assert run.executor.spent(run.workspace) == Spent()


@scenario
async def test_a_memory_bomb_is_killed_and_told(run: Run) -> None:
    """Within its own limit: the builder and its neighbours live, and the verdict can name the cause."""
    running = run.start("b = bytearray(400 * 1024 * 1024)", python=True)
    code = await asyncio.wait_for(running.finished, 30)
    spent = run.executor.spent(run.workspace)

    assert code == 137
    assert spent.oom_kills >= 1
    assert spent.memory_peak is not None
    assert spent.memory_peak <= (LIMITS.memory or 0)


@scenario
async def test_shared_memory_counts_as_memory(run: Run) -> None:
    """A build can't fill the machine's memory by files in /dev/shm."""
    said = await run.go("head -c 400000000 /dev/zero > /dev/shm/fill && echo GOT all of it; rm -f /dev/shm/fill")

    assert "GOT" not in said


ESCAPES = {
    "session": "setsid sh -c 'exec sleep {word}' &",
    "double fork": "(setsid sh -c '(exec sleep {word}) &' &);",
    "no environment": "env -i setsid /bin/sh -c '(exec /bin/sleep {word}) & exit' &",
    "ignores signals": "setsid sh -c 'trap \"\" TERM HUP INT; exec sleep {word}' &",
}


@pytest.mark.parametrize("escape", ESCAPES)
@scenario
async def test_what_hides_is_found_on_cancel(run: Run, escape: str) -> None:
    """Daemons in sessions of their own, without the run's marker, whose parents are gone: all end in time."""
    word = f"9{os.getpid()}.{list(ESCAPES).index(escape)}{'0' if run.executor.name == 'process' else '1'}"
    running = run.start(ESCAPES[escape].format(word=word) + " echo hidden; sleep 600")
    await run.until_written("hidden")
    await become(lambda: alive_with(word))
    began = time.monotonic()
    await running.kill(1)
    await asyncio.to_thread(run.executor.destroy, run.workspace)

    assert time.monotonic() - began < 30
    assert alive_with(word) == []
    assert not is_alive(running.pid)


@pytest.fixture
def poor(folder: Path) -> Executor:
    """A builder without control groups and without users to give: no root, or root of nothing."""
    return ProcessExecutor(Cells(Policy(user=SAME_USER), None, Groups(folder / "nowhere")))


@pytest.mark.parametrize("escape", ESCAPES)
@scenario
async def test_a_builder_without_groups_finds_its_orphans(poor: Executor, folder: Path, escape: str) -> None:
    """It is the parent of what has none any more: neither marker nor group nor user is needed."""
    word = f"8{os.getpid()}.{list(ESCAPES).index(escape)}"
    run = Run(poor, folder, "run")
    await run.go(ESCAPES[escape].format(word=word) + " sleep 0.2")
    await become(lambda: alive_with(word))
    await asyncio.to_thread(run.end)

    assert alive_with(word) == []


@scenario
async def test_an_orphan_that_may_be_anothers_is_spared_until_that_ends(poor: Executor, folder: Path) -> None:
    """Ending one run must not kill a daemon of its neighbour's."""
    word = f"7{os.getpid()}.1"
    first, second = Run(poor, folder, "first"), Run(poor, folder, "second")
    await second.go(ESCAPES["no environment"].format(word=word) + " sleep 0.2")
    await become(lambda: alive_with(word))
    await asyncio.to_thread(first.end)
    spared = alive_with(word)
    await asyncio.to_thread(second.end)

    assert len(spared) == 1
    assert alive_with(word) == []


@scenario
async def test_landlock_alone_holds_the_builders_own_user(poor: Executor, folder: Path) -> None:
    """The same user, even root, and yet: no signal, no file of others, no password.

    Root's capabilities still read environments; a user's processes don't.
    """
    token = Path.home() / f".canary-alone-{os.getpid()}"
    token.write_text("GOT the token\n")
    run = Run(poor, folder, "run")
    try:
        with sleeping_process() as sleeper:
            said = await run.go(
                f"cat {token};kill -9 {sleeper.pid} && echo GOT a life; cat /etc/shadow && echo GOT passwords; id -u"
            )
            assert sleeper.poll() is None
    finally:
        token.unlink()
        run.end()

    assert "GOT" not in said
    assert said.split()[-1] == str(os.geteuid())


@pytest.mark.parametrize("name", ["process", "bubblewrap"])
@scenario
async def test_a_run_finds_nothing_of_the_one_before(name: str, folder: Path) -> None:
    """S17, S42: files, processes, shared memory, queues and keys planted by a fork are gone for the next run."""
    executor, _ = choose_executor(name, (folder,), Policy())
    first = Run(executor, folder, "first", "untrusted")
    planted = f"canary-{os.getpid()}-{name}"
    await first.go(
        f"for d in /tmp /var/tmp /dev/shm /dev/mqueue $HOME . ..; do echo GOT > $d/{planted}; done;"
        f"mkdir -m 0 -p locked/deep; mkdir -p /tmp/{planted}.d/x; chmod 500 /tmp/{planted}.d; ipcmk -M 4096 -S 2 -Q;"
        f"setsid sleep 98{os.getpid()} & sleep 0.2"
    )
    await asyncio.to_thread(first.end)
    second = Run(executor, folder, "second", "trusted")
    said = await second.go(
        f"cat /tmp/{planted} /var/tmp/{planted} /dev/shm/{planted} /dev/mqueue/{planted} $HOME/{planted} ./{planted};"
        f"ls -d /tmp/{planted}.d && echo GOT a folder; ipcs | grep $(id -un 2>/dev/null || id -u) && echo GOT ipc;"
        f"ls -A $HOME | grep . && echo GOT files; env | grep canary && echo GOT variables"
    )
    second.end()

    assert "GOT" not in said
    assert alive_with(f"98{os.getpid()}") == []
    assert not (folder / "first").exists()


@scenario
async def test_the_run_after_has_another_user(folder: Path) -> None:
    """A number is one run's own while it lasts: two at a time never share one."""
    executor, _ = choose_executor("process", (folder,), Policy())
    one, other = Run(executor, folder, "one"), Run(executor, folder, "other", "untrusted")
    users = [await run.go("id -u") for run in (one, other)]
    mode = one.workspace.root.stat().st_mode & 0o077
    for run in (one, other):
        run.end()

    assert (users[0] != users[1], mode == 0) == (os.geteuid() == 0, os.geteuid() == 0)


@scenario
async def test_the_largest_file_is_bounded(folder: Path) -> None:
    """One runaway log can't fill the disk, when the operator sets a bound."""
    executor, _ = choose_executor("auto", (folder,), Policy(file_size=1_000_000))
    run = Run(executor, folder, "run")
    said = await run.go("head -c 5000000 /dev/zero > big; wc -c < big")
    run.end()

    assert int(said.split()[-1]) <= 1_000_000


@scenario
async def test_a_machine_is_no_more_than_the_builder_says(folder: Path) -> None:
    """S41: a recipe that asks for more gets the builder's bound, and its log says so."""
    executor, _ = choose_executor("auto", (folder,), Policy(limits=Limits(pids=30)))
    root = folder / "run"
    workspace = Workspace(root=root, tree=root / "tree", marker=f"bound-{os.getpid()}")
    workspace.make()
    said = executor.prepare(workspace, Terms(limits=Limits(pids=100_000)))
    run = object.__new__(Run)
    run.executor, run.workspace, run.output = executor, workspace, bytearray()
    await run.go("for i in $(seq 60); do sleep 5 & done; wait")
    spent = run.end()

    assert said == ["The recipe asks for more processes than this builder allows: 30 it is."]
    assert spent.pids_refused > 0


@scenario
async def test_what_is_mounted_in_a_workspace_is_not_deleted_with_it(folder: Path) -> None:
    """Whatever mounted it: the workspace is emptied, the other folder keeps its files."""
    kept = folder / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    executor, _ = choose_executor("process", (folder,), Policy())
    run = Run(executor, folder, "run")
    libc = ctypes.CDLL(None, use_errno=True)
    point = run.workspace.tree / "mount"
    point.mkdir()
    mounted = sys.platform == "linux" and libc.mount(bytes(kept), bytes(point), None, 4096, None) == 0  # MS_BIND
    run.end()

    assert mounted == (os.geteuid() == 0)
    assert (kept / "file").read_text() == "x"
    assert not run.workspace.root.exists()
