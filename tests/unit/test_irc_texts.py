"""What channels hear of, and the lines of pushes: as they were promised, and whole whatever strangers write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.irc_news import USUAL, Matter, News, Rule, Wishes, is_wanted, make_rules, read_rule
from hubwright.domain.repos import Commit, Push, Repository
from hubwright.errors import MalformedError
from hubwright.hub.news import tell_push
from hubwright.reports.irc_texts import MAX_BYTES, fit, hush, write_back, write_lost, write_push

ADA = Commit(
    sha="a1b2c3d" + "0" * 33, message="Fix the ring\n\nIt leaked.", author_name="Ada", added=("x",), modified=("y", "z")
)
NOBODY = Wishes()


def push(*commits: Commit, ref: str = "refs/heads/main", **more: Any) -> Push:
    repository = Repository(id=7, owner="octo", name="app", html_url="https://github.com/octo/app")
    known = {"before": "b" * 40, "after": "c" * 40, "pusher": "ada", **more}
    return Push(repository=repository, ref=ref, commits=commits, **known)


def lines(*commits: Commit, **more: Any) -> list[str]:
    return write_push(tell_push(push(*commits, **more)))


def test_a_commit_has_its_line() -> None:
    assert lines(ADA) == ["octo/app main a1b2c3d Ada [+1 ±2 -0]: Fix the ring [2 more lines]"]


def test_four_commits_have_a_line_the_others_are_counted() -> None:
    """Only what was not pushed before is news; the rest is a click away."""
    old = Commit(sha="e" * 40, message="Old", distinct=False)
    many = [Commit(sha=f"{n:040x}", message=f"Number {n}", author_login="bob") for n in range(7)]
    said = lines(old, *many)
    assert [line.rpartition(": ")[2] for line in said[:4]] == [f"Number {n}" for n in range(4)]
    assert said[4:] == [f"octo/app main: 3 more https://github.com/octo/app/compare/{'b' * 12}...{'c' * 12}"]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"created": True, "base_ref": "refs/heads/main"}, "octo/app topic: new branch from main at ccccccc by ada"),
        ({"created": True}, "octo/app topic: new branch at ccccccc by ada"),
        ({"deleted": True}, "octo/app topic: branch deleted by ada"),
        ({"forced": True}, "octo/app topic: FORCED from bbbbbbb to ccccccc by ada"),
        ({"ref": "refs/tags/v1", "created": True}, "octo/app v1: new tag at ccccccc by ada"),
        ({"ref": "refs/tags/v1"}, "octo/app v1: tag moved to ccccccc by ada"),
        ({"ref": "refs/tags/v1", "deleted": True, "pusher": None}, "octo/app v1: tag deleted by somebody"),
        ({}, "octo/app topic: moved to ccccccc by ada"),
    ],
)
def test_branches_and_tags_are_told(more: dict[str, Any], line: str) -> None:
    """System 1 composed such lines and never sent them."""
    assert lines(**{"ref": "refs/heads/topic", **more}) == [line]


def test_what_was_pushed_before_is_counted_only() -> None:
    """A branch that is moved forward to another one's head."""
    old = Commit(sha="e" * 40, message="Old", distinct=False)
    assert lines(old, old) == ["octo/app main: moved to ccccccc by ada (2 commits, all pushed before)"]


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=200), st.text(max_size=200))
def test_no_name_or_message_breaks_a_line(message: str, author: str, branch: str, pusher: str) -> None:
    """Neither does it end one, nor colour it, nor turn it around, nor make it longer than a line."""
    commit = Commit(sha="d" * 40, message=message, author_name=author)
    for more in ({}, {"forced": True}, {"created": True, "base_ref": branch}, {"deleted": True}):
        said = lines(commit, ref=f"refs/heads/{branch}", pusher=pusher, **more)
        assert said
        for line in said:
            assert line.startswith("octo/app ")
            assert len(line.encode()) <= MAX_BYTES
            assert line.isprintable() or not {*line} & {*map(chr, range(32)), "\x7f", "\u202e", "\u2028"}


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_a_damaged_fact_is_told_as_far_as_it_goes(value: Any) -> None:
    names = ("repository", "ref", "before", "after", "pusher", "new", "count", "url", "base", "commits")
    for name in names:
        assert write_push({**tell_push(push(ADA)), name: value}) is not None
    assert write_push({"commits": [{"sha": value, "author": value, "added": value, "lines": value}]})


