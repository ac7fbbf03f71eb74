"""The roll of builders: what is written of them, and when; what is wished of them; who is shut out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from build_lives import Clock, Lives
from builder_process import scenario
from hub_parts import Floor, held, open_floor, rows
from hubwright import wire
from hubwright.hub import fleet
from hubwright.hub.bounds import LOG_BEYOND
from hubwright.hub.roll_call import SEEN_EVERY
from hubwright.store import builders, schema
from hubwright.store.database import Database
from hubwright.store.tokens import keep_builder
from hubwright.wire import Ack, Case, Do, Event, Job, Leaving, Output, Ping, Pong
from hubwright.wire import Result as ResultMessage


def begin(floor: Floor, builder: str = "anvil", number: int = 1) -> int:
    """A run that is leased to the builder."""
    lives = Lives(floor.database, floor.clock)
    (run,) = lives.runs(lives.build(f"{number:040x}"))
    lives.start(run, builder)
    return run


def wish(floor: Floor, name: str, wanted: str | None) -> None:
    floor.database.write(lambda connection: fleet.set_wish(connection, name, wanted, "ada", floor.clock()))


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that change something, of both engines."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            said.append(statement)

    engines = (database.engine, database._writer_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


@scenario
async def test_neither_a_heartbeat_nor_a_log_line_writes_a_row(database: Database, tmp_path: Path) -> None:
    """R22: an hour of heartbeats of ten builders, thousands of log lines; what is written are the notes for all."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        channels = [await floor.connect(f"b{number}") for number in range(9)]
        run = begin(floor)
        busy = await floor.connect(runs=(held(run),))
        await floor.step()
        offset, lines = 0, 0
        with counted(database) as said:
            for _ in range(60):
                for beat in range(6):
                    clock.now += 10
                    for channel in (*channels, busy):
                        channel.say(Ping(at=clock.now), Pong(at=float(beat), clock=clock.now))
                    for _line in range(20):
                        line = f"line {lines} of a log\n".encode()
                        busy.say(Output(run, 1, offset, line))
                        offset, lines = offset + len(line), lines + 1
                await busy.until(Ack, run=run, log=offset)
                await floor.step()
        assert lines == 7200
        assert floor.logs.size(run) == offset
        assert len(said) <= 2 * 60, said[:10]
        assert {statement.split()[1] for statement in said} <= {"builder"}


