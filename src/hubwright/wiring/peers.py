"""What one of several hubs has to do with the others. With SQLite there is one hub, and nothing of this."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hubwright.config import Settings
from hubwright.errors import SettingsError
from hubwright.hub.bell import Bell
from hubwright.hub.log_adoption import LogAdoption
from hubwright.hub.log_copies import LogCopies
from hubwright.hub.log_reading import AnyLogs
from hubwright.hub.log_seals import LogSeals
from hubwright.hub.logs import Logs
from hubwright.hub.presence import Presence
from hubwright.outlets.peers import Peers
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.processes import Process
from hubwright.store.writers import is_outage
from hubwright.wiring.attendance import PRESENCE, describe_process
from hubwright.wiring.secret_keys import keys_of

SEALS, ADOPTION = "seals", "adoption"
"""The queues of logs that have ended, and of those of old times."""

PLACE = "place"
"""The file in the folder of logs that has its name."""

_OF_OTHERS = "logs-of-hubs"

_ANYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104  it is compared with

logger = structlog.get_logger()


class Copying:
    """Copies of logs that hubs have, and of those that are sealed; `logs` is where they lie."""

    def __init__(self, settings: Settings, database: Database, logs: Logs) -> None:
        storage = Storage(settings.storage_url, stalled=settings.artifacts.stalled)
        self.logs = logs
        self._peers = Peers(keys_of(settings))
        self.copies = LogCopies(database, logs, storage, self._peers.fetch, settings.peers.log_copies, time.time)

    def start(self) -> None:
        """Begin to copy, in the event loop."""
        self.copies.start()

    async def stop(self) -> None:
        """Copy no more."""
        await self.copies.stop()
        await self._peers.close()


class PeersLife(Copying):
    """The same in a hub, whose own logs others copy; sealed logs, and the note that it is there."""

    def __init__(self, settings: Settings, database: Database, logs: Logs, one: Process) -> None:
        super().__init__(settings, database, logs)
        adopted = Storage(settings.storage_url, stalled=settings.artifacts.stalled)
        self._adoption = LogAdoption(database, adopted, logs, time.time)
        seals = Storage(settings.storage_url, stalled=settings.artifacts.stalled)
        self._seals = LogSeals(database, seals, logs, time.time, self.copies.keep)
        self._presence = Presence(database, one, time.time)

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue."""
        return {SEALS: self._seals.drain, ADOPTION: self._adoption.drain, PRESENCE: self._presence.drain}

    def end(self) -> None:
        """What ended here is sealed, so that nobody needs this hub's disk while it is away. Call it last."""
        try:
            self._seals.drain()
            self._presence.end()
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("hub_not_parted", error=str(error).partition("\n")[0])


def open_peers(settings: Settings, database: Database, logs: Logs, owner: str, port: int) -> PeersLife | None:
    """What there is to other hubs; None with SQLite."""
    if not logs.place:
        return None
    return PeersLife(settings, database, logs, describe_process("hub", owner, find_address(settings, port), logs.place))


def open_copying(settings: Settings, database: Database) -> Copying | None:
    """For a process that is no hub, and shows logs nevertheless; None with SQLite."""
    if database.dialect == "sqlite":
        return None
    return Copying(settings, database, Logs(Path(settings.data_dir) / _OF_OTHERS, Bell(), place=_OF_OTHERS))


def read_logs(settings: Settings, copying: Copying | None) -> AnyLogs:
    """The logs for that process: those of the one hub, on the same machine, where there are no others."""
    if copying is None:
        return AnyLogs(Logs(Path(settings.data_dir) / "logs", Bell()))
    return AnyLogs(copying.logs, copying.copies.bring_now)


def find_address(settings: Settings, port: int) -> str:
    """Where other hubs reach this one: as it is set, else by the address that it listens at, or its machine's name."""
    if settings.peers.url is not None:
        return settings.peers.url.rstrip("/")
    host = socket.gethostname() if settings.host in _ANYWHERE else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read_place(settings: Settings) -> str:
    """The name of this hub's folder of logs, made once; empty with SQLite. Raises SettingsError."""
    if settings.database_url.startswith("sqlite"):
        return ""
    path = Path(settings.data_dir) / "logs" / PLACE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_name(f"{PLACE}.{os.getpid()}")
            part.write_text(secrets.token_hex(8))
            part.rename(path)
        return path.read_text(encoding="ascii").strip()[:32]
    except (OSError, ValueError) as error:
        raise SettingsError(f"The file {path} can't be used: {error}.") from error
