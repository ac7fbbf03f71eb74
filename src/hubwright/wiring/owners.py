"""Who holds leases of waiting work, and whether that process is gone: then nobody has to wait until its leases end."""

from __future__ import annotations

import os
import secrets
import socket
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from hubwright.store.database import Database
from hubwright.store.queues import load_owners, take_back
from hubwright.store.schema import delivery, report, task, watch
from hubwright.store.writers import is_outage

_QUEUES = (delivery, report, task, watch)

logger = structlog.get_logger()


def make_owner() -> str:
    """A name for this process that no other has: machine, process number, chance."""
    return f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"


def take_back_from_the_dead(database: Database, own: str) -> None:
    """Whatever a killed process of this machine held is due at once. Call it before this process begins to work.

    Of processes elsewhere nothing is known: what they held comes back when their leases end.
    """
    count = database.write(partial(_take_back, own=own))
    if count:
        logger.info("work_taken_back", rows=count)


def hand_back(database: Database, own: str) -> None:
    """What this process claimed and has not begun is due at once, for others or for its next start."""
    try:
        database.write(lambda connection: sum(take_back(connection, table, own) for table in _QUEUES))
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("work_not_handed_back", error=str(error).partition("\n")[0])


def _take_back(connection: Connection, own: str) -> int:
    count = 0
    on_sqlite = connection.dialect.name == "sqlite"  # such a database belongs to one process at a time
    for table in _QUEUES:
        gone = [owner for owner in load_owners(connection, table) if on_sqlite or is_gone(owner, own)]
        count += sum(take_back(connection, table, owner) for owner in gone)
    return count


def is_gone(owner: str, own: str) -> bool:
    """Whether the process of that name was one of this machine and has ended; `own` is the name of this one."""
    machine, _, rest = owner.rpartition("-")[0].rpartition("-")
    if machine != _machine() or not rest.isdigit() or owner == own:
        return False
    if int(rest) == os.getpid():  # its number is ours now, as in a container that was started again
        return True
    return not _may_be_ours(int(rest))


def _may_be_ours(pid: int) -> bool:
    """Whether a living process of this number may be one of ours; numbers are given to others in time."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or a system without /proc
        return True
    return state != "Z" and (not words or b"hubwright" in words)


def _machine() -> str:
    return socket.gethostname()[:30]