@scenario
async def test_all_builders_are_noted_by_one_statement(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        for number in range(20):
            await floor.connect(f"b{number}")
        await floor.step()
        clock.now += SEEN_EVERY
        with counted(database) as said:
            await floor.step()
        assert len(said) == 2
        assert {row.seen_at for row in rows(database, schema.builder)} == {clock.now}


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_wall_clock_that_jumps_loses_nobody(database: Database, tmp_path: Path, jump: float) -> None:
    """R15: neither one that is connected nor one that is just away; the steady clock goes on by itself."""

    async def check() -> None:
        steady, wall = Clock(100.0), Clock()
        async with open_floor(database, tmp_path, wall, steady=steady) as floor:
            here, away = begin(floor, "here", 1), begin(floor, "away", 2)
            await floor.connect("here", runs=(held(here),))
            gone = await floor.connect("away", runs=(held(away),))
            gone.say(Event(run=away, lease=1, seq=1, at=1.0, event="warning"))
            await gone.until(Ack, run=away, seq=1)
            await gone.leave()
            await floor.step()
            wall.now += jump
            for _ in range(5):
                steady.now += 11
                await floor.step()
            assert [floor.row(run).state for run in (here, away)] == ["running", "running"]
            assert floor.sessions.names() == {"here"}
            steady.now += 6
            await floor.step()
            assert [floor.row(run).state for run in (here, away)] == ["running", "finished"]

    asyncio.run(check())


@scenario
async def test_lag_and_skew_are_noted_when_they_are_known(database: Database, tmp_path: Path) -> None:
    """And times of a builder whose clock is plainly wrong are told by ours."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, heartbeat=0.01) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        for count in range(1, 4):
            async with asyncio.timeout(20):
                while len(channel.heard(Ping)) < count:  # noqa: ASYNC110  a channel tells of kinds, not of counts
                    await asyncio.sleep(0.002)
            channel.say(Pong(at=channel.heard(Ping)[-1].at, clock=clock.now - 100))
            clock.now += 0.001
        channel.say(Job(run=run, lease=1, seq=1, at=clock.now - 99, stage=0))
        await channel.until(Ack, run=run, seq=1)
        await floor.step()
        (row,) = rows(database, schema.builder)
        assert row.skew == pytest.approx(-100, abs=0.1)
        assert row.lag is not None
        (stage, *_) = rows(database, schema.stage, run_id=run)
        assert abs(stage.started_at - clock.now) < 2


@scenario
async def test_a_paused_builder_gets_nothing_until_it_is_resumed(database: Database, tmp_path: Path) -> None:
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel = await floor.connect()
        wish(floor, "anvil", builders.PAUSE)
        await floor.step()
        lives = Lives(database, floor.clock)
        (run,) = lives.runs(lives.build("a" * 40))
        await floor.step()
        assert floor.row(run).state == "queued"
        await channel.leave()
        back = await floor.connect()
        await floor.step()
        assert floor.row(run).state == "queued"
        wish(floor, "anvil", None)
        await floor.step()
        await back.until(Do, order="build", run=run)


@scenario
async def test_a_drained_builder_is_told_once_and_may_come_again(database: Database, tmp_path: Path) -> None:
    """R28: what it was given and never began waits again at once when it has left."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel = await floor.connect()
        wish(floor, "anvil", builders.DRAIN)
        await floor.step()
        await floor.step()
        assert len(channel.heard(Do, order="drain")) == 1
        run = begin(floor)
        channel.say(Leaving(), Ping(at=1.0))
        await channel.until(Pong)
        await floor.step()
        assert rows(database, schema.builder)[0].state == "draining"
        await channel.leave()
        (row,) = rows(database, schema.builder)
        assert (row.state, row.wish) == ("away", None)
        assert floor.row(run).state == "queued"
        assert rows(database, schema.fact, kind="BuilderAway") == []


@scenario
async def test_a_builder_whose_connection_is_lost_is_told_away(database: Database, tmp_path: Path) -> None:
    """Nobody had sent it away: channels miss it when it does not come back."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel = await floor.connect()
        await channel.leave()
        (fact,) = rows(database, schema.fact, kind="BuilderAway")
        assert fact.data["builder"] == "anvil"
        assert rows(database, schema.builder)[0].state == "away"


@scenario
async def test_whose_token_is_revoked_is_ended_and_its_run_begun_again(database: Database, tmp_path: Path) -> None:
    """At every hub by its own look: here, and at one that does not hold the connection."""
    async with open_floor(database, tmp_path, Clock()) as floor, open_floor(database, tmp_path, floor.clock) as other:
        database.write(lambda connection: keep_builder(connection, "s", "anvil", None, floor.clock()))
        (token,) = rows(database, schema.token)
        run = begin(floor)
        channel = await floor.connect(token_id=token.id, runs=(held(run),))
        channel.say(Event(run=run, lease=1, seq=1, at=1.0, event="warning"))
        await channel.until(Ack, run=run, seq=1)
        await other.step()
        assert floor.row(run).state == "running"
        database.write(lambda connection: fleet.revoke(connection, token.id, floor.clock()))
        await other.step()
        assert (floor.row(run).result, channel.closed) == ("error", None)
        await floor.step()
        assert "revoked" in str(channel.closed)
        assert floor.sessions.names() == set()


@scenario
async def test_builders_of_a_hub_that_died_are_away_by_and_by(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    async with open_floor(database, tmp_path, clock) as floor:
        await floor.connect("mine")
        seen = {"name": "theirs", "state": "connected", "connected_at": clock.now, "seen_at": clock.now}
        row = {"platform": "p", "labels": [], "slots": 1, "version": "1", "executor": "e", "instance": "i"}
        database.write(lambda connection: connection.execute(schema.builder.insert().values(**seen, **row)))
        for _ in range(4):
            clock.now += SEEN_EVERY
            await floor.step()
        assert [(one.name, one.state) for one in rows(database, schema.builder)] == [
            ("mine", "connected"), ("theirs", "away"),
        ]  # fmt: skip
        (fact,) = rows(database, schema.fact, kind="BuilderAway")
        assert fact.data == {"builder": "theirs", "platform": "p"}


@scenario
async def test_a_log_bomb_ends_its_run_and_fills_no_disk(database: Database, tmp_path: Path) -> None:
    """S26: whatever its builder thinks of the limit (1000 bytes, and what a builder may add)."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        channel = await floor.connect(runs=(held(run),))
        most = 1000 + LOG_BEYOND
        channel.say(Output(run, 1, 0, bytes(most)))
        await channel.until(Ack, run=run, log=most)
        channel.say(Output(run, 1, most, b"x"))
        await channel.until(Do, order="drop", run=run)
        assert floor.logs.path(run).stat().st_size == most
        row = floor.row(run)
        assert (row.state, row.result) == ("finished", "error")
        assert "more log" in row.detail


@scenario
async def test_numbers_words_and_times_of_builders_are_bounded(database: Database, tmp_path: Path) -> None:
    """S26: what would not fit a column, is not yet, or was never, neither breaks the run nor reaches a page."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        run = begin(floor)
        begun = floor.clock.now
        channel = await floor.connect(runs=(held(run),))
        floor.clock.now += 50
        words, hostile = "s" * 10**5, "\0" * 99_999
        case = Case(suite=words, classname="\0", name="n", result="passed", seconds=1e300, message=hostile)
        few = Case(suite="s", classname="c", name="n\0", result="passed", message="m")
        end = ResultMessage(
            run=run, lease=1, seq=3, at=1e300, result="failure", stage=0, exit_code=2**62, detail=hostile
        )
        channel.say(
            Job(run=run, lease=1, seq=1, at=-1e300, stage=0, attempt=2**60),
            wire.Tests(run=run, lease=1, seq=2, stage=0, cases=(case, *(few,) * 600)),
            end,
            ResultMessage(run=run, lease=1, seq=4, at=1e300, result="failure"),
        )
        await channel.until(Ack, run=run, seq=4)
        (stage, *_) = rows(database, schema.stage, run_id=run)
        assert (stage.started_at, stage.finished_at) == (pytest.approx(begun, abs=2), floor.clock.now)
        assert len(rows(database, schema.test_case, run_id=run)) == 500
        assert floor.row(run).result == "failure"
