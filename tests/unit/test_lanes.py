"""Lanes: in order within, side by side otherwise, bounded, and outliving what goes through them."""

from __future__ import annotations

import threading
from collections import defaultdict

from hubwright.hub.lanes import Lanes
from waiting import until


def test_order_holds_within_a_lane_and_no_lane_runs_twice_at_once() -> None:
    done: dict[str, list[int]] = defaultdict(list)
    busy: set[str] = set()
    clashes: list[str] = []

    def work(things: list[tuple[str, int]]) -> None:
        (lane,) = {lane for lane, _ in things}
        if lane in busy:
            clashes.append(lane)
        busy.add(lane)
        done[lane].extend(number for _, number in things)
        busy.discard(lane)

    lanes = Lanes(work, threads=4, room=20, together=3)
    for number in range(200):
        for lane in "abc":
            lanes.enter(lane, (lane, number))
    until(lambda: sum(map(len, done.values())) == 600)
    lanes.close()
    assert all(numbers == list(range(200)) for numbers in done.values())
    assert not clashes


def test_a_lane_that_stands_still_stops_no_other() -> None:
    release, passed = threading.Event(), threading.Event()

    def work(things: list[str]) -> None:
        if "slow" in things:
            release.wait(20)
        else:
            passed.set()

    lanes = Lanes(work, threads=2, room=10)
    for _ in range(3):
        lanes.enter("a", "slow")
    lanes.enter("b", "quick")
    assert passed.wait(20)
    release.set()
    lanes.close()


def test_what_fails_leaves_its_lane_open() -> None:
    done: list[int] = []

    def work(things: list[int]) -> None:
        if things == [1]:
            raise LookupError("no")
        done.extend(things)

    lanes = Lanes(work, threads=1, room=2)
    for number in range(5):
        lanes.enter("a", number)
    until(lambda: done == [0, 2, 3, 4])
    lanes.close()


def test_no_more_than_the_room_is_inside_and_closing_frees_who_waits() -> None:
    release = threading.Event()
    entered: list[int] = []

    def work(_things: list[int]) -> None:
        release.wait(20)

    lanes = Lanes(work, threads=1, room=3)

    def enter_all() -> None:
        for number in range(6):
            lanes.enter(str(number), number)
            entered.append(number)

    entering = threading.Thread(target=enter_all)
    entering.start()
    until(lambda: len(entered) == 3)
    assert not lanes.closing
    closing = threading.Thread(target=lanes.close)
    closing.start()
    until(lambda: lanes.closing)
    release.set()
    for thread in (entering, closing):
        thread.join(20)
        assert not thread.is_alive()
    assert lanes._lanes.keys() <= {"0", "1", "2"}
