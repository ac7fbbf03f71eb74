"""Receivers as people write them."""

from __future__ import annotations

import pytest

from hubwright.domain.receivers import Dialect, Receiver, is_wanted, read_receiver, read_receivers
from hubwright.errors import MalformedError


def test_an_address_says_what_its_receiver_understands() -> None:
    assert read_receiver("https://a.example/x") == Receiver(Dialect.WEBHOOK, "https://a.example/x")
    assert read_receiver(" slack:https://hooks.example/T/B ") == Receiver(Dialect.SLACK, "https://hooks.example/T/B")
    assert read_receiver("matrix:http://h:9000/hook").dialect is Dialect.MATRIX


@pytest.mark.parametrize(
    "text",
    ["", "ops@example.org", "ftp://a/b", "slack:", "https://", "https://user:key@a.example/", "https://a b/",
     "https://a.example/\r\nX-Evil: 1", "https://ä.example/", "http://a:99999/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(MalformedError, match=r"is no receiver"):
        read_receiver(text)
    assert read_receivers([text, "https://a.example/"]) == [Receiver(Dialect.WEBHOOK, "https://a.example/")]


def test_a_receiver_is_named_without_the_key_in_its_address() -> None:
    """Lists of reports are for all who may read; the path of a chat's address is what lets one write there."""
    one, other = read_receiver("slack:https://hooks.example/T/KEY"), read_receiver("slack:https://hooks.example/T/YEK")
    assert "KEY" not in one.target
    assert one.target.startswith("slack hooks.example ")
    assert one.target != other.target


def test_receivers_of_a_job_are_bounded_and_each_is_told_once() -> None:
    many = [f"https://a.example/{number}" for number in range(50)]
    assert len(read_receivers(many)) == 20
    assert len(read_receivers(["https://a.example/"] * 3)) == 1


def test_broken_and_fixed_are_told_where_nobody_says() -> None:
    assert [turn for turn in ("broken", "still-failing", "fixed", "success") if is_wanted(turn, ())] == [
        "broken", "fixed",
    ]  # fmt: skip
    assert is_wanted("success", ("always",))
    assert not is_wanted("fixed", ("broken",))
