"""How pages word things."""

from __future__ import annotations

import pytest

from hubwright.domain.wording import word_against


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "as usual, 1 min 00 s"), (65, "as usual, 1 min 00 s"), (78, "30 % longer than usual, 1 min 00 s"),
        (30, "50 % shorter than usual, 1 min 00 s"), (150, "2.5 times the usual, 1 min 00 s"),
    ],
)  # fmt: skip
def test_a_duration_is_told_beside_the_usual_one(seconds: float, words: str) -> None:
    """A number alone says nothing to who does not know the job."""
    assert word_against(seconds, 60) == words


def test_nothing_usual_is_no_reason_to_fail() -> None:
    """Builds that take no time are usual for some jobs."""
    assert word_against(0, 0) == "100 % shorter than usual, 0.0 s"
