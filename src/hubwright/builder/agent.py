"""The builder: takes orders, works runs off side by side, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from structlog.contextvars import bound_contextvars

from hubwright import __version__
from hubwright.builder.connection import Connection, Hub, Talk
from hubwright.builder.elastic import ElasticSlots
from hubwright.builder.leftovers import close_unfinished
from hubwright.builder.run import Run, Tools
from hubwright.builder.slots import Bounds, Rules
from hubwright.builder.spool import Key, Spools
from hubwright.domain.results import Result
from hubwright.errors import ConflictError, HubAwayError
from hubwright.git.locks import CLOSED_IN_CHILDREN, try_lock
from hubwright.wire import WIRE_VERSION, Do, Hello, Payload, Recorder, Recording

FORGOTTEN = 600.0
"""Seconds without a hub after which a builder ends whose `up` process is gone."""

_LOOK = 5.0  # seconds between looks at whether `up` is still there

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What hello tells of this builder. `idle_exit`: seconds without a run after which it ends, nought for never."""

    name: str
    platform: str
    labels: tuple[str, ...] = ()
    slots: int = 1
    most_slots: int = 0  # more than `slots`: the number grows and shrinks between the two
    slot_rules: Rules = Rules()  # noqa: RUF009  frozen
    once: bool = False
    idle_exit: float = 0.0
    parent_pid: int | None = None


class WorkDir:
    """The builder's folder, held against a second builder until `release`; `instance` is its identity for ever."""

    def __init__(self, path: Path) -> None:
        """Take the folder. Raises ConflictError when another builder has it."""
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | CLOSED_IN_CHILDREN, 0o600)
        if not try_lock(self._lock):
            os.close(self._lock)
            raise ConflictError(f"Another builder is using {path}: give this one a folder of its own with --work-dir.")
        self.instance = self._load_instance()

    def _load_instance(self) -> str:
        file = self.path / "instance"
        if file.exists() and (known := file.read_text().strip()):
            return known
        fresh = uuid4().hex
        file.write_text(fresh)
        return fresh

    @property
    def runs(self) -> Path:
        """Where the spools are."""
        return self.path / "runs"

    @property
    def trees(self) -> Path:
        """Where the workspaces are."""
        return self.path / "trees"

    def release(self) -> None:
        """Let another builder have it."""
        os.close(self._lock)


