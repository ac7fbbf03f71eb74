"""The number of a builder's slots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.builder.slots import GROW_PAUSE, Bounds, Rules, Situation, Slots, first_slots, next_slots, read_bounds

PATIENCE = 60.0
RULES = Rules(patience=PATIENCE)


def after(slots: Slots, *looks: tuple[float, Situation]) -> list[int]:
    numbers = []
    for now, seen in looks:
        slots = next_slots(slots, now, seen, RULES)
        numbers.append(slots.number)
    return numbers


def test_bounds_are_read() -> None:
    assert read_bounds("4") == Bounds(4, 4)
    assert read_bounds(" 0..8 ") == Bounds(0, 8)
    assert read_bounds("2..2").fixed


@pytest.mark.parametrize("text", ["", "0", "8..2", "1..9999", "0..0", "many", "1...2", "-1", "1.5"])
def test_other_bounds_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no number of slots"):
        read_bounds(text)


def test_waiting_work_grows_it_step_by_step_while_the_machine_has_room() -> None:
    """A pause between two steps lets the load show."""
    slots = first_slots(Bounds(1, 3))
    busy = Situation(running=1, waiting=5)
    assert after(slots, (0.0, busy), (1.0, replace(busy, running=2)), (2.5, replace(busy, running=2))) == [2, 2, 3]
    assert after(slots, (0.0, replace(busy, busy=0.95)), (10.0, replace(busy, memory=0.05))) == [1, 1]
    assert after(slots, (0.0, Situation(running=0, waiting=5))) == [1]


def test_the_first_slot_comes_whatever_the_load() -> None:
    """A machine that is busy with other things must not keep a build for ever."""
    assert after(first_slots(Bounds(0, 2)), (0.0, Situation(running=0, waiting=1, busy=1.0, memory=0.0))) == [1]


def test_idle_slots_go_one_after_the_other_and_come_back_at_once() -> None:
    """Only after the patience, counted anew for each, and never while work waits."""
    slots = Slots(bounds=Bounds(0, 4), number=3)
    idle = Situation(running=0, waiting=0)
    assert after(slots, (0.0, idle), (59.0, idle), (60.0, idle), (61.0, idle), (120.0, idle), (180.0, idle)) == [
        3, 3, 2, 2, 1, 0,
    ]  # fmt: skip
    assert after(slots, (0.0, idle), (59.0, Situation(running=3, waiting=0)), (61.0, idle), (120.0, idle)) == [3] * 4


_situations = st.builds(
    Situation,
    running=st.integers(0, 6),
    waiting=st.integers(0, 3),
    busy=st.floats(0, 1),
    memory=st.floats(0, 1),
)


@given(
    bounds=st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda two: Bounds(two[0], two[0] + two[1])),
    looks=st.lists(st.tuples(st.floats(0.1, 100.0), _situations), max_size=40),
)
def test_never_outside_the_bounds_nor_below_what_runs_and_no_flapping(
    bounds: Bounds, looks: list[tuple[float, Situation]]
) -> None:
    """A slot that was added stays for the patience, and two steps up are a pause apart."""
    slots, now, grown_at, moved = first_slots(bounds), 0.0, float("-inf"), float("-inf")
    for pause, seen in looks:
        now += pause
        before, slots = slots.number, next_slots(slots, now, seen, RULES)
        assert bounds.least <= slots.number <= bounds.most
        assert slots.number >= min(seen.running, bounds.most)
        forced = seen.running > before
        if slots.number > before and not forced:
            assert slots.number == before + 1
            assert seen.waiting
            assert now - grown_at >= GROW_PAUSE
        if slots.number < before:
            assert slots.number == before - 1
            assert now - moved >= PATIENCE
            assert not seen.waiting
        if slots.number > before:
            grown_at = now
        if slots.number != before:
            moved = now
