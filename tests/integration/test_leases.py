"""Leases are renewed while work goes on, and only one's own."""

from __future__ import annotations

import time
from functools import partial

import pytest
from sqlalchemy import func, select, update

from hub_parts import rows
from hubwright.hub.leases import LeaseKeeper
from hubwright.store import queues, schema
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from waiting import until


def add(database: Database, count: int) -> None:
    items = [Incoming(f"g{number}", "ping", "github", b"{}", time.time()) for number in range(count)]
    database.write(lambda connection: keep_deliveries(connection, items))


def take(database: Database, owner: str, limit: int) -> list[int]:
    claim = partial(queues.claim, table=schema.delivery, owner=owner, now=time.time(), lease_seconds=0.4, limit=limit)
    return [row.id for row in database.write(claim)]


def test_what_is_held_stays_held_and_what_others_hold_is_left_alone(database: Database) -> None:
    """R13: a killed process' rows come back, a working one's do not."""
    add(database, 3)
    mine, theirs = take(database, "me", 2), take(database, "a dead one", 1)
    keeper = LeaseKeeper(database, schema.delivery, "me", time.time, 0.4)
    keeper.hold(mine)
    try:
        first = {row.id: row.lease_until for row in rows(database, schema.delivery)}
        until(
            lambda: all(
                row.lease_until > first[row.id] + 0.5 for row in rows(database, schema.delivery) if row.id in mine
            )
        )
        assert take(database, "another", 10) == theirs
    finally:
        keeper.close()


def test_after_the_end_nothing_is_renewed(database: Database) -> None:
    add(database, 1)
    held = take(database, "me", 1)
    keeper = LeaseKeeper(database, schema.delivery, "me", time.time, 0.4)
    keeper.hold(held)
    keeper.close()
    until(lambda: take(database, "another", 10) == held, 10)


def test_what_nobody_works_on_any_more_comes_back(database: Database) -> None:
    """The database went away in mid-work, or while its answer was on its way: the process lives on, the row waits."""
    add(database, 2)
    given_up, kept = take(database, "me", 1), take(database, "me", 1)
    keeper = LeaseKeeper(database, schema.delivery, "me", time.time, 0.4)
    try:
        keeper.hold([*given_up, *kept, *kept])
        keeper.release(kept)  # it was leased a second time while the first one's work went on
        with pytest.raises(ValueError, match="no use"), keeper.holding(given_up):
            raise ValueError("no use")
        keeper.release(given_up)
        until(lambda: take(database, "another", 10) == given_up, 10)
    finally:
        keeper.close()


def test_one_who_holds_nothing_writes_nothing(database: Database) -> None:
    """An idle hub leaves the disk alone."""
    add(database, 2)
    end = update(schema.delivery).values(state="done")
    database.write(lambda connection: connection.execute(end))
    written: list[object] = []
    write = database.write
    database.write = lambda work: written.append(work) or write(work)  # type: ignore[method-assign,func-returns-value]
    keeper = LeaseKeeper(database, schema.delivery, "me", time.time, 0.03)
    time.sleep(0.2)
    keeper.close()
    assert written == []
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.delivery)).scalar_one() == 2
