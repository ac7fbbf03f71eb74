"""The server: one process with doors, scheduler, sessions and, without a broker, every drain."""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec
from fastapi import FastAPI
from starlette.types import ASGIApp

from hubwright import __version__
from hubwright.config import Origin, Settings
from hubwright.hub.admission import ADMISSION
from hubwright.hub.backfill import Kinds
from hubwright.hub.bell import STOPPING, Bell, LoudBell
from hubwright.hub.dispatcher import Dispatcher, InProcessDispatcher
from hubwright.hub.flights import Flight
from hubwright.hub.pressure import Pressure
from hubwright.hub.scheduler import Scheduler
from hubwright.hub.secrets import Vault
from hubwright.hub.session import SessionSettings
from hubwright.hub.sessions import Sessions
from hubwright.reports.counting import NAME as COUNTED
from hubwright.reports.search_history import History
from hubwright.web.app import Works, make_app
from hubwright.web.gate import Gate
from hubwright.web.hooks import SPOOL, Hooks
from hubwright.web.site import FACTS
from hubwright.wire import Vitals
from hubwright.wiring.checks import run_checks
from hubwright.wiring.first_start import FirstStart, prepare
from hubwright.wiring.github import make_app_hook, make_hooks, make_setup
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.irc import IrcLife
from hubwright.wiring.local_builder import LocalBuilder, make_local_builder, read_slots
from hubwright.wiring.logging import configure_logging
from hubwright.wiring.outlets import OUTLETS, Outlets
from hubwright.wiring.parts import FIGURES, Parts, make_address_rules, open_parts
from hubwright.wiring.peers import SEALS, open_peers
from hubwright.wiring.questions import open_questions
from hubwright.wiring.redis_opening import REDIS, open_redis
from hubwright.wiring.scale_out import ScaleOut, open_scale_out
from hubwright.wiring.secret_keys import check_keys, keys_of, open_vault
from hubwright.wiring.server import Server, listen, server_config
from hubwright.wiring.site import make_retention, make_site, write_configuration
from hubwright.wiring.supervisor import Supervisor

GATHERED = 0.25
"""Seconds for which facts are gathered for them: most say nothing to them, and nobody waits for those that do."""

ROOM = "room"
"""The topic of rings that tell of ended runs. A hub that doesn't know it yet looks by itself each second."""

SPACED = 0.25
"""Seconds between two looks at what is new for them: all that happens meanwhile is one look, of each hub."""

GARBAGE = 10_000
"""New objects after which the youngest are looked through for garbage; Python's 700 are fewer than a page has."""


@dataclass(frozen=True)
class Extras:
    """What `up` has beyond a hub, the clock that the doors go by, and where each setting came from, to be shown."""

    demo: bool = False
    builder: bool = False
    clock: Callable[[], float] = time.time
    told: tuple[Origin, ...] = ()
    supervisor: Supervisor = field(default_factory=lambda: Supervisor({}))


def run_hub(settings: Settings, extras: Extras) -> int:
    """The hub, with a local builder where that is wanted, until a signal ends it; an exit code."""
    configure_logging("hub", settings.log)
    hide_from_builds()
    start = prepare(settings)
    check_keys(settings)
    listener = listen(settings.host, settings.port)
    port = int(listener.getsockname()[1])
    if settings.port == 0 and settings.public_url.endswith(":0"):
        settings = msgspec.structs.replace(settings, public_url=f"{settings.public_url[:-2]}:{port}")
    extras = replace(extras, supervisor=Supervisor(os.environ))
    gc.disable()  # the parts of a hub live as long as it
    hub = Hub(settings, extras, start, port)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()
    server = Server(server_config(hub.app, settings.access.proxies), hub.announce, hub.part_from_builder)
    with listener:
        server.run(sockets=[listener])
    return 0 if server.started else 1


