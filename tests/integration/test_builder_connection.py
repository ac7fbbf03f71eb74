"""A builder whose connection, hub or own life is cut short: nothing is lost, nothing is told twice."""

from __future__ import annotations

import signal
import time
from hashlib import sha256
from pathlib import Path

from builder_process import BuilderProcess, hub_and_builder, is_alive, scenario
from hub_stand_in import HubStandIn, payload
from hubwright.wire import Do, Job, LatestCommit, Leaving, Recorder, Vitals

COUNT = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i of three thousand; done"
COUNTED = "".join(f"line {i} of three thousand\n" for i in range(1, 3001)).encode()
SLOW = "for i in 1 2 3 4 5 6 7 8 9 10; do echo tick $i; sleep 0.1; done"


def output_of(log: bytearray) -> bytes:
    """What the (only) stage wrote."""
    return bytes(log).split(b"\x1b[0m\n", 1)[1]


def named(vitals: Vitals, name: str) -> bool:
    """Whether a run has a process of that name."""
    return any(process.name == name for run in vitals.runs for process in run.processes)


@scenario
async def test_a_connection_cut_in_mid_output_is_resumed_without_gap_or_repeat(tmp_path: Path) -> None:
    """R5, R19: the hub's log has the same hash as what was written, however often the line breaks."""
    async with hub_and_builder(tmp_path) as (hub, _):
        hub.acks = False
        script = f"for n in 1 2 3 4 5 6; do {COUNT}; sleep 0.2; done"
        told = await hub.build(payload({"name": "count", "run": script}))
        for cut in (1, 2, 3):
            await hub.until(lambda cut=cut: len(told.log) > cut * len(COUNTED))
            await hub.cut()
        hub.acks = True
        assert (await hub.result(told)).result == "success"

        assert sha256(output_of(told.log)).digest() == sha256(COUNTED * 6).digest()
        assert [type(message) for message in told.messages].count(Job) == 1


@scenario
async def test_a_run_that_ends_while_the_hub_is_away_is_told_later(tmp_path: Path) -> None:
    """R2: the builder goes on by itself and finishes offline."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "slow", "run": f"{SLOW}; touch {tmp_path}/ended"}))
        await hub.until(lambda: b"tick 1" in output_of(told.log) if b"\n" in told.log else False)
        await hub.stop()
        await hub.until((tmp_path / "ended").exists)
        await hub.start()

        assert (await hub.result(told)).result == "success"
        assert output_of(told.log) == b"".join(b"tick %d\n" % i for i in range(1, 11))
        await hub.until(lambda: not list((builder.work_dir / "runs").iterdir()))


@scenario
async def test_a_killed_builder_tells_what_it_had_and_ends_the_run_as_an_error(tmp_path: Path) -> None:
    """R3: `kill -9` in mid-stage; after the restart the whole log arrives, and the stage's processes are gone."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        script = f"echo pid=$$; {COUNT}; exec sleep 600"
        told = await hub.build(payload({"name": "a", "run": script}, {"name": "b", "run": "true"}))
        await hub.until(lambda: told.of(Job))
        spooled = builder.work_dir / "runs" / "1-1" / "log"
        await hub.until(lambda: b"line 3000 of" in spooled.read_bytes().split(b"\x1b[0m\n")[-1])
        await hub.until(lambda: [one for one in hub.others if isinstance(one, Vitals) and named(one, "sleep")])
        builder.kill()
        written = spooled.read_bytes()
        again = BuilderProcess(hub.url, builder.work_dir)
        try:
            result = await hub.result(told)

            assert result.result == "error"
            assert result.detail.startswith("The builder was restarted while the run was under way. Killed: ")
            assert result.recording is not None
            assert result.recording.cause == "killed"
            assert "sleep" in {process.name for process in result.recording.processes}
            assert told.stage_results() == {0: "error", 1: "skip"}
            assert bytes(told.log) == written
            assert hub.hellos[0].instance == hub.hellos[-1].instance
            assert not is_alive(int(output_of(told.log).split(b"pid=")[1].split()[0]))
        finally:
            again.kill()


@scenario
async def test_a_result_that_nobody_acknowledged_is_told_again_after_a_restart(tmp_path: Path) -> None:
    """The true result survives the builder; the stage is not run again."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        hub.acks = False
        told = await hub.build(payload({"name": "a", "run": f"echo once >> {tmp_path}/times"}))
        await hub.result(told)
        builder.kill()
        told.messages.clear()
        told.log.clear()
        told.seq = 0
        hub.acks = True
        again = BuilderProcess(hub.url, builder.work_dir)
        try:
            assert (await hub.result(told)).result == "success"
            assert (tmp_path / "times").read_text() == "once\n"
            await hub.until(lambda: not list((builder.work_dir / "runs").iterdir()))
        finally:
            again.kill()


@scenario
async def test_a_run_whose_lease_is_gone_is_stopped_and_forgotten(tmp_path: Path) -> None:
    """R4, S24: told in the welcome after a cut; nothing more is said of it."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "a", "run": "echo pid=$$; exec sleep 600"}))
        await hub.until(lambda: b"pid=" in told.log.split(b"\x1b[0m\n")[-1])
        told.held = False
        await hub.cut()
        await hub.until(lambda: not list((builder.work_dir / "runs").iterdir()))
        (recorder,) = await hub.until(lambda: [one for one in hub.others if isinstance(one, Recorder)])
        assert recorder.recording.cause == "network"
        pid = int(output_of(told.log).split(b"pid=")[1].split()[0])
        await hub.until(lambda: not is_alive(pid))

        assert told.result is None
        assert len(hub.hellos) == 2
        fresh = await hub.build(payload({"name": "a", "run": "true"}), run=1, lease=2)
        assert (await hub.result(fresh)).result == "success"


