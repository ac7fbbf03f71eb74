"""Runs reach builders, each once, and come back from those that are lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from build_lives import RECIPE, Clock, Lives
from builder_process import scenario
from hub_parts import Floor, MemoryChannel, held, open_floor, rows
from hubwright.hub import pauses
from hubwright.hub.roll_call import SEEN_EVERY
from hubwright.hub.scheduler import LOOK_AGAIN
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.wire import Ack, Do, Job
from hubwright.wire import Result as ResultMessage


def add(floor: Floor, count: int = 1, recipe: str = RECIPE) -> list[int]:
    """New runs that wait."""
    lives = Lives(floor.database, floor.clock)
    return [run for number in range(count) for run in lives.runs(lives.build(f"{number + 1:040x}", recipe=recipe))]


def orders(channel: MemoryChannel) -> list[int]:
    return [order.run for order in channel.heard(Do, order="build")]


async def finish(channel: MemoryChannel, run: int, lease: int = 1) -> None:
    channel.say(ResultMessage(run=run, lease=lease, seq=1, at=1.0, result="success"))
    await channel.until(Ack, run=run, seq=1)


@scenario
async def test_runs_go_to_builders_of_their_platform_and_the_idlest_first(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        arm = await floor.connect("arm", platform="linux-arm64", slots=3)
        big = await floor.connect("big", platform="linux-amd64", slots=4)
        (only,) = add(floor, recipe="platforms: linux-arm64\n" + RECIPE)
        globs = add(floor, 2, recipe='platforms: "linux-*"\n' + RECIPE)
        (never,) = add(floor, recipe="platforms: windows\n" + RECIPE)
        await floor.step()
        assert only in orders(arm)
        assert set(globs) <= set(orders(big))
        assert floor.row(never).state == "queued"


@scenario
async def test_runs_with_labels_go_only_to_builders_that_have_all_of_them(database: Database, tmp_path: Path) -> None:
    """One that nobody can take holds up none behind it, and a new attempt wants the same."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        plain = await floor.connect("plain", slots=9)
        (wanting,) = add(floor, recipe="labels: [gpu, big]\n" + RECIPE)
        (anywhere,) = add(floor, recipe="name: other\n" + RECIPE)
        await floor.step()
        assert orders(plain) == [anywhere]
        half = await floor.connect("half", labels=("gpu",))
        whole = await floor.connect("whole", labels=("big", "red", "gpu"))
        await floor.step()
        assert (orders(half), orders(whole)) == ([], [wanting])
        whole.say(ResultMessage(run=wanting, lease=1, seq=1, at=1.0, result="error", lost=True))
        await whole.until(Ack, run=wanting, seq=1)
        await floor.step()
        (again,) = [row for row in rows(database, schema.run, latest=True) if row.attempt == 2]
        assert (again.labels, orders(half), orders(whole)) == ("big,gpu", [], [wanting, again.id])


@scenario
async def test_no_builder_gets_more_than_its_slots_and_none_gets_a_run_twice(
    database: Database, tmp_path: Path
) -> None:
    """However many ask at once."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        waiting = add(floor, 12)
        channels = [await floor.connect(f"b{number}", slots=number) for number in range(1, 4)]
        running = asyncio.create_task(floor.scheduler.run())
        try:
            async with asyncio.timeout(30):
                while waiting:
                    floor.scheduler.wake()
                    for slots, channel in enumerate(channels, 1):
                        mine = [run for run in orders(channel) if run in waiting]
                        assert len(mine) <= slots
                        for run in mine:
                            await finish(channel, run)
                            waiting.remove(run)
                    await asyncio.sleep(0.002)
        finally:
            running.cancel()
        given = [run for channel in channels for run in orders(channel)]
        assert len(given) == len(set(given)) == 12
        assert {row.state for row in rows(database, schema.build)} == {"finished"}


@scenario
async def test_higher_priority_goes_first_then_first_come(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        first, second, third = add(floor, 3)
        raised = schema.run.update().where(schema.run.c.id == third).values(priority=99)
        database.write(lambda connection: connection.execute(raised))
        channel = await floor.connect()
        for expected in (third, first, second):
            await floor.step()
            assert orders(channel)[-1] == expected
            await finish(channel, expected)


@scenario
async def test_a_lost_builders_run_is_begun_again_once(database: Database, tmp_path: Path) -> None:
    """R3, R14: after a start everybody gets time to come back; then a new attempt, and at last an error."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, lost_after=60) as floor:
        (run,) = add(floor)
        for attempt in (1, 2):
            channel = await floor.connect(f"b{attempt}")
            await floor.step()
            given = orders(channel)[-1]
            channel.say(Job(run=given, lease=1, seq=1, at=1.0, stage=0))
            await channel.until(Ack, run=given, seq=1)
            await channel.leave()
            clock.now += 30
            await floor.step()
            assert floor.row(given).state == "running"
            clock.now += 70 + SEEN_EVERY
            await floor.step()
            assert (floor.row(given).state, floor.row(given).result) == ("finished", "error")
        assert given != run
        assert floor.build(floor.row(run).build_id).result == "error"
        facts = [row.kind for row in rows(database, schema.fact)]
        assert facts.count("BuilderLost") == 2
        assert facts.count("BuildFinished") == 1


