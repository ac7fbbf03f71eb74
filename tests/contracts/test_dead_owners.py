"""What a dead process held is due at once; what a living one holds is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_delivery
from hubwright.store.schema import delivery
from hubwright.wiring.owners import hand_back, is_gone, make_owner, take_back_from_the_dead
from waiting import until

NOW = 1_800_000_000.0


def owner_of(pid: int) -> str:
    """A name as the process of this number would have had it."""
    machine = make_owner().rpartition("-")[0].rpartition("-")[0]
    return f"{machine}-{pid}-0badcafe"


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def read_command_line(pid: int) -> bytes:
    """What the process was called with; Linux shows nothing for a moment after a program has begun (CI saw it)."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def claim(database: Database, owner: str) -> int:
    """A delivery that `owner` has claimed."""

    def work(connection: Connection) -> int:
        keep_delivery(connection, Incoming(f"guid of {owner}", "ping", "github", b"{}", NOW))
        (row,) = queues.claim(connection, delivery, owner, NOW, lease_seconds=900, limit=1)
        return int(row.id)

    return database.write(work)


def state(database: Database, number: int) -> str:
    with database.reading() as connection:
        return str(connection.execute(select(delivery.c.state).where(delivery.c.id == number)).scalar_one())


def test_who_is_gone_is_known() -> None:
    """Only a process of this machine that has ended, or whose number is something else's by now."""
    own = make_owner()
    assert own != make_owner()
    assert is_gone(owner_of(dead_process()), own)
    assert is_gone(owner_of(os.getpid()), own)  # our number, another life: a container that was started again
    with subprocess.Popen(["sleep", "60"]) as stranger:
        until(lambda: read_command_line(stranger.pid))
        assert is_gone(owner_of(stranger.pid), own)
        stranger.kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "hubwright"]) as living:
        until(lambda: read_command_line(living.pid))
        assert not is_gone(owner_of(living.pid), own)
        living.kill()
    assert not is_gone(own, own)
    for name in ("elsewhere-1-0badcafe", "", "nobody", "a-b-c", f"{own}-x"):
        assert not is_gone(name, own)


@pytest.mark.parametrize("alive", [False, True])
def test_work_of_the_dead_is_taken_back(database: Database, *, alive: bool) -> None:
    """R14: else a delivery waits until the end of a lease that nobody will end. SQLite has one process at a time."""
    own = make_owner()
    number = claim(database, "elsewhere-1-0badcafe" if alive else owner_of(dead_process()))
    take_back_from_the_dead(database, own)
    with database.reading() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
    assert state(database, number) == ("leased" if alive and not on_sqlite else "waiting")


def test_a_stop_hands_back_its_own_and_nothing_else(database: Database) -> None:
    own = make_owner()
    ours, theirs = claim(database, own), claim(database, owner_of(dead_process()))
    hand_back(database, own)
    assert (state(database, ours), state(database, theirs)) == ("waiting", "leased")
    assert claim(database, own)  # it can be claimed again at once
