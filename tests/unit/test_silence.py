"""Who is lost, by the steady clock alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.hub.silence import Noted, Silence

AWAY, HERE = Noted("away", 1.0), Noted("connected", 1.0)


def test_a_builder_that_left_is_lost_after_the_time_since_it_was_last_heard() -> None:
    """Not half a minute later: the silence before its connection ended counts."""
    silence = Silence(60, 15)
    heard = {"anvil": 70.0}
    assert silence.find_lost({"anvil": AWAY}, heard, 100) == []
    assert silence.find_lost({"anvil": AWAY}, heard, 129.9) == []
    assert silence.find_lost({"anvil": AWAY}, heard, 130) == ["anvil"]


def test_after_a_start_everybody_gets_the_whole_time() -> None:
    """R2, R14: however old the notes are."""
    silence = Silence(60, 15)
    assert silence.find_lost({"anvil": AWAY, "new": None}, {}, 5000) == []
    assert sorted(silence.find_lost({"anvil": AWAY, "new": None}, {}, 5060)) == ["anvil", "new"]


def test_each_new_note_of_another_hub_is_a_sign_of_life() -> None:
    silence = Silence(60, 15)
    heard = {"anvil": 0.0}
    for now in range(0, 1000, 15):
        assert silence.find_lost({"anvil": Noted("connected", float(now))}, heard, now) == []
    assert heard == {}
    assert silence.find_lost({"anvil": Noted("connected", 990.0)}, heard, 990 + 74) == []
    assert silence.find_lost({"anvil": Noted("connected", 990.0)}, heard, 990 + 75) == ["anvil"]


def test_who_came_back_begins_anew() -> None:
    silence = Silence(60, 15)
    silence.find_lost({"anvil": AWAY}, {}, 0)
    silence.find_lost({}, {}, 50)
    assert silence.find_lost({"anvil": AWAY}, {}, 61) == []


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(-4000, 4000)), max_size=40))
def test_no_jump_of_a_wall_clock_loses_anybody_early(steps: list[tuple[float, float]]) -> None:
    """R15: notes may carry any time at all; only 60 steady seconds without a new one count."""
    silence = Silence(60, 15)
    now, since = 0.0, 0.0
    mark = AWAY
    for passed, jump in steps:
        now += passed
        fresh = Noted("away", jump)
        if fresh != mark:
            mark, since = fresh, now
        lost = silence.find_lost({"anvil": mark}, {}, now)
        if lost:
            assert now - since >= 60
