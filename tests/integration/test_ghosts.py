"""Builders and runs between two moments: gone before they were welcomed, leased and never sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from build_lives import RECIPE, Clock, Lives
from builder_process import scenario
from hub_parts import Floor, MemoryChannel, held, make_hello, open_floor, rows
from hubwright.domain.scheduling import FreeBuilder, pair
from hubwright.hub import moves
from hubwright.store import runs, schema
from hubwright.store.database import Database
from hubwright.wire import Do


def add(floor: Floor) -> int:
    lives = Lives(floor.database, floor.clock)
    (run,) = lives.runs(lives.build("1" * 40, recipe=RECIPE))
    return run


def lease(floor: Floor) -> None:
    """As the scheduler does it, and then its hub is killed before the order goes out."""
    free = [FreeBuilder(name="anvil", platform="linux", slots=1)]

    def write(connection: Connection) -> None:
        moves.lease(connection, pair(runs.load_waiting(connection, free, limit=9), free), floor.clock.now)

    floor.database.write(write)


@scenario
async def test_a_builder_that_is_gone_before_its_welcome_is_not_here(database: Database, tmp_path: Path) -> None:
    """R3: else it would count as connected for ever, and the runs that it gets would never end (seed 868)."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel = MemoryChannel(floor.sessions)
        channel.broken = True
        with pytest.raises(ConnectionError):
            await floor.sessions.serve(make_hello(), channel, None, channel.frames())

        assert floor.sessions.names() == set()
        assert floor.sessions.free() == []
        assert [row.state for row in rows(database, schema.builder)] == ["away"]


@scenario
async def test_a_run_that_was_leased_and_not_sent_begins_when_its_builder_comes(
    database: Database, tmp_path: Path
) -> None:
    """R14: a hub killed between "scheduled" and "started"; nothing was lost, so it is still the first attempt."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        run = add(floor)
        lease(floor)
    async with open_floor(database, tmp_path, clock) as floor:
        builder = await floor.connect()
        await floor.step()

        (order,) = builder.heard(Do, order="build")
        assert (order.run, order.lease) == (run, 2)
        assert (floor.row(run).state, floor.row(run).attempt) == ("running", 1)


@scenario
async def test_a_run_that_was_sent_and_not_heard_of_goes_on_where_it_is(database: Database, tmp_path: Path) -> None:
    """R14: the order went out, then the hub was killed; the builder tells the next hub that it has the run."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        run = add(floor)
        lease(floor)
    async with open_floor(database, tmp_path, clock) as floor:
        builder = await floor.connect(runs=(held(run),))
        await floor.step()

        assert builder.heard(Do) == []
        assert (floor.row(run).state, floor.row(run).lease) == ("running", 1)
        assert floor.sessions.holds(floor.row(run))
