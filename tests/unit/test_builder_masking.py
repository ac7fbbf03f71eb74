"""Secrets are hidden in whatever pieces the log comes."""

from __future__ import annotations

from base64 import b64encode
from itertools import pairwise
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hubwright.builder.masking import MASK, Masking

secrets = st.lists(st.text("ab*\n", min_size=4, max_size=8), min_size=1, max_size=3)


def fed(masking: Masking, pieces: list[bytes]) -> bytes:
    return b"".join(map(masking.feed, pieces)) + masking.flush()


@settings(deadline=None, max_examples=50)
@given(secrets, st.text("ab*\n", max_size=60), st.lists(st.integers(0, 60), max_size=8))
@example(["abab"], "ababab", [3])
@example(["aaaa", "aaaab"], "aaaab", [4])
def test_pieces_make_no_difference(values: list[str], text: str, cuts: list[int]) -> None:
    """However the log is cut, the same is shown as in one piece."""
    data = text.encode()
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]

    assert fed(Masking(values), pieces) == fed(Masking(values), [data])


@settings(deadline=None, max_examples=50)
@given(secrets, st.text("ab", max_size=40), st.integers(1, 5))
def test_no_secret_is_shown(values: list[str], text: str, size: int) -> None:
    """S25: also not one that the rest of another hides in."""
    data = text.encode()
    shown = fed(Masking(values), [data[i : i + size] for i in range(0, len(data), size)])

    for part in shown.split(MASK):
        assert not any(value.encode() in part for value in values)


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=6, max_size=30), st.binary(max_size=10), st.binary(max_size=10))
def test_base64_and_url_forms_are_hidden(secret: str, before: bytes, after: bytes) -> None:
    """`curl -u`, docker logins and the like write secrets so, with other bytes around them."""
    raw = secret.encode()
    encoded = b64encode(before + raw + after)
    shown = fed(Masking([secret]), [encoded, b" ", quote(secret, safe="").encode()])

    assert MASK in shown
    core = b64encode(raw)[:-4]
    assert len(before) % 3 or len(core) < 4 or core not in shown


def test_short_values_are_left_alone() -> None:
    """Hiding each `1` or `yes` would make logs unreadable and tell the value by what is missing."""
    assert fed(Masking(["1", "yes"]), [b"1 yes"]) == b"1 yes"


def test_lines_of_a_long_secret_are_hidden_one_by_one() -> None:
    """A private key comes with other indentation, or a line at a time."""
    shown = fed(Masking(["-----BEGIN\nabcdefgh\nijklmnop\n-----END"]), [b"  abcdefgh\n  ijklmnop\n"])

    assert shown == b"  ***\n  ***\n"


def test_what_can_not_be_a_secret_is_not_held_back() -> None:
    """Live logs stay live."""
    masking = Masking(["password"])

    assert masking.feed(b"compiling\npass") == b"compiling\n"
    assert masking.feed(b"ed\n") == b"passed\n"


def test_an_escape_that_swallows_a_letter_hides_nothing() -> None:
    """`ESC h` is an escape of its own: the log would have the whole secret, a terminal all but its first letter."""
    for pieces in ([b"\x1bhunter2-x"], [b"\x1b", b"hunter2-x"], [b"\x1bhunt", b"er2-x"]):
        assert b"hunter2-x" not in fed(Masking(["hunter2-x"]), pieces)


def test_a_command_begins_its_line_however_the_log_is_cut() -> None:
    """What stands behind other words is no command, also when the pieces are cut right there."""
    line = b"see ::add-mask::other-value\n  ::add-mask::third-value\nother-value third-value\n"

    assert fed(Masking([]), [line[at : at + 1] for at in range(len(line))]) == fed(Masking([]), [line])
    assert fed(Masking([]), [line]).endswith(b"other-value ***\n")
