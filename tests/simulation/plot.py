"""What happens to an installation: pushes, what people wish, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.errors import ConflictError
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.fleet import set_wish
from hubwright.hub.plan_rows import keep_plans
from hubwright.store.builders import PAUSE
from hubwright.store.schema import builder as builder_table
from simulation.ground import GROUND, JOB, ORIGIN, TROUBLE, planned_runs
from simulation.lies import make_lies
from simulation.simulated_builder import Script
from simulation.simulated_hub import SimulatedHub
from simulation.simulated_network import Line


class Plot:
    """The plot of one world, drawn from its seed."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def works(self) -> list[Any]:
        chance = self.world.chance
        plot = [self._push(number) for number in range(1, chance.choice((1, 2, 3, 4)) + 1)]
        plot += [self._user(cancel, number) for number in range(1, 4) if chance.random() < 0.2]
        plot += [self._user(rerun, number) for number in range(1, 4) if chance.random() < 0.15]
        if self.world.trouble:
            makers = (
                self._cut, self._echo, self._lie, self._lie, self._hole, self._hole, self._forget_lines,
                self._crash_hub, self._lose_power, self._replace_hub, self._freeze_hub, self._scrap_builder,
                self._crash_builder, self._freeze_builder, self._lose_database, self._jump_clock, self._drain,
                self._pause, self._say_twice, self._stir,
            )  # fmt: skip
            plot += [chance.choice(makers)() for _ in range(chance.choice((2, 3, 4, 6, 8)))]
        return plot

    async def _wait(self, most: float = TROUBLE * 0.6) -> None:
        await asyncio.sleep(self.world.chance.uniform(0, most))

    def _length(self) -> float:
        """How long a fault lasts: mostly short, sometimes longer than anybody waits."""
        seconds = self.world.chance.choice((0.2, 0.5, 1.5, 4.0, 12.0)) * self.world.chance.uniform(0.5, 1.5)
        self.world.faults += seconds
        if self.world.faults > self.world.times.lost_after / 2:
            self.world.gentle = False
        return seconds

    async def _any_hub(self) -> SimulatedHub:
        """A hub that answers; users try again until one does."""
        while True:
            for hub in self.world.hubs:
                if hub.is_running and hub.process is not None and not hub.process.frozen and not self.world.server.away:
                    return hub
            await asyncio.sleep(0.5)

    async def _push(self, number: int) -> None:
        await self._wait(6)
        chance = self.world.chance
        scripts = tuple(
            Script(stage, chance.choice((0, 2, 8)), chance.choice((0.05, 0.3, 0.8)), chance.choice((0, 0, 0, 3)),
                   chance.random() < 0.2)
            for stage in range(chance.choice((1, 2, 2, 3)))
        )  # fmt: skip
        platforms = self.world.platforms if chance.random() < 0.5 else (chance.choice(self.world.platforms),)
        sha = f"{number:040x}"
        wanted = Wanted(sha=sha, ref="refs/heads/main", event="push", trigger=f"main@{sha}", branch="main")
        plan = BuildPlan(wanted=wanted, runs=planned_runs(platforms, scripts), recipe="file")
        self.world.note(f"pushed {number}: {len(scripts)} stages on {', '.join(platforms)}")

        supersedes = chance.random() < 0.2

        def keep(connection: Any, now: float) -> list[int]:
            kept = keep_plans(connection, JOB, ORIGIN, [plan], GROUND, now)
            if kept and kept[0] > 1 and supersedes:
                with suppress(ConflictError):  # it has ended
                    cancel(connection, kept[0] - 1, now, "superseded")
            return kept

        await self._persist(keep)

    async def _persist(self, work: Callable[..., Any]) -> Any:
        """Until it was answered: the database decides what comes twice."""
        while True:
            hub = await self._any_hub()
            task = asyncio.ensure_future(hub.ask(work))
            done, _ = await asyncio.wait({task}, timeout=5)
            if done and (answer := task.result()) is not None:
                return answer
            task.cancel()

    async def _user(self, wish: Callable[..., Any], build_id: int) -> None:
        await asyncio.sleep(self.world.chance.uniform(1, TROUBLE * 0.9))
        hub = await self._any_hub()
        exists = self.world.server.connection.exec_driver_sql(f"SELECT 1 FROM build WHERE id = {build_id}").scalar()
        self.world.server.connection.rollback()
        if not exists:
            return
        self.world.note(f"{wish.__name__} build {build_id}")
        self.world.reruns[build_id] += wish is rerun
        if wish is cancel:
            asked = hub.ask(lambda connection, now: cancel(connection, build_id, now, "not wanted"))
        else:
            asked = hub.ask(lambda connection, now: rerun(connection, build_id, now))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(asked), 5)

    async def _cut(self) -> None:
        await self._wait()
        for line in self.world.lines:
            if self.world.chance.random() < 0.7:
                line.reset()
        self.world.note("connections cut")

    async def _echo(self) -> None:
        """Old words come again, also through the connection of a builder that never said them."""
        await self._wait()
        world = self.world
        for _ in range(world.chance.choice((3, 10, 30))):
            await asyncio.sleep(world.chance.uniform(0, 0.6))
            open_lines = [line for line in world.lines if not line.up.broken]
            if world.said and open_lines:
                with suppress(ConnectionError):
                    world.luck.choice(open_lines).up.put(world.luck.choice(world.said))
        world.note("old words were repeated")

    async def _lie(self) -> None:
        """A zombie: words of an older or newer lease, for a run that has ended, or with others missing before them."""
        await self._wait()
        for _ in range(self.world.chance.choice((2, 4, 8))):
            await asyncio.sleep(self.world.chance.uniform(0, 1.2))
            lies = make_lies(self.world.server.connection, self.world.luck)
            lines = [line for line in self.world.lines if not line.up.broken]
            for builder, frame in lies:
                own = [line for line in lines if line.builder.name == builder]
                with suppress(ConnectionError, IndexError):
                    self.world.luck.choice(own if self.world.luck.random() < 0.8 else lines).up.put(frame)
        self.world.note("a zombie spoke")

    async def _forget_lines(self) -> None:
        """As a router that has lost its table: nothing passes any more, and nobody is told. New connections work."""
        await self._wait()
        self.world.gentle = False  # both sides must find out by themselves, and a builder may be called lost before
        for line in self.world.lines:
            line.up.lost = line.down.lost = True
        self.world.note("all connections were forgotten")

    async def _scrap_builder(self) -> None:
        """A builder's machine is gone for good, without a word; a new one of another name comes in its place."""
        await self._wait()
        builder = self.world.chance.choice(self.world.builders)
        if builder.scrapped or not builder.is_running:
            return
        self.world.gentle = False
        self.world.note(f"{builder.name} is gone for good")
        for line in self._lines_of(builder.name):
            line.up.lost = line.down.lost = True
        self.world.replace_builder(builder)

    async def _hole(self) -> None:
        """Bytes vanish both ways or one way while the connections stay."""
        await self._wait()
        name = self.world.chance.choice(self.world.builders).name
        ways = self.world.chance.choice((("up",), ("down",), ("up", "down")))
        seconds = self._length()
        self.world.note(f"{name}: nothing passes {' and '.join(ways)} for {seconds:.1f} s")
        for way in ways:
            self.world.holes[name, way] += 1
            for line in self._lines_of(name):
                getattr(line, way).holds = True
        await asyncio.sleep(seconds)
        for way in ways:
            self.world.holes[name, way] -= 1
            if not self.world.holes[name, way]:
                for line in self._lines_of(name):
                    getattr(line, way).heal()

    def _lines_of(self, name: str) -> list[Line]:
        return [line for line in self.world.lines if line.builder.name == name]

    async def _crash_hub(self) -> None:
        await self._wait()
        if not (hubs := self.world.running_hubs()):
            return
        hub, seconds = self.world.chance.choice(hubs), self._length()
        self.world.note(f"{hub.name} killed for {seconds:.1f} s")
        self._kill_hub(hub)
        await asyncio.sleep(seconds)
        if not hub.is_running:
            hub.start()

    def _kill_hub(self, hub: SimulatedHub) -> None:
        hub.kill()
        for line in self.world.lines:
            if line.hub is hub.process:
                line.reset()

    async def _lose_power(self) -> None:
        """All hubs' machines stop: what was written to the logs of open runs and not yet on the disk is gone."""
        await self._wait()
        for hub in self.world.running_hubs():
            self._kill_hub(hub)
        ended = self.world.ended_runs()
        for log in sorted((self.world.folder / "logs").glob("*/*.log")):
            if int(log.stem) not in ended:
                os.truncate(log, int(log.stat().st_size * self.world.luck.random()))
        self.world.note("the hubs' machines lost power")
        await asyncio.sleep(self.world.chance.uniform(0.1, 2))
        if not self.world.hubs[0].is_running:
            self.world.hubs[0].start()

    async def _replace_hub(self) -> None:
        """Another hub takes over on the same data."""
        await self._wait()
        for hub in self.world.running_hubs():
            self.world.note(f"{hub.name} is replaced")
            self._kill_hub(hub)
        await asyncio.sleep(self.world.chance.uniform(0.1, 2))
        other = self.world.hubs[1]
        if not other.is_running:
            other.start()

    async def _freeze_hub(self) -> None:
        await self._wait()
        if not (hubs := self.world.running_hubs()):
            return
        hub, seconds = self.world.chance.choice(hubs), self._length()
        process = hub.process
        assert process is not None
        self.world.note(f"{hub.name} frozen for {seconds:.1f} s")
        process.freeze()
        await asyncio.sleep(seconds)
        process.thaw()

    async def _crash_builder(self) -> None:
        await self._wait()
        builder = self.world.chance.choice(self.world.builders)
        if not builder.is_running:
            return
        self.world.gentle = False
        seconds = self._length()
        self.world.note(f"{builder.name} killed for {seconds:.1f} s")
        builder.kill()
        for line in self._lines_of(builder.name):
            line.reset()
        await asyncio.sleep(seconds)
        builder.start_again()

    async def _freeze_builder(self) -> None:
        await self._wait()
        builder = self.world.chance.choice(self.world.builders)
        process = builder.process
        if process is None or not process.alive:
            return
        seconds = self._length()
        self.world.note(f"{builder.name} frozen for {seconds:.1f} s")
        process.freeze()
        await asyncio.sleep(seconds)
        process.thaw()

    async def _lose_database(self) -> None:
        await self._wait()
        seconds = self._length()
        self.world.note(f"the database is away for {seconds:.1f} s")
        self.world.server.away = True
        await asyncio.sleep(seconds)
        self.world.server.away = False

    async def _jump_clock(self) -> None:
        await self._wait()
        one = self.world.chance.choice([*self.world.hubs, *self.world.builders])
        seconds = self.world.chance.choice((3600.0, -3600.0, 40.0, -40.0))
        self.world.note(f"{one.name}: its clock jumps {seconds:+.0f} s")
        one.offset += seconds

    async def _pause(self) -> None:
        """Somebody wants a builder to take nothing for a while."""
        await self._wait(8)
        name = self.world.chance.choice(self.world.builders).name
        if not self._knows(name):
            return
        for wish in (PAUSE, None):
            self.world.note(f"{name} is to {'pause' if wish else 'go on'}")
            await self._persist(lambda connection, now, wish=wish: set_wish(connection, name, wish, "me", now) or True)
            await asyncio.sleep(self.world.chance.uniform(0.5, 8))

    def _knows(self, name: str) -> bool:
        query = select(builder_table.c.name).where(builder_table.c.name == name)
        with self.world.server.connection.begin():
            return self.world.server.connection.execute(query).first() is not None

    async def _say_twice(self) -> None:
        """Builders hear an order again for what they are doing."""
        await self._wait()
        for _ in range(self.world.chance.choice((3, 10))):
            await asyncio.sleep(self.world.chance.uniform(0, 0.6))
            for builder in self.world.builders:
                if builder.is_running and not builder.process.frozen:
                    builder.hear_again()
        self.world.note("orders were said twice")

    async def _stir(self) -> None:
        """Builders go from one hub to the other while commits take long: what one leases, the other's never got."""
        await self._wait(5)
        world = self.world
        world.note("builders wander between slow hubs")
        world.gentle = False  # a hello that is older than the builder's next one elsewhere may cost an attempt
        world.server.slow = True
        for hub in world.hubs:
            if not hub.is_running:
                hub.start()
        for _ in range(world.chance.choice((10, 25))):
            await asyncio.sleep(world.chance.uniform(0.1, 0.6))
            for line in world.lines:
                if world.luck.random() < 0.4:
                    line.reset()
        world.server.slow = False

    async def _drain(self) -> None:
        """SIGTERM, and later a new process."""
        await self._wait()
        builder = self.world.chance.choice(self.world.builders)
        process, agent = builder.process, builder.agent
        if process is None or agent is None or not process.alive or process.frozen or agent._connection.leaving:
            return  # a second SIGTERM would cancel what runs
        self.world.note(f"{builder.name} drains")
        self.world.gentle = False  # it may leave between an order and its word that it leaves: then it counts as lost

        async def drain() -> None:
            agent.drain()

        process.spawn(drain())
        await asyncio.sleep(self.world.chance.uniform(0.5, 8))
        builder.start_again()
