"""What a run's user has left in the folders of all is found, whatever others do there meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubwright.builder.executors import traces
from hubwright.builder.executors.traces import Scan

ME = os.geteuid()
NOBODY = 60_999
LONG_AGO = (1_700_000_000, 1_700_000_000)


@pytest.fixture(autouse=True)
def _no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """System V objects of who runs the tests are left alone."""
    monkeypatch.setattr(traces, "_KINDS", ())


def test_a_file_of_others_that_goes_meanwhile_keeps_nothing_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S42: else who makes and deletes files in `/tmp` all the time has the next run find what this one left."""
    for name in ("left", "going", "too"):
        (tmp_path / name).write_text("x")
    look = os.scandir

    @contextmanager
    def look_late(place: str) -> Iterator[list[os.DirEntry[str]]]:
        with look(place) as entries:
            found = list(entries)
        (tmp_path / "going").unlink()
        yield found

    monkeypatch.setattr(traces.os, "scandir", look_late)
    Scan({ME}, [str(tmp_path)]).remove_traces(ME)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_what_comes_after_a_look_is_found(tmp_path: Path) -> None:
    """S42: also under the name of a file that others have deleted, for which the system may take the same inode."""
    (tmp_path / "of-others").write_text("x")
    os.utime(tmp_path, LONG_AGO)
    scan = Scan({NOBODY}, [str(tmp_path)])
    scan.remove_traces(NOBODY)
    assert os.listdir(tmp_path) == ["of-others"]  # noqa: PTH208
    (tmp_path / "of-others").unlink()
    (tmp_path / "of-others").write_text("planted")
    scan.remove_traces(ME)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_place_without_news_is_not_looked_through_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With much in `/tmp` looking costs more than a short run; but what is a run's is never passed over."""
    looks = []
    look = os.scandir
    monkeypatch.setattr(traces.os, "scandir", lambda place: looks.append(place) or look(place))
    (tmp_path / "a").write_text("x")
    for users, expected in (({NOBODY}, 1), ({ME, NOBODY}, 3)):
        os.utime(tmp_path, LONG_AGO)
        scan = Scan(users, [str(tmp_path)])
        looks.clear()
        for _ in range(3):
            scan.remove_traces(NOBODY)
        assert len(looks) == expected


def test_what_changed_just_now_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a folder goes in steps: a file that comes within the same step must not be taken for old."""
    (tmp_path / "a").write_text("x")
    scan = Scan({NOBODY}, [str(tmp_path)])
    now = os.stat(tmp_path).st_mtime_ns  # noqa: PTH116
    monkeypatch.setattr(traces.time, "time_ns", lambda: now + 1)
    scan.remove_traces(NOBODY)
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_text("x")
    os.utime(tmp_path, ns=(now, now))
    scan.remove_traces(ME)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
