"""Fair shares: no job starves another."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.fair_turns import take_turns

JOBS = "abc"
EVENTS = st.lists(st.one_of(st.none(), st.tuples(st.sampled_from(JOBS), st.integers(1, 6))), max_size=60)
"""A run is leased (None), or a job brings so many."""


class Queue:
    """The waiting runs of one priority, as the database orders them."""

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        self.waiting: list[tuple[float, int, str]] = []
        self.last = dict.fromkeys(JOBS, 0.0)
        self.weights = weights or {}
        self.served: list[str] = []
        self.count = 0

    def enter(self, job: str, amount: int = 1) -> int:
        """Some runs of a job wait from now on; the number of the first."""
        present = min((turn for turn, _, _ in self.waiting), default=max(self.last.values()))
        turns, self.last[job] = take_turns(self.last[job], present, [1.0] * amount, self.weights.get(job, 1.0))
        self.waiting += [(turn, self.count + at, job) for at, turn in enumerate(turns)]
        self.count += amount
        return self.count - amount

    def serve(self) -> int | None:
        """The run whose turn it is begins; its number."""
        if not self.waiting:
            return None
        first = min(self.waiting)
        self.waiting.remove(first)
        self.served.append(first[2])
        return first[1]


def test_a_burst_does_not_hold_up_another_job() -> None:
    """A thousand builds of one job were there first."""
    queue = Queue()
    queue.enter("a", 1000)
    for _ in range(10):
        queue.serve()
    queue.enter("b")

    assert "b" in [queue.served[-1] for _ in range(2) if queue.serve() is not None]


def test_jobs_that_wait_take_turns() -> None:
    queue = Queue()
    queue.enter("a", 4)
    queue.enter("b", 2)
    queue.enter("c", 4)
    while queue.waiting:
        queue.serve()

    assert "".join(queue.served) == "abcabcacac"


def test_a_heavier_job_gets_more() -> None:
    queue = Queue({"a": 3.0})
    queue.enter("a", 60)
    queue.enter("b", 60)
    for _ in range(40):
        queue.serve()

    assert Counter(queue.served) == {"a": 30, "b": 10}


def test_what_was_built_while_nobody_waited_is_not_held_against_a_job() -> None:
    """Builders that would have been idle cost the others nothing."""
    queue = Queue()
    for _ in range(100):
        queue.enter("a")
        queue.serve()
    queue.enter("b", 50)
    queue.enter("a")
    for _ in range(3):
        queue.serve()

    assert queue.served[-3:].count("a") == 1


@settings(deadline=None)
@given(EVENTS)
def test_nobody_waits_for_more_than_a_share(events: list[tuple[str, int] | None]) -> None:
    """A run waits at most for the runs of its own job before it, and as many of each other job and one more."""
    queue = Queue()
    bounds: dict[int, int] = {}
    for event in [*events, *[None] * 400]:
        if event is None:
            number = queue.serve()
            bounds = {one: left - 1 for one, left in bounds.items() if one != number}
            assert all(left > 0 for left in bounds.values())
        else:
            job, amount = event
            before = sum(1 for _, _, other in queue.waiting if other == job)
            first = queue.enter(job, amount)
            for at in range(amount):
                bounds[first + at] = (before + at + 2) * len(JOBS)

    assert queue.waiting == []


@settings(deadline=None)
@given(EVENTS)
def test_a_job_keeps_its_order(events: list[tuple[str, int] | None]) -> None:
    queue = Queue()
    served: dict[int, str] = {}
    for event in [*events, *[None] * 400]:
        if event is not None:
            queue.enter(*event)
        elif (number := queue.serve()) is not None:
            served[number] = queue.served[-1]

    for job in JOBS:
        of_job = [number for number, other in served.items() if other == job]
        assert of_job == sorted(of_job)