class Hub:
    """The living parts of one hub, and their order of starting and stopping."""

    def __init__(self, settings: Settings, extras: Extras, start: FirstStart, port: int) -> None:
        self._settings = settings
        self._extras = extras
        self._start = start
        self._port = port
        self._bell = LoudBell() if settings.redis_url else Bell()
        self._scheduler: Scheduler | None = None
        self._builder: LocalBuilder | None = None
        read_slots(settings.slots)  # a wrong one is told before anything starts
        local = f"{platform.system()}-{platform.machine()}".lower() if extras.builder else None
        self._pressure = Pressure()
        self.parts: Parts = open_parts(settings, self.wake, pressure=self._pressure, default_platform=local)
        self._scale: ScaleOut | None = open_scale_out(settings.broker_url, self._hear) if settings.broker_url else None
        self._dispatcher: Dispatcher = (
            self._scale.dispatcher
            if self._scale
            else InProcessDispatcher(self._drains(), on_failure=self.parts.note_failure)
        )
        site = make_site(settings, self.parts, self._bell, self._wake_for_people)
        self._peers = open_peers(settings, self.parts.database, site.logs, self.parts.owner, port)
        self.site = replace(
            site,
            copies=site.copies if self._peers is None else self._peers.copies,
            peer_keys=keys_of(settings),
            clock=extras.clock,
            flight_of=self._find_flight,
            vitals_of=self._find_vitals,
            history_of=self._find_history,
            difference_of=self.parts.differences.compare,
            find_reporters=self._name_reporters,
            configuration=write_configuration(extras.told),
            examine=lambda: tuple(run_checks(settings)),
        )
        self._redis = open_redis(settings, self.parts, self.site.logs, self._bell)
        self._outlets = Outlets(settings, self.site, self.parts.owner)
        self._irc = IrcLife(settings, self.parts, self.site.any_logs(), takes_part=not settings.irc.apart)
        self._housekeeping = InProcessDispatcher(
            self._house_drains(),
            gathered=dict.fromkeys((*OUTLETS, FIGURES), GATHERED),
            spaced=dict.fromkeys((REDIS, SEALS), SPACED),
            on_failure=self.parts.note_failure,
        )
        self.gate = Gate(self.site)
        vault = open_vault(settings)
        self._sessions = Sessions(
            self.parts.database,
            self.site.logs,
            time.time,
            self._note_room,
            SessionSettings(
                heartbeat=settings.builders.heartbeat,
                uploads=settings.public_url,
                vault=vault,
                token_of=self.parts.github.token_of,
                on_facts=lambda: self.wake("facts"),
                on_search=lambda: self.wake("bisections"),
                on_room=lambda: self.wake(ADMISSION),
            ),
        )
        self.app: ASGIApp = make_app(self.site, self.gate, self._make_works(vault), self._life)

    def _make_works(self, vault: Vault) -> Works:
        """What the doors that act lead to."""
        settings = self._settings
        github_hooks = make_hooks(settings, self.parts.database, self.parts.github)
        return Works(
            hooks=Hooks(self.site, self._pressure.note),
            sessions=self._sessions,
            wishes=self.parts.wishes,
            vault=vault,
            rules=make_address_rules(settings),
            replica=self.parts.replica,
            github=self.parts.github.client,
            healing=self.parts.healing,
            github_hooks=github_hooks,
            app_hook=make_app_hook(settings, self.parts.github, github_hooks.url),
            github_setup=make_setup(settings, self.parts.github, lambda: self.wake("facts")),
            questions=open_questions(settings),
        )

    def _find_flight(self, run: int) -> Flight | None:
        return self._sessions.flight_of(run)

    def _find_vitals(self, builder: str) -> Vitals | None:
        return self._sessions.vitals_of(builder)

    def _find_history(self, failure: int) -> History | None:
        return self._outlets.search.find_history(failure)

    def wake(self, queue: str) -> None:
        """Something waits in a queue; from any thread."""
        self._hear(queue)
        if queue not in {"runs", "builders", SPOOL}:
            self._dispatcher.wake(queue)
        if self._scale is not None and queue in {"runs", "builders", "facts"}:
            self._scale.ring(queue)

    def _note_room(self) -> None:
        """Builders may have become free, and a platform may have room for those of other hubs."""
        self._hear(ROOM)
        if self._scale is not None:
            self._scale.ring(ROOM)

    def _wake_for_people(self, queue: str) -> None:
        """What people do with builds may make room for others, or be for the limits to judge."""
        self.wake(queue)
        if queue == "runs":
            self.wake(ADMISSION)

    def _hear(self, queue: str) -> None:
        """A wake of this process or a ring of another."""
        if queue == "runs" and self._scheduler is not None:
            self._scheduler.wake()
            if self._builder is not None:
                self._builder.wake()
        elif queue == ROOM and self._scheduler is not None:
            self._scheduler.wake_for_room()
            if self._builder is not None:
                self._builder.wake()
        elif queue == "builders" and self._scheduler is not None:
            self._scheduler.call_roll()
        elif queue == SPOOL:
            self._housekeeping.wake(SPOOL)
        elif queue == "facts":
            self.parts.facts.note()
            self._bell.ring(FACTS)
            self._housekeeping.wake(REDIS)
            self._irc.wake()
            for outlet in (*OUTLETS, FIGURES, SEALS):
                self._housekeeping.wake(outlet)

    def _house_drains(self) -> dict[str, Callable[[], float | None]]:
        """What every hub does by itself, with workers or without."""
        also = (*self._outlets.names, *self._irc.names, COUNTED)
        retention = make_retention(self._settings, self.site, self.parts, self._outlets.filing, also)
        kinds = Kinds(self.parts.database, time.time, self.wake)
        redis = {} if self._redis is None else self._redis.drains()
        counting = {FIGURES: self.parts.counting.drain}
        peers = {} if self._peers is None else self._peers.drains()
        own: dict[str, Callable[[], float | None]] = {"retention": retention.drain, "kinds": kinds.drain}
        if self.site.spool is not None:
            own[SPOOL] = self.site.spool.drain
        return {**own, **self._outlets.drains(), **redis, **counting, **peers}

    def _name_reporters(self) -> tuple[str, ...]:
        """Those that are at work, for the figures of who is behind."""
        relays = self.parts.relay, self._outlets, self._irc
        return (*(name for relay in relays for name in relay.names), COUNTED)

    def _drains(self) -> dict[str, Callable[[], float | None]]:
        return self.parts.drains()

    @asynccontextmanager
    async def _life(self, _app: FastAPI) -> AsyncIterator[None]:
        self._scheduler = Scheduler(
            self.parts.database,
            self._sessions,
            time.time,
            lambda: self.wake("facts"),
            lost_after=self._settings.builds.lost_after,
            seen_every=self._settings.builders.seen_every,
            on_doubt=lambda: self.wake("approvals"),
        )
        self._scheduler.limits = self.site.platform_limits
        await asyncio.to_thread(self.parts.take_back)
        if self._peers is not None:
            self._peers.start()
        scheduling = asyncio.create_task(self._scheduler.run())
        self._dispatcher.start()
        self._housekeeping.start()
        if self._redis is not None:
            self._redis.start()
        if self._scale is not None:
            self._scale.start()
        if self._extras.builder:
            self._builder = make_local_builder(self._settings, self._start, self._port, self.parts.database)
            self._builder.start()
        if self._extras.demo and self._start.is_empty:
            await asyncio.to_thread(self._start.begin_demo, self.parts, self.wake)
        self._irc.start()
        living = asyncio.create_task(self._extras.supervisor.keep())
        try:
            yield
        finally:
            living.cancel()
            scheduling.cancel()
            await self._irc.stop()
            if self._peers is not None:
                await self._peers.stop()
            await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._dispatcher.stop(10.0)
        self._housekeeping.stop(10.0)
        self._outlets.close()
        if self._redis is not None:
            self._redis.stop()
        if self._scale is not None:
            self._scale.stop()
        self.site.logs.close()
        if self.site.spool is not None:
            self.site.spool.close()
        if self._peers is not None:
            self._peers.end()
        self.parts.close()

    async def part_from_builder(self) -> None:
        """End the local builder while it can still hand over what it holds, and streams, to be read elsewhere."""
        self._extras.supervisor.stopping()
        if self._builder is not None:
            await asyncio.to_thread(self._builder.stop)
        self._bell.ring(STOPPING)

    async def announce(self) -> None:
        """Say where we are, on the operator's terminal; data for programs goes to stdout."""
        link = await self.gate.make_login_link()
        print(f"Hubwright {__version__} is ready at {self.site.public_url}", flush=True)
        print(f"Log in once with   {link}", flush=True)
        self._extras.supervisor.ready(f"Listening at {self.site.public_url}")
