"""What the hub keeps of builders' samples: in memory while all is well, a row when a run is lost, bounded always."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import event

from build_lives import Clock, Lives
from builder_process import scenario
from hub_parts import Floor, MemoryChannel, held, open_floor, rows
from hubwright.hub.flights import KEPT, PROCESSES
from hubwright.hub.roll_call import SEEN_EVERY
from hubwright.store import retention, schema
from hubwright.store.database import Database
from hubwright.store.recordings import Kept, load_recording
from hubwright.wire import Ack, Do, Job, Machine, Ping, Point, Pong, Process, Recorder, Recording, RunVitals, Usage
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Vitals as VitalsMessage

GB = 10**9


def machine(at: float, **more: float) -> Machine:
    values = {"memory": 3 * GB, "memory_total": 8 * GB, "disk_free": 50 * GB, "disk_total": 90 * GB, **more}
    return Machine(at=at, **values)  # type: ignore[arg-type]


def vitals(run: int, at: float, lease: int = 1, processes: int = 2) -> VitalsMessage:
    """A second of a run that runs `make`."""
    told = tuple(Process(pid=100 + number, parent=99, name="make" * 40, memory=GB) for number in range(processes))
    one = RunVitals(run=run, lease=lease, usage=Usage(memory=GB, processes=processes), processes=told)
    return VitalsMessage(machine=machine(at), runs=(one,))


def recording(at: float, cause: str = "network", sentence: str = "Network: it worked on.") -> Recording:
    point = Point(machine=machine(at), usage=Usage(memory=GB))
    return Recording(cause=cause, sentence=sentence, points=(point,))


def load(floor: Floor, run: int) -> Kept | None:
    with floor.database.reading() as connection:
        return load_recording(connection, run)


async def heard(channel: MemoryChannel, mark: float) -> None:
    """All that was said before has been heard."""
    channel.say(Ping(at=mark))
    await channel.until(Pong, at=mark)


async def running(floor: Floor, **hello: str) -> tuple[MemoryChannel, int]:
    """A builder with a run that has begun."""
    channel = await floor.connect(**hello)
    lives = Lives(floor.database, floor.clock)
    (run,) = lives.runs(lives.build(f"{len(floor.channels):040x}"))
    await floor.step()
    await channel.until(Do, order="build", run=run)
    channel.say(Job(run=run, lease=1, seq=1, at=1.0, stage=0))
    await channel.until(Ack, run=run, seq=1)
    return channel, run


@scenario
async def test_samples_are_kept_in_memory_without_a_row(database: Database, tmp_path: Path) -> None:
    """R22: no statement for a sample; of all that come only the last minute is kept, and no more processes than fit."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel, run = await running(floor)
        await heard(channel, 1.0)
        statements: list[str] = []
        for engine in (database.engine, database._writer_engine):
            event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

        for second in range(200):
            channel.say(vitals(run, float(second), processes=100))
        channel.say(vitals(run, 1000.0, lease=7), vitals(run + 1, 1000.0))
        await heard(channel, 2.0)

        flight = floor.sessions.flight_of(run)
        assert flight is not None
        assert [point.machine.at for point in flight.points] == [float(at) for at in range(200 - KEPT, 200)]
        assert len(flight.processes) == PROCESSES
        assert max(len(process.name) for process in flight.processes) == 64
        assert floor.sessions.flight_of(run + 1) is None
        assert statements == []


