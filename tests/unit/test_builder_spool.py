"""What a run has to tell survives its builder, and is sent in the right order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.builder.delivery import FRAME, WINDOW, Delivery
from hubwright.builder.log import Log
from hubwright.builder.masking import Masking
from hubwright.builder.spool import About, Key, Spool, Spools
from hubwright.builder.telling import Telling
from hubwright.domain.results import Result
from hubwright.wire import Case, Job, Message, read_message, read_output
from hubwright.wire import Result as Told


def told(spool: Spool) -> Telling:
    return Telling(spool, lambda: 1.0)


def test_a_spool_is_read_back_by_the_next_process(tmp_path: Path) -> None:
    """Numbers go on where they were, and the log's size is the file's."""
    first = Spool(tmp_path / "7-1", Key(7, 1))
    first.append_log(b"hello\n")
    told(first).stage_began(0, 1)
    first.write_about(About(stages=3))
    first.close()

    again = Spool(tmp_path / "7-1", Key(7, 1))
    messages = [read_message(frame, from_builder=True) for _, frame in again.read_back()]
    told(again).run_ended(Result.ERROR, "restarted")

    assert messages == [Job(run=7, lease=1, seq=1, at=1.0, stage=0, log=6)]
    assert again.read_about() == About(stages=3)
    assert [item.seq for item in again.waiting] == [1, 2]
    assert (again.held().seq, again.held().log) == (2, 6)
    again.close()


@pytest.mark.parametrize("torn", [b"[2,0,", b"[", b'[2,0,"{\\"job\\":{}}"]'])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    """A builder killed in the middle of a write had not sent that message."""
    spool = Spool(tmp_path / "7-1", Key(7, 1))
    told(spool).stage_began(0, 1)
    spool.close()
    with (tmp_path / "7-1" / "messages.jsonl").open("ab") as file:
        file.write(torn)

    again = Spool(tmp_path / "7-1", Key(7, 1))
    assert [seq for seq, _ in again.read_back()] == [1]
    told(again).stage_began(1, 1)
    again.close()
    last = Spool(tmp_path / "7-1", Key(7, 1))
    assert [seq for seq, _ in last.read_back()] == [1, 2]
    last.close()


def test_an_acknowledgement_frees_messages(tmp_path: Path) -> None:
    """All is delivered only when the run has ended and every message and byte is safe."""
    spool = Spool(tmp_path / "7-1", Key(7, 1))
    spool.append_log(b"x" * 10)
    told(spool).stage_began(0, 1)
    told(spool).run_ended(Result.SUCCESS, "")

    spool.acknowledge(2, 9)
    assert not spool.delivered
    spool.acknowledge(1, 10)
    assert spool.delivered
    spool.close()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """Only RUN-LEASE is ours."""
    for name in ("7-1", "x-1", "7-", "lost+found", "8-2"):
        (tmp_path / name).mkdir()
    spools = Spools(tmp_path)

    assert [spool.key for spool in spools.load()] == [Key(7, 1), Key(8, 2)]
    spools.drop(Key(7, 1))
    spools.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7-", "8-2", "lost+found", "x-1"]


def test_a_forgotten_spool_takes_no_more(tmp_path: Path) -> None:
    """A run that is being killed still writes; nobody wants it."""
    spool = Spool(tmp_path / "7-1", Key(7, 1))
    spool.remove()
    spool.append_log(b"late")
    told(spool).run_ended(Result.CANCELLATION, "")

    assert spool.closed
    assert not spool.waiting


def test_many_cases_go_in_several_messages(tmp_path: Path) -> None:
    """At most 500 a message."""
    spool = Spool(tmp_path / "7-1", Key(7, 1))
    cases = [Case(suite="s", classname="", name=str(number), result="passed") for number in range(1201)]
    told(spool).tested(0, cases)

    read = [read_message(item.frame, from_builder=True) for item in spool.waiting]
    spool.close()
    assert [len(getattr(message, "cases", ())) for message in read] == [500, 500, 201]
    assert [case.name for message in read for case in getattr(message, "cases", ())] == [case.name for case in cases]


class Hub:
    """Takes frames; acknowledges everything at once, or nothing."""

    def __init__(self, spool: Spool, *, acknowledge: bool = True) -> None:
        self.spool = spool
        self.acknowledge = acknowledge
        self.log = bytearray(spool.read_log(0, spool.acked_log))
        self.messages: list[Message] = []
        self.sizes: list[int] = []

    async def take(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            output = read_output(frame)
            assert output.offset == len(self.log)
            self.log += output.data
            self.sizes.append(len(output.data))
        else:
            message = read_message(frame, from_builder=True)
            if isinstance(message, Job | Told):
                assert len(self.log) >= message.log
            self.messages.append(message)
        if self.acknowledge:
            self.spool.acknowledge(getattr(self.messages[-1], "seq", 0) if self.messages else 0, len(self.log))


steps = st.lists(st.one_of(st.binary(min_size=1, max_size=3 * FRAME), st.just(None), st.just("pause")), max_size=8)


@settings(deadline=None, max_examples=50)
@given(steps, st.booleans())
def test_every_message_follows_its_log(
    tmp_path_factory: pytest.TempPathFactory, said: list[bytes | str | None], late: bool
) -> None:
    """Whatever is written when: the hub gets all of it, in order, and each message after its bytes."""

    async def deliver() -> None:
        spool = Spool(tmp_path_factory.mktemp("spool") / "7-1", Key(7, 1))
        hub = Hub(spool)
        delivery = Delivery(spool, hub.take).run()
        task = None if late else asyncio.ensure_future(delivery)
        for step in said:
            if isinstance(step, bytes):
                spool.append_log(step)
            elif step is None:
                told(spool).stage_began(0, 1)
            else:
                await asyncio.sleep(0)
        told(spool).run_ended(Result.SUCCESS, "")
        await asyncio.wait_for(task or delivery, 30)

        assert bytes(hub.log) == b"".join(step for step in said if isinstance(step, bytes))
        assert len(hub.messages) == 1 + said.count(None)
        assert max(hub.sizes, default=0) <= FRAME
        spool.remove()

    asyncio.run(deliver())


def test_no_more_is_under_way_than_the_window(tmp_path: Path) -> None:
    """A hub that is slow to keep what it gets is not flooded."""

    async def deliver() -> int:
        spool = Spool(tmp_path / "7-1", Key(7, 1))
        hub = Hub(spool, acknowledge=False)
        spool.append_log(b"x" * (2 * WINDOW))
        task = asyncio.ensure_future(Delivery(spool, hub.take).run())
        await turns(1000)  # each sends a frame, if it may
        size = len(hub.log)
        spool.remove()
        await task
        return size

    assert asyncio.run(deliver()) == WINDOW


def test_slow_output_is_gathered_but_begins_at_once(tmp_path: Path) -> None:
    """The first byte after a silence does not wait, a hundred more are few frames, and a message ends the waiting."""

    async def deliver() -> tuple[int, int, float, bool]:
        loop = asyncio.get_running_loop()
        spool = Spool(tmp_path / "7-1", Key(7, 1))
        hub = Hub(spool)
        task = asyncio.ensure_future(Delivery(spool, hub.take).run())
        await asyncio.sleep(0)
        began = loop.time()
        spool.append_log(b"a")
        await turns(5)
        first = len(hub.log)
        for _ in range(100):
            spool.append_log(b"b")
            await turns(1)
        told(spool).run_ended(Result.SUCCESS, "")
        await turns(20)
        at_once = task.done()
        await task
        spool.remove()
        return first, len(hub.sizes), loop.time() - began, at_once

    first, frames, seconds, at_once = asyncio.run(deliver())
    assert first == 1
    assert frames <= 3 + seconds / 0.05
    assert at_once


async def turns(count: int) -> None:
    """Let the event loop go round, without a wait."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_is_named_late_is_covered_wherever_it_stands(tmp_path: Path) -> None:
    """S19: also across the pieces in which the log is read, with colours inside; what follows is appended as before."""
    spool = Spool(tmp_path / "1-1", Key(1, 1))
    secret = b"fresh-token-77"
    start = 1024 * 1024 - 5
    spool.append_log(b"x" * start + secret + b"\n" + b"fresh-\x1b[31mtoken-77 " + b"fresh-token\n")
    spans = spool.scrub_log(Masking([secret.decode()]).spans)
    assert spans == [(start, 14), (start + 15, 19)]
    spool.append_log(b"more")
    log = spool.read_log(0, 2**22)
    assert log == b"x" * start + b"*" * 14 + b"\n" + b"*" * 19 + b" fresh-token\nmore"
    assert spool.scrub_log(Masking([secret.decode()]).spans) == []
    spool.close()
    assert spool.scrub_log(Masking([secret.decode()]).spans) == []


def test_of_a_log_beyond_its_limit_the_end_is_covered_too(tmp_path: Path) -> None:
    """It is not in the spool yet."""
    spool = Spool(tmp_path / "1-1", Key(1, 1))
    log = Log(spool.append_log, 10, (), lambda _: None, scrub=lambda _: None)
    for line in (b"0123456789", b"the fresh-to", b"ken-77 is\n", b"::add-mask::fresh-token-77\n"):
        log.write(line)
    log.finish()
    assert spool.read_log(0, 9999).endswith(b"\nthe ************** is\n::add-mask::***\n")
    spool.close()
