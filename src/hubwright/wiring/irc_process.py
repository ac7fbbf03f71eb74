"""The bot as a process of its own, beside hubs that share its database."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager

from hubwright.config import Settings
from hubwright.errors import SettingsError
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.wiring.attendance import attending
from hubwright.wiring.first_start import prepare_ground
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.irc import IrcLife
from hubwright.wiring.logging import configure_logging
from hubwright.wiring.parts import FIGURES, Parts, open_parts
from hubwright.wiring.peers import open_copying, read_logs
from hubwright.wiring.scale_out import ScaleOut, open_scale_out
from hubwright.wiring.secret_keys import check_keys
from hubwright.wiring.stopping import on_stop
from hubwright.wiring.supervisor import Supervisor


def run_irc(settings: Settings) -> int:
    """Be on IRC until a signal ends it; an exit code. Raises SettingsError."""
    if settings.irc.server is None:
        raise SettingsError("`hubwright irc` needs a server: set IRC__SERVER, and IRC__CHANNELS.")
    configure_logging("irc", settings.log)
    hide_from_builds()
    prepare_ground(settings)
    check_keys(settings)
    process = _Process(settings)
    try:
        with process.attending():
            asyncio.run(process.live())
    finally:
        process.close()
    return 0


class _Process:
    """The bot with what it needs. Without a broker the hubs find what it asks of them within seconds, and it theirs."""

    def __init__(self, settings: Settings) -> None:
        self._scale: ScaleOut | None = None
        self._parts: Parts = open_parts(settings, self._wake)
        self._copying = open_copying(settings, self._parts.database)
        self._irc = IrcLife(settings, self._parts, read_logs(settings, self._copying))
        self._counting = InProcessDispatcher({FIGURES: self._parts.counting.drain})
        if settings.broker_url is not None:
            self._scale = open_scale_out(settings.broker_url, self._hear)

    def attending(self) -> AbstractContextManager[None]:
        """That it is there is noted until the block ends."""
        return attending(self._parts.database, "irc", self._parts.owner)

    async def live(self) -> None:
        """Until a signal ends it."""
        ending = asyncio.Event()
        on_stop(asyncio.get_running_loop(), ending.set)
        if self._scale is not None:
            self._scale.dispatcher.start()
            self._scale.start()
        self._counting.start()
        if self._copying is not None:
            self._copying.start()
        self._irc.start()
        supervisor = Supervisor(os.environ)
        supervisor.ready("Being on IRC, or ready to take over")
        alive = asyncio.create_task(supervisor.keep())
        await ending.wait()
        supervisor.stopping()
        alive.cancel()
        await self._irc.stop()
        if self._copying is not None:
            await self._copying.stop()

    def close(self) -> None:
        """Let what is being done end."""
        self._counting.stop(10.0)
        if self._scale is not None:
            self._scale.dispatcher.stop(10.0)
            self._scale.stop()
        self._parts.close()

    def _wake(self, queue: str) -> None:
        """What is new here is for hubs and workers, and for who is told of it on IRC."""
        self._hear(queue)
        if self._scale is not None:
            if queue != "runs":
                self._scale.dispatcher.wake(queue)
            if queue in {"runs", "facts"}:
                self._scale.ring(queue)

    def _hear(self, topic: str) -> None:
        if topic == "facts":
            self._irc.wake()
