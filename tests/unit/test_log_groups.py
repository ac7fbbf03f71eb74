"""Groups of lines in the four dialects that builds have: they nest, keep within their stage, and only grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.log_groups import Dialect, Group, Place, Sense, find_titles, form_groups, read_title


def places_in(text: bytes) -> list[Place]:
    return [Place(text.count(b"\n", 0, at) + 1, at, title) for at, title in find_titles(text, 0)]


def groups_in(text: bytes, starts: tuple[int, ...] = ()) -> list[Group]:
    return form_groups(places_in(text), starts, text.count(b"\n"))


def spans(groups: list[Group]) -> list[tuple[int, int, bool]]:
    return [(group.first, group.last, group.ended) for group in groups]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"::group::Install it", b"Install it"),
        (b"##[group]Install it", b"Install it"),
        (b"\x1b[0Ksection_start:1560896352:my_first[collapsed=true]\r\x1b[0KInstall it", b"Install it"),
        (b"--- :docker: Install it", b":docker: Install it"),
        (b"+++ \x1b[31mInstall it", b"\x1b[31mInstall it"),
        (b"~~~ Install it", b"Install it"),
    ],
)
def test_every_dialect_begins_a_group_with_a_title(line: bytes, words: bytes) -> None:
    """ux.md 1.2.2: all four, so that no script needs to be changed."""
    title = read_title(line)
    assert title is not None
    assert title.begins
    assert line[title.start :] == words


@pytest.mark.parametrize("line", [b"::endgroup::", b"##[endgroup]", b"\x1b[0Ksection_end:1560896353:my_first\r\x1b[0K"])
def test_every_bracket_has_its_end(line: bytes) -> None:
    title = read_title(line)
    assert title is not None
    assert [mark.sense for mark in title.marks] == [Sense.END]


@pytest.mark.parametrize(
    "line",
    [
        b"--- FAIL: TestRing (0.00s)",
        b"---",
        b"----- Captured stdout call -----",
        b"--- ",
        b"+++",
        b"the ::group:: of lines",
        b"section_starts: 12:a",
        b"regroup::x",
    ],
)
def test_what_only_looks_like_a_mark_is_a_line(line: bytes) -> None:
    """Go's tests, rules and front matter must not fold what follows them."""
    assert read_title(line) is None


def test_differences_and_traces_of_shells_are_no_groups() -> None:
    """`git diff` and `set -x` put out the same signs."""
    assert groups_in(b"--- a/ring.c\n+++ b/ring.c\n@@ -1 +1 @@\n+ make\n++ dirname x\n+++ pwd\n+ cd x\n") == []


def test_groups_hold_what_is_between_their_marks() -> None:
    text = b"one\n::group::A\nin A\n::endgroup::\ntwo\n--- B\nin B\n~~~ C\nin C\n"
    assert spans(groups_in(text)) == [(2, 4, True), (6, 7, True), (8, 9, False)]


def test_sections_nest_and_an_end_takes_those_within_along() -> None:
    """GitLab's sections have names; one that was forgotten inside ends with the one around it."""
    text = b"section_start:10:a\rA\nsection_start:11:b\rB\nx\nsection_end:15:a\r\nafter\n"
    outer, inner = groups_in(text)
    assert (outer.first, outer.last, inner.first, inner.last) == (1, 4, 2, 3)
    assert (outer.began_at, outer.ended_at, inner.ended_at) == (10, 15, None)


def test_one_line_may_end_a_section_and_begin_the_next() -> None:
    """So GitLab's own runner writes them: the carriage return takes the first mark away."""
    between = b"\x1b[0Ksection_end:12:a\r\x1b[0Ksection_start:12:b\r\x1b[0KB\n"
    text = b"section_start:10:a\rA\nx\n" + between + b"y\nsection_end:13:b\r\n"
    assert [(group.first, group.last) for group in groups_in(text)] == [(1, 2), (3, 5)]


def test_commands_do_not_nest() -> None:
    """As on GitHub: a group that was not ended ends with the next."""
    assert spans(groups_in(b"::group::A\na\n::group::B\nb\n::endgroup::\nc\n::endgroup::\n")) == [
        (1, 2, True),
        (3, 5, True),
    ]


def test_an_open_mark_opens_the_group_that_it_stands_in() -> None:
    """Buildkite's `^^^ +++` is written when something went wrong."""
    (group,) = groups_in(b"--- A\nfailed\n^^^ +++\n")
    assert group.wish is True
    assert groups_in(b"+++ A\n")[0].wish is True
    assert groups_in(b"section_start:1:a[collapsed=true]\rA\n")[0].wish is False


def test_a_stage_ends_its_groups() -> None:
    """What a command that died left open must not swallow the stages after it."""
    assert spans(groups_in(b"::group::A\na\n$ next\n--- B\nb\n", (1, 3))) == [(1, 2, True), (4, 5, False)]


LINES = st.sampled_from(
    [
        b"text\n",
        b"::group::A\n",
        b"::endgroup::\n",
        b"##[group]B\n",
        b"##[endgroup]\n",
        b"--- C\n",
        b"+++ D\n",
        b"~~~ E\n",
        b"^^^ +++\n",
        b"section_start:1:s\rS\n",
        b"section_end:2:s\r\n",
        b"section_start:3:t\rT\n",
        b"section_end:4:t\rsection_start:4:s\rS\n",
    ]
)


@given(st.lists(LINES, max_size=40), st.sets(st.integers(1, 40), max_size=3), st.integers(0, 40))
def test_groups_nest_within_their_stages_and_what_has_ended_stays(
    lines: list[bytes], begun: set[int], earlier: int
) -> None:
    """A viewer hides lines by them, while the log grows: two that cross, or one that shrinks, would lose lines."""
    starts = tuple(sorted(start for start in begun if start <= len(lines) + 1))
    groups = groups_in(b"".join(lines), starts)
    for group in groups:
        assert 1 <= group.first <= group.last <= len(lines)
        assert not [start for start in starts if group.first < start <= group.last]
    for one in groups:
        for other in groups:
            if one.first < other.first <= one.last:
                assert other.last <= one.last
    assert [group.first for group in groups] == sorted(group.first for group in groups)

    before = groups_in(b"".join(lines[:earlier]), tuple(start for start in starts if start <= earlier))
    ended = {(group.first, group.last) for group in before if group.ended}
    assert ended <= {(group.first, group.last) for group in groups}


@given(st.lists(LINES, max_size=30), st.binary(max_size=20))
def test_marks_are_found_as_if_each_line_was_read(lines: list[bytes], noise: bytes) -> None:
    """The search for words is only a quick way to the same."""
    text = b"".join([*lines, noise.replace(b"\n", b"") + b"\n"])
    whole = text.split(b"\n")[:-1]
    expected = []
    at = 0
    for number, line in enumerate(whole):
        before = whole[number - 1] if number else b""
        after = whole[number + 1] if number + 1 < len(whole) else b""
        if (title := read_title(line, before[:8], after[:8])) is not None:
            expected.append((at, title))
        at += len(line) + 1
    assert list(find_titles(text, 0)) == expected


def test_groups_are_bounded_in_depth() -> None:
    """A log may begin sections for ever."""
    text = b"".join(b"section_start:1:n%d\rT\n" % number for number in range(100))
    assert len(groups_in(text)) == 16
    assert {place.title.marks[0].dialect for place in places_in(text)} == {Dialect.SECTION}
