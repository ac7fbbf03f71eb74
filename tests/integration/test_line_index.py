"""Lines by number: the same as counting them, whatever the log, however it grew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpu_time import costs_less_than
from hubwright.hub.bell import Bell
from hubwright.hub.line_index import LONGEST_LINE, LineIndex
from hubwright.hub.logs import Logs


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    logs = Logs(tmp_path, Bell())
    yield logs
    logs.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 40)), max_size=6), st.integers(0, 10_000), st.booleans()
)
def test_a_growing_log_is_indexed_as_if_read_whole(
    logs: Logs, parts: list[tuple[int, int]], somewhere: int, unfinished: bool
) -> None:
    """Marks are set while the log grows, at every 1,000th line, in the middle of pieces and at their ends."""
    run = int(time.monotonic_ns())
    index = LineIndex(logs)
    for lines, width in parts:
        logs.append(run, logs.size(run), (b"x" * width + b"\n") * lines)
        index.count(run)
    if unfinished:
        logs.append(run, logs.size(run), b"tail")
    whole = logs.read(run, 0, 10_000_000)

    expected = whole.splitlines()
    assert index.count(run) == len(expected)
    assert index.whole_lines(run) == whole.count(b"\n")
    line = min(somewhere, len(expected)) or 1
    offset = sum(len(each) + 1 for each in expected[: line - 1])
    assert index.offset_of(run, line) == offset
    assert index.line_at(run, offset) == line
    assert index.read_lines(run, line, 1_000) == expected[line - 1 : line + 999]
    logs.finish(run)


def test_a_missing_log_has_no_lines(logs: Logs) -> None:
    """A run that waits, and one whose log is not kept any more."""
    index = LineIndex(logs)

    assert (index.count(1), index.offset_of(1, 5), index.line_at(1, 0), index.read_lines(1, 1, 10)) == (0, 0, 1, [])


def test_endless_lines_cost_no_memory(logs: Logs) -> None:
    """A build may put out megabytes without a newline."""
    logs.append(1, 0, b"x" * 3_000_000 + b"\nnext\n")

    first, second = LineIndex(logs).read_lines(1, 1, 2)
    assert len(first) <= LONGEST_LINE
    assert second == b"next"


def test_a_million_lines_are_indexed_at_once(logs: Logs) -> None:
    """100 MB take 0.06 s on an idle machine, a jump far below a millisecond; the bound is for a busy one."""
    line = b"cc -O2 -Wall -Iinclude -c -o build/some_module.o src/some_module.c and a little more to make it long\n"
    for _ in range(10):
        logs.append(1, logs.size(1), line * 100_000)
    index = LineIndex(logs)

    with costs_less_than(1):
        assert index.count(1) == 1_000_000
        assert index.offset_of(1, 765_432) == 765_431 * len(line)