@scenario
async def test_a_lost_run_has_its_last_minute_and_a_verdict(database: Database, tmp_path: Path) -> None:
    """R3: kept when the builder parts, judged when it stays away; the run's detail says it too."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, lost_after=60) as floor:
        channel, run = await running(floor)
        channel.say(vitals(run, clock.now - 1), vitals(run, clock.now))
        await heard(channel, 1.0)
        await channel.leave()
        absent = load(floor, run)
        assert absent is not None
        assert (absent.cause, len(absent.data.points)) == (None, 2)
        for _ in range(2):
            clock.now += 60 + 2 * SEEN_EVERY
            await floor.step()

        kept = load(floor, run)

        assert kept is not None
        assert kept.cause == "killed"
        assert kept.sentence is not None
        assert "connection ended without a word" in kept.sentence
        assert floor.row(run).detail == f"Builder anvil was lost. {kept.sentence}"
        assert len(kept.data.points) == 2


@scenario
async def test_a_builder_that_comes_back_in_time_leaves_nothing(database: Database, tmp_path: Path) -> None:
    """A short cut is no loss: what was kept goes with the next hello, and the run ends as it ends."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel, run = await running(floor)
        channel.say(vitals(run, 1.0))
        await heard(channel, 1.0)
        await channel.leave()
        assert load(floor, run) is not None

        again = await floor.connect(runs=(held(run, seq=1),))

        assert load(floor, run) is None
        again.say(ResultMessage(run=run, lease=1, seq=2, at=1.0, result="success"))
        await again.until(Ack, run=run, seq=2)
        assert rows(database, schema.recording) == []


@scenario
async def test_a_builder_that_comes_back_without_the_run_is_judged_by_its_hello(
    database: Database, tmp_path: Path
) -> None:
    """Its boot tells whether the machine was started anew."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        for name, boot, cause in (("one", "later", "machine restarted"), ("two", "boot", "killed")):
            channel, run = await running(floor, name=name, boot="boot", process="first")
            channel.say(vitals(run, 1.0))
            await heard(channel, 1.0)
            await channel.leave()

            await floor.connect(name, boot=boot, process="second")

            kept = load(floor, run)
            assert kept is not None
            assert kept.cause == cause
            assert kept.sentence is not None
            assert kept.sentence in floor.row(run).detail


@scenario
async def test_only_the_run_s_own_builder_corrects_the_verdict(database: Database, tmp_path: Path) -> None:
    """R4: a thawed builder tells what it was; another one, or one under another lease, changes nothing."""
    clock = Clock()
    async with open_floor(database, tmp_path, clock, lost_after=60) as floor:
        channel, run = await running(floor)
        channel.say(vitals(run, clock.now))
        await heard(channel, 1.0)
        await channel.leave()
        for _ in range(2):
            clock.now += 60 + 2 * SEEN_EVERY
            await floor.step()
        other, own = await floor.connect("other"), await floor.connect("anvil", runs=(held(run, seq=1),))
        other.say(Recorder(run=run, lease=1, recording=recording(1.0, sentence="A lie.")))
        own.say(Recorder(run=run, lease=2, recording=recording(1.0, sentence="Of another lease.")))
        own.say(Recorder(run=10**9, lease=1, recording=recording(1.0)))
        await heard(other, 2.0)
        await heard(own, 2.0)
        assert load(floor, run).cause == "killed"  # type: ignore[union-attr]

        own.say(Recorder(run=run, lease=1, recording=recording(clock.now)))
        await heard(own, 3.0)

        kept = load(floor, run)
        assert kept is not None
        assert (kept.cause, kept.sentence) == ("network", "Network: it worked on.")
        assert floor.row(run).detail == "Builder anvil was lost. Network: it worked on."
        assert len(kept.data.points) == 2


@scenario
async def test_a_result_brings_its_recording(database: Database, tmp_path: Path) -> None:
    """What a builder tells of a run that broke is kept in the transaction that ends it, within bounds; then it goes."""
    async with open_floor(database, tmp_path, Clock()) as floor:
        channel, run = await running(floor)
        points = tuple(Point(machine=machine(float(at)), usage=Usage()) for at in range(500))
        processes = tuple(Process(pid=number, parent=1, name="x" * 900) for number in range(900))
        told = Recording(cause="disk full" * 9, sentence="Disk full: " * 900, points=points, processes=processes)
        channel.say(ResultMessage(run=run, lease=1, seq=2, at=1.0, result="error", recording=told))
        await channel.until(Ack, run=run, seq=2)

        kept = load(floor, run)

        assert kept is not None
        assert kept.cause == "unknown"
        assert [len(kept.data.points), len(kept.data.processes), len(kept.sentence or "")] == [KEPT, PROCESSES, 500]
        assert kept.data.points[-1].machine.at == 499
        database.write(lambda connection: retention.delete_builds(connection, [floor.row(run).build_id]))
        assert rows(database, schema.recording) == []
