"""What is said, in which order and when: no server is flooded, nobody waits for another's channel, nothing is old."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.irc.speech import AT_ONCE, MOST_TARGETS, MOST_WAITING, PACE, STALE, Outcome, Priority, Speech, Utterance


def utter(
    target: str, text: str = "x", at: float = 0.0, priority: Priority = Priority.NEWS, more: str = ""
) -> tuple[Utterance, list[Outcome]]:
    """A line, and what became of it."""
    told: list[Outcome] = []
    return Utterance(target, text, at, priority, more, told.append), told


def drain(speech: Speech, now: float = 0.0) -> list[tuple[str, object]]:
    """Everything that waits, however quickly."""
    said = []
    while (utterance := speech.take(now)) is not None:
        said.append((utterance.target, utterance.text))
    return said


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4)), max_size=40))
def test_a_server_that_counts_by_rfc_1459_never_has_enough(steps: list[tuple[float, int]]) -> None:
    """Its clock of us is never more than ten seconds ahead of time, whenever and however much we have to say."""
    speech, now, theirs = Speech(), 0.0, 0.0
    for passed, count in steps:
        now += passed
        for number in range(count):
            speech.add(utter(f"#{number}", at=now)[0])
        while speech and speech.pause(now) == 0:
            assert speech.take(now) is not None
            theirs = max(theirs, now) + 2.0
            assert theirs - now <= 10.0
    assert Speech().pause(0.0) == 0


def test_four_or_five_go_at_once_then_one_every_two_seconds() -> None:
    speech = Speech()
    for number in range(7):
        speech.add(utter(f"#{number}")[0])
    at_once = 0
    while speech.pause(0.0) == 0:
        assert speech.take(0.0)
        at_once += 1
    assert at_once == AT_ONCE + 1
    assert speech.pause(0.0) == PACE
    assert speech.take(PACE)
    assert speech.pause(PACE) == PACE


def test_answers_go_first_and_channels_take_turns() -> None:
    """A channel with much to hear does not keep another from hearing its one line."""
    speech = Speech()
    for number in range(3):
        speech.add(utter("#busy", str(number))[0])
    speech.add(utter("#calm", "a")[0])
    speech.add(utter("alice", "you asked", priority=Priority.ANSWER)[0])
    assert drain(speech) == [("alice", "you asked"), ("#busy", "0"), ("#calm", "a"), ("#busy", "1"), ("#busy", "2")]


def test_what_is_too_much_becomes_one_line() -> None:
    """It says how much and where to read on, and stands for all of them."""
    speech = Speech()
    told = []
    for number in range(MOST_WAITING + 5):
        utterance, outcomes = utter("#a", str(number), more=f"https://hub/{number}")
        told.append(outcomes)
        speech.add(utterance)
    said = []
    while (utterance_ := speech.take(0.0)) is not None:
        utterance_.settle(Outcome.SAID)
        said.append(utterance_.text)
    assert said == [*map(str, range(MOST_WAITING)), f"+5 more: https://hub/{MOST_WAITING + 4}"]
    assert told == [[Outcome.SAID]] * (MOST_WAITING + 5)
    for number in range(MOST_WAITING + 1):
        speech.add(utter("#a", str(number))[0])
    assert drain(speech)[-1] == ("#a", str(MOST_WAITING))  # "+1 more" would be longer than the line itself


def test_nothing_stale_is_said_and_who_waits_is_told() -> None:
    speech = Speech()
    old, told = utter("#a", "old", at=0.0)
    speech.add(old)
    speech.add(utter("#a", "new", at=STALE)[0])
    speech.drop(STALE + 1)
    assert told == [Outcome.STALE]
    assert drain(speech, STALE + 1) == [("#a", "new")]
    assert not speech
    for number in range(2 * MOST_WAITING):
        speech.add(utter("#a", str(number))[0])
    speech.drop(STALE + 1)
    assert not speech


def test_everything_has_a_bound() -> None:
    """To one more target nothing is said; at the end all that waited is told."""
    speech = Speech()
    all_told = []
    for number in range(MOST_TARGETS + 1):
        utterance, told = utter(f"#{number}")
        all_told.append(told)
        speech.add(utterance)
    assert all_told[-1] == [Outcome.STALE]
    speech.end()
    assert all_told[:-1] == [[Outcome.LOST]] * MOST_TARGETS
    assert not speech