@scenario
async def test_a_dropped_run_is_stopped_without_a_result(tmp_path: Path) -> None:
    """The order `drop` is for a lease that was lost while connected."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "a", "run": "echo pid=$$; exec sleep 600"}))
        await hub.until(lambda: b"pid=" in told.log.split(b"\x1b[0m\n")[-1])
        await hub.order(Do(order="drop", run=1, lease=1))
        pid = int(output_of(told.log).split(b"pid=")[1].split()[0])
        await hub.until(lambda: not is_alive(pid) and not list((builder.work_dir / "runs").iterdir()))

        assert told.result is None


@scenario
async def test_a_new_lease_of_a_run_ends_the_old_one(tmp_path: Path) -> None:
    """One run is never worked on twice at a time by one builder."""
    async with hub_and_builder(tmp_path, "--slots", "2") as (hub, _):
        old = await hub.build(payload({"name": "a", "run": "echo pid=$$; exec sleep 600"}), lease=1)
        await hub.until(lambda: b"pid=" in old.log.split(b"\x1b[0m\n")[-1])
        new = await hub.build(payload({"name": "a", "run": "true"}), lease=2)

        assert (await hub.result(new)).result == "success"
        pid = int(output_of(old.log).split(b"pid=")[1].split()[0])
        await hub.until(lambda: not is_alive(pid))


@scenario
async def test_an_order_said_twice_is_done_once(tmp_path: Path) -> None:
    """A hub that is not sure whether its order arrived may say it again."""
    async with hub_and_builder(tmp_path, "--slots", "2") as (hub, _):
        given = payload({"name": "a", "run": f"echo once >> {tmp_path}/times; sleep 0.2"})
        await hub.build(given)
        told = await hub.build(given)
        await hub.result(told)

        assert (tmp_path / "times").read_text() == "once\n"


@scenario
async def test_a_silent_hub_is_left_for_a_new_connection(tmp_path: Path) -> None:
    """R5: a connection that is dead without having been closed is noticed within a few heartbeats."""
    hub = HubStandIn(heartbeat=0.2)
    hub.mute = True
    async with hub_and_builder(tmp_path, hub=hub):
        await hub.until(lambda: len(hub.hellos) > 1, 20)


@scenario
async def test_a_quiet_connection_is_kept(tmp_path: Path) -> None:
    """Pings hold it when nothing else is said."""
    hub = HubStandIn(heartbeat=0.1)
    async with hub_and_builder(tmp_path, hub=hub):
        await hub.until(lambda: hub.pings > 8, 10)

        assert len(hub.hellos) == 1


@scenario
async def test_a_free_builder_asks_for_work(tmp_path: Path) -> None:
    """System 1's `latestCommit`, after each hello."""
    async with hub_and_builder(tmp_path, "--platform", "plan9-mips") as (hub, _):
        await hub.until(lambda: [said for said in hub.others if isinstance(said, LatestCommit)])

        assert [said for said in hub.others if not isinstance(said, Vitals)] == [LatestCommit(platform="plan9-mips")]
        assert (hub.hellos[0].platform, hub.hellos[0].slots, hub.hellos[0].executor) == ("plan9-mips", 1, "process")


@scenario
async def test_a_drained_builder_finishes_and_takes_leave(tmp_path: Path) -> None:
    """R28: SIGTERM ends nothing that runs; exit code 0 when all is delivered."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "slow", "run": SLOW}))
        await hub.until(lambda: told.of(Job))
        builder.signal()
        await hub.until(lambda: Leaving() in hub.others)

        assert (await hub.result(told)).result == "success"
        assert await builder.exit_code() == 0


@scenario
async def test_a_hub_may_drain_a_builder(tmp_path: Path) -> None:
    """The order `drain`: an idle builder ends at once."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        await hub.order(Do(order="drain"))

        assert await builder.exit_code() == 0


@scenario
async def test_a_second_sigterm_cancels_what_runs(tmp_path: Path) -> None:
    """For those who cannot wait; the hub hears the cancellation."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        told = await hub.build(payload({"name": "slow", "run": "sleep 600"}))
        await hub.until(lambda: told.of(Job))
        builder.signal()
        await hub.until(lambda: Leaving() in hub.others)
        builder.signal(signal.SIGTERM)

        assert (await hub.result(told)).result == "cancellation"
        assert await builder.exit_code() == 0


@scenario
async def test_a_builder_that_the_hub_does_not_know_ends_with_code_4(tmp_path: Path) -> None:
    """A wrong token is told in one sentence, not tried for ever."""
    async with HubStandIn().running() as hub:
        builder = BuilderProcess(hub.url, tmp_path / "work", token="wrong")

        assert await builder.exit_code() == 4
        assert "does not accept the token" in builder.said
        assert "Traceback" not in builder.said


@scenario
async def test_a_folder_has_one_builder(tmp_path: Path) -> None:
    """Two in one folder would tell each other's runs; the second ends with code 75 and says what to do."""
    async with hub_and_builder(tmp_path) as (hub, builder):
        second = BuilderProcess(hub.url, builder.work_dir)

        assert await second.exit_code() == 75
        assert "--work-dir" in second.said


def test_a_builder_without_a_hub_waits_for_one(tmp_path: Path) -> None:
    """The first attempts come quickly, and it uses no processor meanwhile."""
    builder = BuilderProcess("http://127.0.0.1:9", tmp_path / "work")
    try:
        deadline = time.monotonic() + 20
        while builder.said.count("hub_away") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert builder.process.poll() is None
    finally:
        builder.kill()