def test_builders_are_named() -> None:
    assert write_lost({"builder": "anvil", "platform": "freebsd-15"}) == "[builders] anvil (freebsd-15) lost"
    assert write_back({"builder": "anvil\n"}, 722) == "[builders] anvil back after 12 min 02 s"


@given(st.text(), st.text(max_size=100))
def test_a_tail_is_never_cut(text: str, tail: str) -> None:
    """It is the address that people click."""
    line = fit(text, tail)
    assert line.endswith(tail)
    assert len(line.encode("utf-8", "replace")) <= MAX_BYTES


def test_nobody_is_called_by_a_hushed_name() -> None:
    """Clients look for the whole nick."""
    assert hush("alice") == "a\u200blice"
    assert "alice" not in hush("alice")
    assert hush("x") == "x"


def test_a_rule_is_read() -> None:
    rule = read_rule("#ops repo=octo/* job=team/** branch=main branch=v* event=broken pulls=on colours=off")
    assert rule == Rule(
        channel="#ops", repositories=("octo/*",), jobs=("team/**",), branches=("main", "v*"),
        events=frozenset({News.BROKEN}), pulls=True, colours=False,
    )  # fmt: skip
    assert read_rule("#all event=always").events == frozenset(News)


@pytest.mark.parametrize("text", ["", "ops", "#ops repo", "#ops repo=", "#ops what=1", "#ops event=x", "#ops pulls=1"])
def test_a_wrong_rule_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_rule(text)


def test_a_channel_without_a_rule_has_the_usual_one() -> None:
    """A channel may have several: what one of them wants is told."""
    rules = make_rules(["#Builds", "#else", "#else"], ["#builds event=broken", "#builds event=fixed repo=o/r"])
    assert [rule.channel for rule in rules] == ["#builds", "#builds", "#else"]
    assert rules[2].events == USUAL


def matter(event: News, **more: Any) -> Matter:
    return Matter(event=event, **{"repository": "Octo/App", "branch": "main", "default_branch": "main", **more})


@pytest.mark.parametrize(
    ("rule", "more", "wanted"),
    [
        ("#a", {}, True),
        ("#a", {"branch": "topic"}, False),
        ("#a", {"branch": "release/1"}, True),
        ("#a", {"branch": "topic", "default_branch": None}, True),
        ("#a branch=*", {"branch": "topic"}, True),
        ("#a", {"pull": True, "branch": "topic"}, False),
        ("#a pulls=on", {"pull": True, "branch": "topic"}, True),
        ("#a event=fixed", {}, False),
        ("#a repo=octo/*", {}, True),
        ("#a repo=octo/other", {}, False),
        ("#a job=team/**", {"job": "team/x/app"}, True),
        ("#a job=team/**", {"job": "Octo/App"}, False),
        ("#a", {"private": True}, False),
        ("#a repo=octo/app", {"private": True}, True),
        ("#a job=team/app", {"private": True, "job": "team/app"}, True),
    ],
)
def test_builds_are_told_where_they_are_wanted(rule: str, more: dict[str, Any], *, wanted: bool) -> None:
    """By default of branches that matter to all, and never of private repositories that nobody has named."""
    assert is_wanted(read_rule(rule), matter(News.BROKEN, **more), NOBODY) is wanted


@pytest.mark.parametrize(
    ("rule", "added", "more", "wanted"),
    [
        ("#a", (), {"branch": "topic"}, True),
        ("#a", (), {"private": True}, False),
        ("#a", ("octo/app",), {"private": True}, True),
        ("#a", ("octo/other",), {}, False),
        ("#a repo=octo/other", ("octo/app",), {}, True),
        ("#a repo=octo/other", (), {}, False),
        ("#a job=team/app", (), {}, False),
        ("#a branch=main", (), {"branch": "topic"}, False),
    ],
)
def test_commits_are_told_of_watched_repositories(
    rule: str, added: tuple[str, ...], more: dict[str, Any], *, wanted: bool
) -> None:
    """Of all that are public where nobody has named any; with a name, of those only."""
    wishes = Wishes(repositories=frozenset(added))
    assert is_wanted(read_rule(rule), matter(News.COMMITS, **more), wishes) is wanted


def test_people_in_the_channel_have_the_last_word() -> None:
    """`!notify` is nearer than the settings."""
    rule = read_rule("#a event=broken")
    assert not is_wanted(rule, matter(News.BROKEN), Wishes(events={"broken": False}))
    assert is_wanted(rule, Matter(event=News.BUILDER_OFFLINE), Wishes(events={"builder-offline": True}))
