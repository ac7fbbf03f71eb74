"""When a log's bytes came: noted beside it, bounded, and true after crashes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from hubwright.hub.bell import Bell
from hubwright.hub.log_times import load_times, note_time
from hubwright.hub.logs import Logs


def test_a_byte_came_when_its_batch_did(tmp_path: Path) -> None:
    """Batches that follow closer than 50 ms share their moment; what was not noted is not made up."""
    logs = Logs(tmp_path, Bell())
    for at, data in ((None, b"old\n"), (10.0, b"a\n"), (10.02, b"b\n"), (12.5, b"c\n")):
        logs.append(1, logs.size(1), data, at)
    times = logs.load_times(1, 0, 100)
    assert [times.at(offset) for offset in (0, 4, 6, 8, 9)] == [None, 10_000, 10_000, 12_500, 12_500]
    logs.close()


def test_moments_survive_a_restart_and_bytes_that_come_twice(tmp_path: Path) -> None:
    """What is sent again after a disconnect is not written again, and keeps the moment it had."""
    for at in (10.0, 20.0):
        logs = Logs(tmp_path, Bell())
        logs.append(1, 0, b"first\n", at)
        logs.append(1, 6, b"second\n", at + 1)
        logs.close()
    assert [logs.load_times(1, 0, 99).at(offset) for offset in (0, 6)] == [10_000, 11_000]


def test_a_log_that_lost_its_end_loses_the_moments_of_it(tmp_path: Path) -> None:
    """A hub's disk that came back: bytes that are sent again have a new moment, and a torn pair does no harm."""
    logs = Logs(tmp_path, Bell())
    logs.append(1, 0, b"x" * 10, 10.0)
    logs.append(1, 10, b"y" * 10, 20.0)
    logs.finish(1)
    logs.path(1).write_bytes(b"x" * 10)
    times = logs.path(1).with_suffix(".times")
    times.write_bytes(times.read_bytes() + b"torn")
    logs.append(1, 10, b"z" * 10, 30.0)
    assert [logs.load_times(1, 0, 99).at(offset) for offset in (9, 10)] == [10_000, 30_000]
    logs.close()


def test_a_log_that_begins_anew_has_no_old_moments(tmp_path: Path) -> None:
    logs = Logs(tmp_path, Bell())
    logs.append(1, 0, b"x" * 10, 10.0)
    logs.clear(1)
    assert list(tmp_path.rglob("1.*")) == []
    logs.append(1, 0, b"y")
    assert logs.load_times(1, 0, 99).at(0) is None
    logs.close()


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-100, 5_000)), max_size=60), st.integers(0, 3_000))
def test_any_part_tells_what_the_whole_tells(pairs: list[tuple[int, int]], start: int) -> None:
    """A page loads the moments of a thousand lines, not those of a million; a clock set back does not go back."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "times"
        offset, moment, before = 0, 1_000, None
        expected: list[tuple[int, int]] = []
        for step, later in pairs:
            moment = max(moment + later, 0)
            before = note_time(path, offset, moment, None if step % 3 == 0 else before)  # now and then a restart
            expected.append((offset, max([moment, *(noted for _, noted in expected)])))
            offset += step
        part = load_times(path, start, start + 100)
    for at in range(start, start + 100):
        known = [noted for begin, noted in expected if begin <= at]
        assert part.at(at) == (known[-1] if known else None)
