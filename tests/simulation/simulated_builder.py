"""A builder: the real agent, connection, delivery, spool and run; only its machine's processes are made up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubwright.builder.agent import Agent, Identity, WorkDir
from hubwright.builder.connection import Hub
from hubwright.builder.executors import Command
from hubwright.builder.executors.terms import Spent, Terms
from hubwright.builder.run import Tools
from hubwright.builder.spool import Key
from hubwright.builder.workspace import Workspace
from hubwright.domain.verdicts import Evidence, Verdict, judge
from hubwright.wire import Do, Recording, read_message
from simulation.virtual_time import Process, VirtualLoop


@dataclass
class Work:
    """What one builder really did for one run under one lease."""

    builder: str
    run: int
    lease: int
    stages: dict[int, int] = field(default_factory=dict)  # stage -> exit code of commands that ended by themselves
    lines: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Script:
    """What a made-up command does. It is written as JSON where a real recipe has its shell commands."""

    stage: int
    lines: int
    pause: float
    code: int
    stubborn: bool = False

    def text(self) -> str:
        """As a stage's `run`."""
        return json.dumps(self.__dict__)


class Machine:
    """The processes of one builder's machine; they outlive the builder until somebody kills them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.works: dict[tuple[int, int], Work] = {}
        self.living: dict[str, set[Child]] = {}

    def work(self, marker: str) -> Work:
        """What is done under a marker, `INSTANCE-RUN-LEASE`."""
        _, run, lease = marker.rsplit("-", 2)
        key = int(run), int(lease)
        return self.works.setdefault(key, Work(self.name, *key))

    @property
    def is_busy(self) -> bool:
        """Whether any process is left, be it one that takes its time to end."""
        return any(self.living.values())

    def kill_marked(self, prefix: str) -> None:
        """End all processes whose marker begins so."""
        for marker in [one for one in self.living if one.startswith(prefix)]:
            del self.living[marker]


class Child:
    """A command that runs: it has what the builder uses of `executors.terminal.Running`."""

    def __init__(self, machine: Machine, marker: str, script: Script, write: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._machine = machine
        self._marker = marker
        self._script = script
        self._write = write
        self.pid = 0
        self.idle_since = self._loop.time()
        self.finished: asyncio.Future[int] = self._loop.create_future()
        machine.living.setdefault(marker, set()).add(self)
        self._task = self._loop.create_task(self._go())

    async def _go(self) -> None:
        work = self._machine.work(self._marker)
        for number in range(self._script.lines):
            await asyncio.sleep(self._script.pause)
            line = f"{work.run} {work.lease} {self._script.stage} {number}\n".encode()
            work.lines.append(line)
            self.idle_since = self._loop.time()
            self._write(line)
        await asyncio.sleep(self._script.pause)
        work.stages[self._script.stage] = self._script.code
        self._end(self._script.code)

    def _end(self, code: int) -> None:
        self._machine.living.get(self._marker, set()).discard(self)
        if not self.finished.done():
            self.finished.set_result(code)

    async def kill(self, grace: float) -> None:
        """As the real one."""
        if not self.finished.done():
            self._task.cancel()
            await asyncio.sleep(grace if self._script.stubborn else 0.05)
            self._end(137)


class MadeUpExecutor:
    """Keeps the promises of `Executor` on a made-up machine."""

    name = "process"

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:  # noqa: ARG002
        """Nothing to do."""
        return []

    def spent(self, workspace: Workspace) -> Spent:  # noqa: ARG002
        """Nothing is measured."""
        return Spent()

    def sweep(self, prefix: str) -> None:
        """End what a dead builder left."""
        self._machine.kill_marked(prefix)

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Any:
        """Start the script."""
        script = Script(**json.loads(command.argv[-1]))
        return Child(self._machine, workspace.marker, script, write)

    def destroy(self, workspace: Workspace) -> None:
        """Kill what is left of the run."""
        self._machine.kill_marked(workspace.marker)


class SimulatedBuilder:
    """A builder that can be started, killed and started again on the same folder. `dial` makes its connections."""

    def __init__(
        self, loop: VirtualLoop, folder: Path, identity: Identity, dial: Callable[[SimulatedBuilder], Any]
    ) -> None:
        self._loop = loop
        self._folder = folder
        self.identity = identity
        self._dial = dial
        self.name = identity.name
        self.machine = Machine(identity.name)
        self.process: Process | None = None
        self.agent: Agent | None = None
        self.scrapped = False
        self.offset = 0.0  # how wrong its clock is, seconds
        self.orders: list[str] = []  # all that hubs told it

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Begin a process."""
        self.process = Process(self._loop, self.name)
        self.process.spawn(self._live(self.process))

    def start_again(self) -> None:
        """As a service manager, when it is not running; not when there is no machine any more."""
        if not self.is_running and not self.scrapped:
            self.start()

    def scrap(self) -> None:
        """Its machine is gone, with everything on it."""
        self.kill()
        self.scrapped = True
        self.machine.living.clear()

    async def _live(self, process: Process) -> None:
        work_dir = _WorkDir(self._folder)
        tools: Any = {
            "executor": MadeUpExecutor(self.machine),
            "mirrors": None,
            "trees": work_dir.trees,
            "instance": work_dir.instance,
            "machine": "linux-x86_64",
            "own_environment": {"PATH": "/bin"},
            "uploads": None,
            "clock": lambda: 1_800_000_000.0 + self._loop.now + self.offset,
            "recorder": _NoRecorder(),
        }
        self.agent = Agent(self.identity, Hub("http://simulated", "token"), work_dir, Tools(**tools))
        self.agent._connection._connect = self._connected  # type: ignore[method-assign,assignment,return-value]
        await self.agent.work()
        process.kill()

    @asynccontextmanager
    async def _connected(self) -> Any:
        socket, line = await self._dial(self)
        try:
            yield socket
        finally:
            line.hang_up()

    def kill(self) -> None:
        """As SIGKILL of the builder alone: what it has started goes on, heard by nobody."""
        if self.process is not None:
            self.process.kill()

    def hear_again(self) -> None:
        """A hub says once more what it has said of the runs that it holds."""
        if self.process is not None:
            self.process.spawn(self._hear_again())

    async def _hear_again(self) -> None:
        assert self.agent is not None
        for frame in self.orders:
            match read_message(frame, from_builder=False):
                case Do(order="build", run=run, lease=lease) as order:
                    if self.agent._spools.get(Key(run, lease)) is not None:
                        self.agent._obey(order)

    @property
    def holds(self) -> int:
        """Runs that it has not handed over."""
        return len(self.agent._spools) if self.agent is not None and self.is_running else 0


class _NoRecorder:
    """Records nothing: vitals have tests of their own."""

    boot, process, leaving, verdict = "boot", "process", False, None

    async def keep(self, tell: Any) -> None:  # noqa: ARG002
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    def watch(self, key: Any) -> Any:  # noqa: ARG002
        return self

    def begin(self, first: Callable[[], int]) -> None:
        pass

    def end(self) -> None:
        pass

    def add_services(self, pids: Any) -> None:
        pass

    def forget(self, key: Any) -> None:
        pass

    def recall(self, key: Any) -> Recording:  # noqa: ARG002
        return Recording(cause="unknown", sentence="")

    def report_silence(self, key: Any, silence: float) -> None:
        pass

    async def record(self) -> None:
        pass

    async def explain(self, *_: Any) -> Verdict:
        return judge(Evidence())


class _WorkDir(WorkDir):
    """Without the lock: a killed process's lock goes with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.instance = self._load_instance()

    def _load_instance(self) -> str:
        return f"of_{self.path.name}"
