"""The ring file: the last samples survive a `kill -9`, torn records and a full disk."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.builder.ring import SLOT, SLOTS, Entry, Ring
from hubwright.wire import Machine, Process, RunVitals, Usage, Vitals


def entry(at: float, runs: int = 1, processes: int = 2) -> Entry:
    """A sample of that moment."""
    told = tuple(Process(pid=number, parent=1, name="cc1plus-" + "x" * 30, memory=10**9) for number in range(processes))
    vitals = tuple(
        RunVitals(run=run, lease=1, usage=Usage(memory=5, processes=processes), processes=told) for run in range(runs)
    )
    return Entry(vitals=Vitals(machine=Machine(at=at), runs=vitals), boot="b", process="p")


def times(ring: Ring) -> list[float]:
    """The moments of what can be read."""
    return [one.vitals.machine.at for one in ring.read()]


@settings(deadline=None, max_examples=25)
@given(lives=st.lists(st.integers(0, 100), min_size=1, max_size=4))
def test_the_newest_are_read_in_order_over_any_number_of_lives(tmp_path_factory: object, lives: list[int]) -> None:
    """However often the builder is killed: the last samples, oldest first, none twice."""
    folder = tmp_path_factory.mktemp("ring")  # type: ignore[attr-defined]
    written: list[float] = []
    for count in lives:
        with Ring(folder / "vitals") as ring:
            assert times(ring) == written[-SLOTS:]
            for _ in range(count):
                written.append(float(len(written)))
                ring.add(entry(written[-1]))
    with Ring(folder / "vitals") as ring:
        assert times(ring) == written[-SLOTS:]
    assert (folder / "vitals").stat().st_size == SLOTS * SLOT


@settings(deadline=None, max_examples=50)
@given(place=st.integers(0, SLOTS * SLOT - 1), junk=st.binary(min_size=1, max_size=40_000))
def test_whatever_is_overwritten_only_those_records_are_lost(tmp_path_factory: object, place: int, junk: bytes) -> None:
    """A torn record or a broken disk: what is read is whole, in order, and was written."""
    file = tmp_path_factory.mktemp("ring") / "vitals"  # type: ignore[attr-defined]
    with Ring(file) as ring:
        for at in range(1, SLOTS + 1):
            ring.add(entry(float(at)))
    content = bytearray(file.read_bytes())
    content[place : place + len(junk)] = junk
    file.write_bytes(content[: SLOTS * SLOT])

    with Ring(file) as ring:
        found = times(ring)
        assert found == sorted(set(found))
        assert len(found) >= SLOTS - (len(junk) // SLOT + 2)
        ring.add(entry(1000.0))
        assert times(ring)[-1] == 1000.0


def test_a_file_that_was_cut_off_is_made_whole(tmp_path: Path) -> None:
    """A crash while it was made."""
    with Ring(tmp_path / "vitals") as ring:
        ring.add(entry(1.0))
    os.truncate(tmp_path / "vitals", SLOT + 100)

    with Ring(tmp_path / "vitals") as ring:
        assert times(ring) == []
        ring.add(entry(2.0))
        assert times(ring) == [2.0]


def test_many_processes_are_thinned_to_fit(tmp_path: Path) -> None:
    """The size is bounded whatever runs: first fewer processes of each run, at last fewer runs."""
    with Ring(tmp_path / "vitals") as ring:
        ring.add(entry(1.0, runs=3, processes=64))
        ring.add(entry(2.0, runs=900, processes=64))
        busy, crowded = ring.read()

    assert len(busy.vitals.runs) == 3
    assert 8 <= len(busy.vitals.runs[0].processes) < 64
    assert busy.vitals.runs[0].usage.processes == 64
    assert 0 < len(crowded.vitals.runs) < 900
