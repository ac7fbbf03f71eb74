"""What is said of a known failure, and which issues can be linked to one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.known_failures import (
    KnownFailure,
    Sighted,
    issue_address,
    read_issue,
    say_known,
    split_issue,
    word_before,
    word_known,
)

HOSTED = "https://github.com"
DAY = 86_400.0


def known(*places: tuple[str, int], **more: Any) -> KnownFailure:
    """Seen so often on these platforms since 2026-03-02."""
    seen = tuple(Sighted(platform, times, 1_772_409_600.0, 1_772_409_600.0 + DAY) for platform, times in places)
    given = {"id": 7, "job": "app", "fingerprint": "a" * 16, "kind": "line", "title": "error", "newest": 1}
    return KnownFailure(**(given | {"last_at": 1_772_409_600.0 + DAY} | more), places=seen)


@pytest.mark.parametrize(
    ("failure", "platforms", "said"),
    [
        (known(("freebsd", 14), issue="octo/hello#123"), ["freebsd", "linux"],
         "seen 14 times since 2026-03-02, on freebsd only, linked to octo/hello#123"),
        (known(("freebsd", 14)), ["freebsd"], "seen 14 times since 2026-03-02"),
        (known(("freebsd", 14)), [], "seen 14 times since 2026-03-02"),
        (known(("a", 3), ("b", 2)), ["a"], "seen 5 times since 2026-03-02, on a and b"),
        (known(("a", 3), ("b", 2), ("c", 1)), ["a"], "seen 6 times since 2026-03-02, on a, b and c"),
        (known(("a", 3), ("b", 2), ("c", 1), ("d", 1)), ["a"], "seen 7 times since 2026-03-02, on 4 platforms"),
        (known(("a", 1)), ["a", "b"], "seen once, 2026-03-02"),
        (known(("a", 1), issue="octo/hello#1"), ["a", "b"], "seen once, 2026-03-02, linked to octo/hello#1"),
        (known(), [], "seen once, 2026-03-03"),
    ],
)  # fmt: skip
def test_it_is_said_how_often_since_when_where_and_in_which_issue(
    failure: KnownFailure, platforms: list[str], said: str
) -> None:
    """`only` is said where the build ran on others too: else it would say nothing."""
    assert word_known(failure, platforms) == said


def test_what_came_with_a_build_is_not_known_however_many_of_its_runs_have_it() -> None:
    two = known(("a", 1), ("b", 1))
    assert word_known(two, ["a", "b"], two.first_at) == "first seen with this build, in 2 runs by now"
    assert word_known(known(("a", 1)), [], two.first_at - 1) == "first seen with this build"
    assert word_known(two, ["a", "b"], two.first_at + 1) == "seen 2 times since 2026-03-02, on a and b"
    assert (two.is_known(two.first_at), two.is_known(two.first_at + 1)) == (False, True)


def test_who_has_room_for_one_line_is_told_of_the_linked_one_first() -> None:
    often, linked = known(("a", 99)), known(("a", 2), issue="o/h#1")
    later = often.first_at + 1
    said = "known failure: seen 2 times since 2026-03-02, linked to o/h#1 (and 1 more)"
    assert say_known([often, linked], [], later) == said
    assert say_known([often], [], often.first_at) == say_known([], [], later) == ""


def test_a_status_says_only_what_does_not_change_with_each_run() -> None:
    """Else each failed build would have the statuses of all others told again."""
    failure = known(("a", 99))
    assert word_before([failure], failure.first_at + 1) == "known failure since 2026-03-02"
    assert word_before([failure], failure.first_at) == ""
    linked = known(("a", 99), issue="o/h#1")
    assert word_before([failure, linked], failure.first_at + 1) == "known failure since 2026-03-02 (o/h#1)"
    assert word_before([linked], 0.0) == "known failure (o/h#1)"


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("7", "octo/hello#7"),
        (" #7 ", "octo/hello#7"),
        ("#007", "octo/hello#7"),
        ("other/one.two#12", "other/one.two#12"),
        ("https://github.com/other/one/issues/12", "other/one#12"),
        ("https://github.com/other/one/pull/12#discussion", "other/one#12"),
        ("https://bugs.example.org/show?id=7", "https://bugs.example.org/show?id=7"),
        ("https://github.com/other/one", "https://github.com/other/one"),
        ("javascript:alert(1)", None),
        ("https://user:word@bugs.example.org/7", None),
        ("https://bugs.example.org/a b", None),
        ("https://bugs.example.org/\u202e7", None),
        ("other/one", None),
        ("seven", None),
        ("#", None),
        ("", None),
    ],
)
def test_an_issue_is_a_number_a_name_with_one_or_an_address(text: str, issue: str | None) -> None:
    assert read_issue(text, "octo/hello", HOSTED) == issue


def test_a_number_alone_is_no_issue_of_a_repository_that_github_does_not_have() -> None:
    assert read_issue("7", "git.example.org/a/b", HOSTED) is None


@given(st.text(max_size=60) | st.text(alphabet="https:/#7ab.@\\ \u202e", max_size=40))
def test_whatever_is_linked_has_a_page_that_is_a_web_address(text: str) -> None:
    """No typed text becomes a link to something else; what was read once is read again as the same."""
    issue = read_issue(text, "octo/hello", HOSTED)
    if issue is not None:
        address = issue_address(issue, HOSTED)
        assert address is not None
        assert address.startswith(("https://", "http://"))
        assert issue.isprintable()
        assert read_issue(issue, "octo/hello", HOSTED) == issue
        assert (split_issue(issue) is not None) == ("://" not in issue)


def test_where_repositories_have_no_pages_an_issue_has_none() -> None:
    assert issue_address("octo/hello#7", "ssh://git@example.org") is None
    assert issue_address(None, HOSTED) is None
