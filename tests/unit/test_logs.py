"""A log holds the bytes that were sent, each once, however they were cut, doubled or delayed."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs

RUNS = itertools.count(1)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    opened = Logs(tmp_path_factory.mktemp("logs"), Bell())
    yield opened
    opened.close()


def test_a_log_that_another_hub_wrote_on_is_looked_at_again(tmp_path: Path) -> None:
    """A builder that went to another hub and came back: the size remembered here is old, and bytes would be refused."""
    one, other = Logs(tmp_path, Bell()), Logs(tmp_path, Bell())
    one.append(1, 0, b"first ")
    other.append(1, 6, b"second ")
    assert one.append(1, 13, b"third") == 6
    assert one.look_again(1) == 13
    assert one.append(1, 13, b"third") == 18
    assert one.read(1, 0, 99) == b"first second third"
    for logs in (one, other):
        logs.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    original=st.binary(max_size=300),
    cuts=st.lists(st.tuples(st.integers(0, 320), st.integers(0, 80), st.booleans()), max_size=30),
)
def test_whatever_the_chunks_the_log_is_the_beginning_of_what_was_sent(
    logs: Logs, original: bytes, cuts: list[tuple[int, int, bool]]
) -> None:
    """R1: overlapping, doubled and early chunks, and a hub that was started again in between."""
    run = next(RUNS)
    have = 0
    for offset, length, restart in cuts:
        data = original[offset : offset + length]
        if data and offset <= have:
            have = max(have, offset + len(data))
        assert logs.append(run, offset, data) == have == logs.size(run)
        if restart:
            logs.finish(run)
    assert logs.read(run, 0, 1000) == original[:have]
    assert logs.append(run, have, original[have:]) == len(original)
    assert logs.read(run, 0, 1000) == original
    logs.finish(run)


def test_bytes_after_a_gap_are_not_written(logs: Logs) -> None:
    run = next(RUNS)
    assert logs.append(run, 5, b"early") == 0
    assert logs.read(run, 0, 100) == b""
    logs.finish(run)


def test_a_log_that_is_not_there_is_empty(logs: Logs) -> None:
    assert logs.size(10**9) == 0
    assert logs.read(10**9, 0, 10) == b""


def test_a_run_that_begins_anew_has_an_empty_log(logs: Logs) -> None:
    run = next(RUNS)
    logs.append(run, 0, b"first")
    logs.clear(run)
    assert logs.size(run) == 0
    logs.append(run, 0, b"second")
    assert logs.read(run, 0, 100) == b"second"
    logs.clear(run)
    logs.clear(run)


def test_readers_are_woken_by_more_and_by_the_end(logs: Logs) -> None:
    """R19: an early reader misses nothing, a late one reads from the file."""
    run = next(RUNS)

    async def go() -> None:
        for change in (lambda: logs.append(run, 0, b"x"), lambda: logs.finish(run)):
            seen = logs.count(run)
            waiting = asyncio.create_task(logs.wait(run, seen, 20))
            await asyncio.sleep(0)
            change()
            assert await waiting
        assert not await logs.wait(run, logs.count(run), 0.01)

    asyncio.run(go())


def test_finished_logs_hold_no_file_open(tmp_path: Path) -> None:
    logs = Logs(tmp_path, Bell())
    before = len(list(Path("/proc/self/fd").iterdir()))
    for run in range(50):
        logs.append(run, 0, b"x")
        logs.finish(run)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_a_full_disk_did_not_take_does_not_count(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    """R16: half of it was written; the sender is told where to go on, and nothing is doubled or lost."""
    run = next(RUNS)
    logs.append(run, 0, b"before")
    write, left = os.pwrite, [3]

    def write_little(descriptor: int, data: bytes, offset: int) -> int:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data[: left.pop()]), offset)

    monkeypatch.setattr(os, "pwrite", write_little)
    with pytest.raises(OSError, match="No space"):
        logs.append(run, 6, b"and after")
    monkeypatch.undo()
    assert logs.size(run) == 9
    assert logs.append(run, 6, b"and after") == 15
    assert logs.read(run, 0, 100) == b"beforeand after"
    logs.finish(run)
