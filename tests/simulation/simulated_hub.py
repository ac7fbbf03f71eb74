"""A hub: the real scheduler, sessions, hearing and logs behind a made-up door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection

from hubwright.config.settings import Builds
from hubwright.errors import ConflictError, HubwrightError, WireError
from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.hub.roll_call import SEEN_EVERY
from hubwright.hub.scheduler import Scheduler
from hubwright.hub.session import SessionSettings
from hubwright.hub.sessions import Sessions
from hubwright.store.writers import is_outage
from hubwright.wire import Hello, read_message
from simulation.simulated_database import DatabaseServer, SimulatedDatabase
from simulation.simulated_network import HubChannel, Line
from simulation.virtual_time import Process, VirtualLoop


@dataclass(frozen=True)
class Times:
    """How patient hubs are, seconds. Shorter than in real life, so that a schedule is, too."""

    heartbeat: float = 1.5
    seen_every: float = 2.0
    lost_after: float = 6.0


DEFAULTS = Times(SessionSettings().heartbeat, SEEN_EVERY, Builds().lost_after)
"""As they are unless an operator says otherwise."""


class SimulatedHub:
    """A hub that can be started, killed and started again; `offset` is how wrong its clock is, seconds."""

    def __init__(
        self, loop: VirtualLoop, name: str, server: DatabaseServer, logs: Path, chance: Random, times: Times
    ) -> None:
        self._loop = loop
        self._server = server
        self._folder = logs
        self._chance = chance
        self._times = times
        self.name = name
        self.offset = 0.0
        self.process: Process | None = None
        self.problems: list[str] = []

    @property
    def is_running(self) -> bool:
        """Whether its process is there and works."""
        return self.process is not None and self.process.alive

    def clock(self) -> float:
        """Unix time as this hub has it."""
        return 1_800_000_000.0 + self._loop.now + self.offset

    def start(self) -> None:
        """Begin a process."""
        self.process = Process(self._loop, self.name)
        self.process.spawn(self._live())

    async def _live(self) -> None:
        self.database = SimulatedDatabase(self._server, self._chance)
        self.logs = Logs(self._folder, Bell())
        settings = SessionSettings(heartbeat=self._times.heartbeat, steady=self._loop.time)
        self.sessions = Sessions(self.database, self.logs, self.clock, self._wake, settings)
        self.scheduler = Scheduler(
            self.database,
            self.sessions,
            self.clock,
            lambda: None,
            lost_after=self._times.lost_after,
            seen_every=self._times.seen_every,
        )
        await self.scheduler.run()

    def _wake(self) -> None:
        self.scheduler.wake()

    def kill(self) -> None:
        """As SIGKILL: what was not committed is gone."""
        if self.process is not None:
            self.process.kill()

    def accept(self, line: Line) -> None:
        """Somebody connects."""
        assert self.process is not None
        self.process.spawn(self._serve(line))

    async def _serve(self, line: Line) -> None:
        """As the route in `web.builders`."""
        channel = HubChannel(line)
        try:
            async with asyncio.timeout(10):
                frame = await channel.receive()
            if not isinstance(frame, str):
                return
            hello = read_message(frame, from_builder=True)
            assert isinstance(hello, Hello)
            await self.sessions.serve(hello, channel, None, channel.frames())
        except (WireError, TimeoutError):
            await channel.close("refused")
        except Exception as error:  # noqa: BLE001  as the route does
            if not is_outage(error) and not isinstance(error, OSError | HubwrightError):
                self.problems.append(f"{self.name}: {error!r}")
            await channel.close("try again")
        line.end_soon()

    async def ask(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Somebody uses the API: `work(connection, *arguments, now)`; None when it is refused."""
        assert self.process is not None

        def do(connection: Connection) -> Any:
            return work(connection, *arguments, self.clock())

        async def act() -> Any:
            try:
                return await self.database.write_soon(do)
            except Exception as error:
                if not is_outage(error) and not isinstance(error, ConflictError):
                    raise
                return None
            finally:
                self.scheduler.wake()

        return await self.process.spawn(act())