class Agent:
    """Works for one hub. All in the event loop of `work`."""

    def __init__(self, identity: Identity, hub: Hub, work_dir: WorkDir, tools: Tools) -> None:
        self._identity = identity
        self._tools = tools
        self._spools = Spools(work_dir.runs)
        self._runs: dict[Key, tuple[Run, asyncio.Task[None]]] = {}
        self._done = asyncio.Event()
        self._recorder = tools.recorder
        self._recordings: dict[Key, Recording] = {}  # of runs that the process before has left
        self._goodbyes: set[asyncio.Task[None]] = set()
        bounds = Bounds(1, 1) if identity.once else Bounds(identity.slots, max(identity.slots, identity.most_slots))
        self._slots = ElasticSlots(bounds, identity.slot_rules)
        talk = Talk(self._hello, self._obey, self._lose, self._free, self._slots.hear)
        self._connection = Connection(hub, self._spools, talk)

    async def work(self) -> None:
        """Serve until drained, idle for too long, or its one run is over. Raises UnauthenticatedError, HubAwayError."""
        self._recordings = close_unfinished(self._spools, self._tools)
        connection = asyncio.create_task(self._connection.keep())
        ending = asyncio.create_task(self._wait_for_end())
        recording = asyncio.create_task(self._recorder.keep(self._connection.tell))
        growing = asyncio.create_task(self._slots.keep(self._count, self._connection.tell))
        tasks = (connection, ending, recording, growing)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._recorder.close()
            self._spools.close()

    def drain(self) -> None:
        """Take no more; `work` ends when nothing is held. Said twice: cancel what runs."""
        if not self._connection.leaving:
            log.info("builder_drains", runs=len(self._runs))
            self._leave()
        else:
            for run, _ in self._runs.values():
                run.end(Result.CANCELLATION, "The builder was stopped.")
        self._done.set()

    def _leave(self, *, on_demand: bool = False) -> None:
        self._connection.leaving = self._recorder.leaving = True
        self._soon(self._connection.leave(on_demand=on_demand))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _wait_for_end(self) -> None:
        """Until there is nothing left to do and a reason to end."""
        loop = asyncio.get_running_loop()
        busy_at = loop.time()
        idle_exit = self._identity.idle_exit
        while not (self._connection.leaving and not self._runs and not len(self._spools) and not self._goodbyes):
            if self._connection.leaving and self._goodbyes:  # the hub is to know that this is the end
                await asyncio.wait(self._goodbyes, timeout=1.0)
                continue
            self._done.clear()
            if self._runs or len(self._spools):
                busy_at = loop.time()
            left = busy_at + idle_exit - loop.time() if idle_exit else _LOOK
            try:
                async with asyncio.timeout(min(_LOOK, max(left, 0.0))):
                    await self._done.wait()
            except TimeoutError:
                if self._is_orphaned():
                    return
                if idle_exit and left <= _LOOK and not self._runs and not len(self._spools):
                    self._leave_idle()

    def _leave_idle(self) -> None:
        seconds = self._identity.idle_exit
        if not self._connection.greeted:
            raise HubAwayError(f"No hub has let this builder in within {seconds:g} seconds.")
        log.info("builder_idle", seconds=seconds)
        self._leave(on_demand=True)

    def _is_orphaned(self) -> bool:
        """Whether `up` is gone, nothing runs, and no hub has been heard for long."""
        parent = self._identity.parent_pid
        if parent is None or os.getppid() == parent or self._runs:
            return False
        return asyncio.get_running_loop().time() - self._connection.last_heard > FORGOTTEN

    def _hello(self) -> Hello:
        identity = self._identity
        return Hello(
            wire=WIRE_VERSION,
            name=identity.name,
            platform=identity.platform,
            version=__version__,
            instance=self._tools.instance,
            labels=identity.labels,
            slots=self._slots.number,
            most_slots=self._slots.most,
            executor=self._tools.executor.name,
            runs=tuple(spool.held() for spool in self._spools),
            boot=self._recorder.boot,
            process=self._recorder.process,
            once=identity.once,
        )

    def _free(self) -> bool:
        return not self._connection.leaving and len(self._runs) < self._slots.number

    def _count(self) -> int:
        return len(self._runs)

    def _obey(self, order: Do) -> None:
        key = Key(order.run, order.lease)
        match order.order:
            case "build":
                self._start(key, order)
            case "cancel" if key in self._runs:
                self._runs[key][0].end(Result.CANCELLATION, order.reason or "The run was cancelled.")
            case "drop":
                self._lose(key, order.reason)
            case "drain" if not self._connection.leaving:
                self.drain()

    def _start(self, key: Key, order: Do) -> None:
        if self._spools.get(key) is not None or order.payload is None:
            return  # said twice
        for other in [held for held in self._runs if held.run == key.run]:
            self._lose(other, "the run came again under a new lease")
        log.info(
            "run_taken", run=key.run, lease=key.lease, build=_build_of(order.payload), sha=order.payload.source.sha
        )
        if self._identity.once:
            self._leave()
        run = Run(order.payload, self._spools.open(key), self._tools)
        with bound_contextvars(run=key.run, build=_build_of(order.payload)):  # all that the task logs names them
            task = asyncio.create_task(self._go(key, run))
        self._runs[key] = (run, task)

    async def _go(self, key: Key, run: Run) -> None:
        try:
            await run.go()
        except Exception:  # the one place that keeps a fault of ours in one run from ending the others
            log.exception("run_broke", run=key.run)
            await run.give_up()
        finally:
            self._recorder.forget(key)
            del self._runs[key]
            self._done.set()
            log.info("run_ended", run=key.run, lease=key.lease)

    def _lose(self, key: Key, reason: str) -> None:
        """Stop the run and forget it, telling nobody."""
        log.info("run_lost", run=key.run, lease=key.lease, reason=reason)
        recording = self._recordings.pop(key, None)
        if key in self._runs:
            recording = self._recorder.report_silence(key, self._connection.silence)
            self._runs[key][0].end(Result.CANCELLATION, reason)
        if recording is not None:
            self._soon(self._connection.tell(Recorder(run=key.run, lease=key.lease, recording=recording)))
        self._spools.drop(key)
        self._done.set()


def _build_of(payload: Payload) -> int | None:
    """The number of the run's build, as the hub gives it to what runs."""
    text = payload.env.get("CI_PIPELINE_ID", "")
    return int(text) if text.isdecimal() else None