@scenario
async def test_after_a_start_of_the_hub_builders_get_time_to_come_back(database: Database, tmp_path: Path) -> None:
    """R2: the hub was away longer than any patience; the builder worked on and its result counts."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        (run,) = add(floor)
        await floor.connect()
        await floor.step()
    clock.now += 3600
    async with open_floor(database, tmp_path, clock, lost_after=60) as floor:
        await floor.step()
        assert floor.row(run).state == "running"
        clock.now += 20
        back = await floor.connect(runs=(held(run),))
        await finish(back, run)
        assert floor.row(run).result == "success"


@scenario
async def test_hints_without_a_pause_keep_nobody_from_looking_around(database: Database, tmp_path: Path) -> None:
    """A busy hub must still note who lives, and find who is lost."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, lost_after=60) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        await floor.step()
        await channel.leave()
        clock.now += 1000
        running = asyncio.create_task(floor.scheduler.run())
        try:
            async with asyncio.timeout(10 * LOOK_AGAIN):
                while floor.row(run).state == "running":
                    floor.scheduler.wake()
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()


@scenario
async def test_a_run_that_its_builder_never_heard_of_goes_back(database: Database, tmp_path: Path) -> None:
    """The connection broke with the order in it."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        channel.broken = True
        await floor.step()
        assert floor.row(run).state == "running"
        await channel.leave()
        back = await floor.connect()
        assert (floor.row(run).state, floor.row(run).attempt) == ("queued", 1)
        await floor.step()
        assert orders(back) == [run]
        await finish(back, run, lease=2)
        assert floor.row(run).result == "success"


@scenario
async def test_a_run_that_a_connected_builder_does_not_have_is_found(database: Database, tmp_path: Path) -> None:
    """Whatever went wrong between lease and order: no run may wait for ever at a builder that knows nothing of it."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        Lives(database, clock).start(run, "anvil")
        await floor.step()
        assert orders(channel) == []
        for _ in range(2):  # missed once, it may be on its way
            clock.now += SEEN_EVERY + 1
            await floor.step()
        await floor.step()
        assert orders(channel) == [run]


@scenario
async def test_a_damaged_assignment_stops_no_other(database: Database, tmp_path: Path) -> None:
    """R12."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        bad, good = add(floor, 2)
        damage = schema.run.update().where(schema.run.c.id == bad).values(assignment={"stages": []})
        database.write(lambda connection: connection.execute(damage))
        channel = await floor.connect(slots=2)
        await floor.step()
        assert orders(channel) == [good]


@pytest.mark.parametrize("broken", [False, True])
def test_cancelling_reaches_the_builder_and_a_broken_one_holds_up_nobody(
    database: Database, tmp_path: Path, broken: bool
) -> None:
    async def check() -> None:
        async with open_floor(database, tmp_path, Clock()) as floor:
            first, second = add(floor, 2)
            one, two = await floor.connect("one"), await floor.connect("two")
            await floor.step()
            lives = Lives(database, floor.clock)
            for run in (first, second):
                lives.cancel(floor.row(run).build_id, "Cancelled by ada.")
            one.broken = broken
            await floor.step()
            told = [order.reason for channel in (one, two) for order in channel.heard(Do, order="cancel")]
            assert set(told) == {"Cancelled by ada."}
            assert two.heard(Do, order="cancel")
            assert bool(one.heard(Do, order="cancel")) is not broken

    asyncio.run(check())


@scenario
async def test_a_cancelled_run_whose_builder_is_away_ends_within_a_minute(database: Database, tmp_path: Path) -> None:
    """R11."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        await floor.step()
        await channel.leave()
        Lives(database, clock).cancel(floor.row(run).build_id, "Cancelled by ada.")
        clock.now += 55
        await floor.step()
        assert (floor.row(run).state, floor.row(run).result) == ("finished", "cancellation")
        back = await floor.connect(runs=(held(run),))
        assert not back.said[0].runs[0].held


