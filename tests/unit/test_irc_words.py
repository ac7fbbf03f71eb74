"""What people mean on IRC, and how things are put in a line: pure, whatever the names are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.irc_names import fold_name, is_channel
from hubwright.domain.irc_text import paint
from hubwright.errors import UnprocessableError
from hubwright.irc.answers.channels import read_duration, read_repository
from hubwright.irc.answers.orders import BuildOrder, read_build_order
from hubwright.irc.answers.texts import shorten, unping, write_build
from hubwright.irc.events import Joined, Kicked, Left, Person, Quit, Renamed, Said
from hubwright.irc.memory import see
from hubwright.irc.subjects import Meant, read_meant
from hubwright.store.irc_people import Seen
from hubwright.store.views_values import BuildView

ADA = Person(nick="Ada", account="ada")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Meant()),
        ("4711", Meant(build=4711)),
        ("team/app", Meant(job="team/app")),
        ("app release/1", Meant(job="app", branch="release/1")),
        ("PR#12", Meant(pull=12)),
        ("pr12", Meant(pull=12)),
        ("#12", Meant(pull=12)),
        ("octo/hello#12", Meant(job="octo/hello", pull=12)),
        ("app PR#12", Meant(job="app", pull=12)),
        ("app #12", Meant(job="app", pull=12)),
        ("app prod12", Meant(job="app", branch="prod12")),
        ("app_pr25", Meant(job="app_pr25")),
        ("99999999999999999999", Meant(job="99999999999999999999")),
    ],
)
def test_what_is_meant(text: str, meant: Meant) -> None:
    assert read_meant(text.split()) == meant


def test_a_build_is_ordered_with_its_branch_and_parameters() -> None:
    found = read_build_order(["team/app", "release/1", "FLAVOUR=hot=er", "JOBS=4"])
    assert found == BuildOrder(job="team/app", ref="release/1", parameters={"FLAVOUR": "hot=er", "JOBS": "4"})
    assert read_build_order(["app", "PR#7"]).ref == "refs/pull/7/head"
    wrong = ("", "a b c", "A=1 app", "app =1", "app A=1 A=2", "app A=1 main", "17", "#7")
    for text in wrong:
        with pytest.raises(UnprocessableError):
            read_build_order(text.split())


def test_durations_and_repositories_are_read_strictly() -> None:
    assert [read_duration(text) for text in ("90s", "30m", "30min", "2H", "7d")] == [90, 1800, 1800, 7200, 604_800]
    for text in ("", "2", "0h", "8d", "-1h", "2h30m", "²h", "999999d"):
        with pytest.raises(UnprocessableError):
            read_duration(text)
    assert read_repository(["nim-lang", "Nim"]) == read_repository(["nim-lang/Nim.git"]) == "nim-lang/Nim"
    for words in ([], ["nim"], ["a/b/c"], ["a/b\u202e"], ["-a/b"]):
        with pytest.raises(UnprocessableError):
            read_repository(words)


def test_what_events_tell_of_whom() -> None:
    """Never what was said, nothing that was said to the bot alone, nothing of the bot itself."""
    said = Said(at=1.0, who=ADA, channel="#b", target="#b", text="a secret")
    assert see(said) == [Seen("Ada", "ada", "said", "#b", None, 1.0)]
    assert see(Said(at=1.0, who=ADA, channel=None, target="Ada", text="psst")) == []
    assert see(Said(at=1.0, who=ADA, channel="#b", target="#b", text="x", own=True)) == []
    assert [one.kind for one in see(Joined(at=1.0, who=ADA, channel="#b"))] == ["joined"]
    assert [one.kind for one in see(Left(at=1.0, who=ADA, channel="#b"))] == ["left"]
    assert see(Quit(at=1.0, who=ADA, channels=["#b"])) == [Seen("Ada", "ada", "quit", None, None, 1.0)]
    assert [one.kind for one in see(Kicked(at=1.0, who=ADA, channel="#b", by=ADA))] == ["kicked"]
    old, new = see(Renamed(at=1.0, who=ADA, nick="Ada2", channels=["#b"]))
    assert (old.name, old.kind, old.renamed, new.name) == ("Ada", "renamed", "Ada2", "Ada2")


@given(st.text(), st.text())
def test_folding_is_a_closure_and_keeps_ascii_names_apart(one: str, other: str) -> None:
    assert fold_name(fold_name(one)) == fold_name(one)
    if one.isalnum() and other.isalnum() and one.isascii() and other.isascii() and len(one) < 100 > len(other):
        assert (fold_name(one) == fold_name(other)) is (one.lower() == other.lower())


@given(st.text(min_size=1, max_size=500))
def test_names_stay_on_their_line(name: str) -> None:
    """And are as long as they may be; a nick calls nobody, and is the same when that is taken out."""
    short = shorten(name, 40)
    assert len(short) <= 40
    assert short == " ".join(short.split())
    assert not set(short) & {"\n", "\r", "\x00", "\x02", "\x03", "\u202e"}
    assert unping(name).replace("\u200b", "") == short
    assert is_channel("#" + name) is False or " " not in name


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_a_build_is_one_line_that_ends_in_its_address(job: str, message: str, author: str) -> None:
    build = BuildView(
        id=7, number=3, job_id=1, job=job, repository="octo/hello", sha="ab" * 20, ref=message, branch=author,
        event="push", pull_request=None, message=message, author_name=author, author_login=None, priority=0,
        state="finished", result="failure", problem=message, recipe=None, queued_at=1.0, started_at=2.0,
        finished_at=9.0,
    )  # fmt: skip
    line = paint(write_build(build, 70.0, "https://ci.example.org/"), colours=False)
    assert line.endswith(", 1 min ago — https://ci.example.org/builds/7")
    assert "✕ failed at abababa" in line
    assert len(line) < 700
    assert line.isprintable() or "\u200b" in line
