"""Whatever is asked in whatever order, no budget lets more through than GitHub allows."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.github_budget import (
    FLOORS,
    PATIENCE,
    Ask,
    Budget,
    Figures,
    Limits,
    Priority,
    admit,
    note_answer,
    note_limit,
)

START = 1_800_000_000.0
LIMITS = Limits(points_per_minute=60, write_interval=1.0, writes_per_minute=20, content_per_hour=25)

ASKS = st.builds(
    lambda priority, kind: Ask(priority=priority, writes=kind > 0, content=kind > 1),
    st.sampled_from(list(Priority)),
    st.integers(0, 2),
)
STEPS = st.lists(st.tuples(st.floats(0, 90), st.integers(1, 12), ASKS), max_size=40)


def most_within(moments: list[tuple[float, int]], seconds: float) -> int:
    """The most that was spent in any window that begins with a request."""
    return max((sum(cost for at, cost in moments if begin <= at < begin + seconds) for begin, _ in moments), default=0)


@given(STEPS)
def test_no_window_ever_holds_more_than_its_limit(steps: list[tuple[float, int, Ask]]) -> None:
    """Neither a minute nor an hour goes beyond what GitHub allows, and writes keep their distance."""
    budget, now = Budget(), START
    sent: list[tuple[float, Ask]] = []
    for passed, times, ask in steps:
        now += passed
        for _ in range(times):
            budget, turn = admit(budget, ask, LIMITS, now)
            if turn.granted:
                assert 0 <= turn.wait <= PATIENCE[ask.priority]
                sent.append((now + turn.wait, ask))
            else:
                assert turn.wait > 0
    writes = sorted(at for at, ask in sent if ask.writes)
    assert most_within([(at, ask.points) for at, ask in sent], 60) <= LIMITS.points_per_minute
    assert most_within([(at, 1) for at in writes], 60) <= LIMITS.writes_per_minute
    assert most_within([(at, 1) for at, ask in sent if ask.content], 3600) <= LIMITS.content_per_hour
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(writes))


@given(STEPS)
def test_what_is_kept_does_not_grow(steps: list[tuple[float, int, Ask]]) -> None:
    """The row of a budget has a bound: a number for each second of a minute and each minute of an hour."""
    budget, now = Budget(), START
    for passed, times, ask in steps:
        now += passed
        for _ in range(times):
            budget, _turn = admit(budget, ask, Limits(), now)
    assert len(budget.points) <= 62 + PATIENCE[Priority.BUILD]
    assert len(budget.writes) <= 62 + PATIENCE[Priority.BUILD]
    assert len(budget.content) <= 62


@given(ASKS, st.integers(0, 5000), st.floats(0, 3900), st.floats(0, 4000))
def test_whoever_comes_back_when_told_gets_a_turn(ask: Ask, remaining: int, pause: float, passed: float) -> None:
    """Nobody waits for ever: after the time that was named the same ask is granted, when nobody else asked."""
    figures = Figures(limit=5000, remaining=remaining, reset_at=START + 1800)
    budget = note_limit(note_answer(Budget(), figures, START), START, pause)
    now = START + passed
    for _ in range(3):
        budget, turn = admit(budget, ask, Limits(), now)
        if turn.granted:
            break
        now += turn.wait
    assert turn.granted
    assert now <= START + max(passed, 1800.0, pause) + 1
    if remaining <= 5000 * FLOORS[ask.priority] and passed < 1800:
        assert now >= START + 1800