@scenario
async def test_a_cancelled_run_that_its_builder_does_not_end_ends_on_the_hub(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: connected and told, but it never answers: final all the same, and what it tells later changes nothing."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        await floor.step()
        Lives(database, floor.clock).cancel(floor.row(run).build_id, "Cancelled by ada.")
        await floor.step()
        assert channel.heard(Do, order="cancel")
        assert floor.row(run).state == "running"
        monkeypatch.setattr("hubwright.hub.scheduler.CANCEL_WITHIN", 0.0)
        await floor.step()
        row = floor.row(run)
        assert (row.state, row.result) == ("finished", "cancellation")
        assert row.detail == "Cancelled by ada. (its builder did not end it in time)"
        channel.say(ResultMessage(run=run, lease=1, seq=1, at=1.0, result="success"))
        await channel.until(Do, order="drop", run=run)
        assert floor.row(run) == row


@scenario
async def test_a_cancelled_run_that_its_builder_never_heard_of_ends_with_its_return(
    database: Database, tmp_path: Path
) -> None:
    """It must not wait again, perhaps for ever."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        (run,) = add(floor)
        channel = await floor.connect()
        channel.broken = True
        await floor.step()
        Lives(database, floor.clock).cancel(floor.row(run).build_id, "no")
        await channel.leave()
        await floor.connect()
        assert (floor.row(run).state, floor.row(run).result) == ("finished", "cancellation")


@scenario
async def test_a_full_platform_takes_no_more_and_keeps_nobody_else_waiting(database: Database, tmp_path: Path) -> None:
    """However many wait for it: the others are looked for behind them. Counted are runs, whichever hub gave them."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        floor.scheduler.limits = {"mac-*": 2}
        mac = [await floor.connect(f"mac{at}", platform=f"mac-{at}", slots=4) for at in (13, 14)]
        linux = await floor.connect("oak", platform="linux", slots=1)
        macs = add(floor, 100, recipe='platforms: "mac-*"\n' + RECIPE)
        lives = Lives(floor.database, floor.clock)
        behind = lives.runs(lives.build("e" * 40, recipe=RECIPE))
        for _ in range(3):
            await floor.step()
        given = [run for channel in mac for run in orders(channel)]
        assert given == macs[:2]
        assert orders(linux) == behind
        channel = next(one for one in mac if macs[0] in orders(one))
        await finish(channel, macs[0])
        await floor.step()
        assert sorted(run for channel in mac for run in orders(channel)) == macs[:3]


@scenario
async def test_pauses_hold_from_the_first_look_of_a_scheduler(database: Database, tmp_path: Path) -> None:
    """They outlive restarts; what was paused before this scheduler began gives nothing out. Later ones are seen."""
    database.write(lambda connection: pauses.set_hub(connection, "ann", 1.0, paused=True))
    database.write(lambda connection: pauses.set_platform(connection, "lin*", "ben", 1.0, paused=True))
    async with open_floor(database, tmp_path, Clock()) as floor:
        oak, yew = await floor.connect("oak", slots=2), await floor.connect("yew", platform="haiku", slots=2)
        (linux,) = add(floor)
        lives = Lives(floor.database, floor.clock)
        (haiku,) = lives.runs(lives.build("e" * 40, recipe="platforms: haiku\n" + RECIPE))
        await floor.scheduler._lease()
        assert orders(oak) + orders(yew) == []
        database.write(lambda connection: pauses.set_hub(connection, "ann", 2.0, paused=False))
        await floor.step()
        assert (orders(oak), orders(yew)) == ([], [haiku])
        database.write(lambda connection: pauses.set_platform(connection, "lin*", "ann", 2.0, paused=False))
        await floor.step()
        assert orders(oak) == [linux]
