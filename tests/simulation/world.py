"""One schedule: an installation, what its users and its enemies do to it, and how it stands at the end."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import structlog
from sqlalchemy import insert, update

from hubwright.builder.agent import Identity
from hubwright.store.schema import builder as builder_table
from hubwright.store.schema import job as job_table
from hubwright.wire import read_output
from simulation.ground import JOB, PLATFORMS, TROUBLE
from simulation.plot import Plot
from simulation.simulated_builder import SimulatedBuilder
from simulation.simulated_database import DatabaseServer
from simulation.simulated_hub import SimulatedHub, Times
from simulation.simulated_network import BuilderSocket, Line
from simulation.virtual_time import PROCESS, StuckError, VirtualLoop

PATIENCE = 150.0
"""Seconds after the trouble in which everything must have ended."""


class World:
    """Everything of one seed. `trace` tells what was done to it, for people."""

    def __init__(
        self, seed: int, judge: Callable[[World], list[str]], *, trouble: bool = True, times: Times | None = None
    ) -> None:
        self.seed = seed
        self.chance = Random(seed)  # what happens; what it leads to has a chance of its own, so that
        self.luck = Random(seed + 0.5)  # a change of the code does not change the plot
        self.loop = VirtualLoop()
        self.trace: list[str] = []
        self.judge = judge
        self.times = times or Times()
        self.hear: Any = None
        self.trouble = trouble
        self.gentle = True  # nothing was done that can cost a run
        self.faults = 0.0  # seconds of trouble so far
        self.written: dict[tuple[int, int], bytearray] = defaultdict(bytearray)
        self.problems: list[str] = []
        self.said: list[str | bytes] = []  # all that builders told of runs
        self.reruns: Counter[int] = Counter()  # build -> how often somebody asked for it to be begun again

    def run(self) -> World:
        """Let it all happen; afterwards `problems` says what is wrong."""
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        before = random.getstate(), structlog.get_config()
        random.seed(self.seed)
        level = logging.CRITICAL if self.hear is None else logging.DEBUG
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(level), processors=[self.hear] if self.hear else []
        )
        asyncio.set_event_loop(self.loop)
        self.server = DatabaseServer()
        try:
            self.loop.run_until_complete(self._happen())
            self.problems += self.judge(self)
        except StuckError:
            self.problems.append("nothing can happen any more")
        finally:
            self._clean_up()
            self.server.close()
            random.setstate(before[0])
            structlog.configure(**before[1])
            asyncio.set_event_loop(None)
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def listen(self) -> None:
        """Have what hubs and builders log in the trace."""

        def hear(_logger: Any, level: str, event: dict[str, Any]) -> dict[str, Any]:
            process = PROCESS.get()
            name = process.name if process is not None else "?"
            words = " ".join(f"{key}={value!r}" for key, value in event.items() if key not in {"event", "exc_info"})
            error = event.get("exc_info")
            self.note(f"    {name}: {level} {event['event']} {words} {error if error is not True else ''}".rstrip())
            raise structlog.DropEvent

        self.hear = hear

    def note(self, words: str) -> None:
        """Something was done."""
        self.trace.append(f"{self.loop.now - 1000:8.3f}  {words}")

    async def _happen(self) -> None:
        self._build_installation()
        for hub in self.hubs[: self.chance.choice((1, 2))]:
            hub.start()
        await asyncio.sleep(0.01)
        for builder in self.builders:
            builder.start()
        plot = [self.loop.create_task(work) for work in Plot(self).works()]
        done, late = await asyncio.wait(plot, timeout=TROUBLE)
        for task in late:
            task.cancel()
        await asyncio.gather(*done)
        self._heal()
        deadline = self.loop.now + PATIENCE
        while self.loop.now < deadline and not self._is_quiet():  # noqa: ASYNC110  the database rings no bell
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.2)
        self.note("the end")

    def _build_installation(self) -> None:
        chance = self.chance
        self.hubs = [
            SimulatedHub(self.loop, f"hub{number}", self.server, self.folder / "logs", self.luck, self.times)
            for number in (1, 2)
        ]
        self.builders: list[SimulatedBuilder] = []
        for number in range(chance.choice((1, 2, 2, 3))):
            platform = PLATFORMS[number] if number < len(PLATFORMS) else chance.choice(PLATFORMS)
            self._add_builder(Identity(name=f"builder{number}", platform=platform, slots=chance.choice((1, 2))))
        self.platforms = tuple(dict.fromkeys(PLATFORMS[: len(self.builders)]))
        self.lines: list[Line] = []
        self.holes: dict[tuple[str, str], int] = defaultdict(int)  # (builder, direction) -> how many hold it
        with self.server.connection.begin():
            values = {"id": 1, "path": JOB.path, "repository": JOB.repository, "settings": {}, "created_at": 1.8e9}
            self.server.connection.execute(insert(job_table).values(values))

    def _add_builder(self, identity: Identity) -> SimulatedBuilder:
        builder = SimulatedBuilder(self.loop, self.folder / identity.name, identity, self._dial)
        self.builders.append(builder)
        return builder

    def replace_builder(self, old: SimulatedBuilder) -> None:
        """Its machine is gone for good; another one like it comes, under a name of its own."""
        old.scrap()
        self._add_builder(replace(old.identity, name=f"builder{len(self.builders)}")).start()

    async def _dial(self, builder: SimulatedBuilder) -> tuple[BuilderSocket, Line]:
        """A builder connects to whichever hub the balancer finds."""
        await asyncio.sleep(self.luck.uniform(0.001, 0.05))
        name = builder.name
        if self.holes[name, "up"] or self.holes[name, "down"]:
            await self._never(lambda: not (self.holes[name, "up"] or self.holes[name, "down"]))
        hubs = [hub for hub in self.hubs if hub.is_running]
        if not hubs:
            raise ConnectionRefusedError("no hub")
        hub = self.luck.choice(hubs)
        assert hub.process is not None
        assert builder.process is not None
        if hub.process.frozen:
            await self._never(lambda: hub.process is not None and not hub.process.frozen)
        line = Line(self.loop, self.luck, builder.process, hub.process)
        self.lines = [*(old for old in self.lines if not old.over), line]
        hub.accept(line)
        return BuilderSocket(line, self._witness, builder.orders), line

    async def _never(self, until: Callable[[], bool]) -> None:
        """Nobody answers for as long as a builder waits, or until it is healed. Raises TimeoutError."""
        for _ in range(10):
            await asyncio.sleep(1)
            if until():
                return
        raise TimeoutError("no handshake")

    def _witness(self, frame: str | bytes) -> None:
        """What a builder says is in a log must always be the same."""
        if isinstance(frame, str):
            if '"run":' in frame and not frame.startswith('{"hello"'):
                self.said.append(frame)
            return
        self.said.append(frame)
        output = read_output(frame)
        known = self.written[output.run, output.lease]
        end = output.offset + len(output.data)
        if output.offset > len(known):
            self.problems.append(f"run {output.run}: the builder left a gap in its log")
        if known[output.offset : end] != output.data[: max(0, len(known) - output.offset)]:
            self.problems.append(f"run {output.run}: the builder told its log differently")
        known[output.offset : end] = output.data

    def running_hubs(self) -> list[SimulatedHub]:
        """Those with a process."""
        return [hub for hub in self.hubs if hub.is_running]

    def _heal(self) -> None:
        self.note("all is healed")
        self.server.away = self.server.slow = False
        with self.server.connection.begin():
            self.server.connection.execute(update(builder_table).values(wish=None))
        for name_way in self.holes:
            self.holes[name_way] = 0
        for line in self.lines:
            line.up.heal()
            line.down.heal()
        for one in (*self.hubs, *self.builders):
            if one.process is not None and one.process.frozen:
                one.process.thaw()
        if not self.running_hubs():
            self.hubs[0].start()
        for builder in self.builders:
            builder.start_again()

    def ended_runs(self) -> set[int]:
        """The runs that have ended, by the database."""
        ids = self.server.connection.exec_driver_sql("SELECT id FROM run WHERE state = 'finished'").scalars().all()
        self.server.connection.rollback()
        return set(ids)

    def _is_quiet(self) -> bool:
        for builder in self.builders:
            builder.start_again()  # if it has drained
        open_runs = self.server.connection.exec_driver_sql(
            "SELECT count(*) FROM build WHERE state <> 'finished'"
        ).scalar_one()
        self.server.connection.rollback()
        return not open_runs and not any(builder.holds or builder.machine.is_busy for builder in self.builders)

    def _clean_up(self) -> None:
        """Let every task end, those of the dead too, so that no file stays open."""
        for process in self.loop.processes:
            process.alive, process.frozen = True, False
            process.thaw()
        self.server.away = True
        problems, self.loop.problems = self.loop.problems, []
        self.problems += problems
        for hub in self.hubs:
            self.problems += hub.problems
        while tasks := [task for task in self.loop.unfinished if not task.done()]:
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=30))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        for hub in self.hubs:
            if hub.process is not None:
                hub.logs.close()
        self.loop.close()
