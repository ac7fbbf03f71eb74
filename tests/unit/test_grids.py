"""Which state stands for several, in which order columns come, and who did what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.grids import find_worst, rank_state, sort_platforms
from hubwright.domain.wording import ALL_LOOKS, look_of
from hubwright.store.grid_values import BlameBuild, Breakage
from hubwright.web.pages.blame import Deeds, count_deeds
from hubwright.web.pages.commits import merge_names

RESULTS = ("success", "failure", "error", "timeout", "cancellation", "skip")
STATES = st.one_of(
    st.tuples(st.just("finished"), st.sampled_from(RESULTS)),
    st.tuples(st.sampled_from(["queued", "running", "held"]), st.none()),
)


def test_every_state_that_pages_show_has_a_rank_of_its_own() -> None:
    states = [("finished", one) for one in RESULTS] + [(one, None) for one in ("queued", "running", "held")]
    assert len({rank_state(*one) for one in states}) == len({look_of(*one).kind for one in states}) == len(ALL_LOOKS)


@given(st.lists(STATES, min_size=1))
def test_what_stands_for_several_is_one_of_them_and_bad_as_soon_as_one_is(states: list[tuple[str, str | None]]) -> None:
    worst = find_worst(states)
    assert worst in states
    assert (worst[1] in {"failure", "error", "timeout"}) == any(
        result in {"failure", "error", "timeout"} for _, result in states
    )
    assert (worst == ("finished", "success")) <= all(result in {"success", "skip"} for _, result in states)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_columns_do_not_depend_on_the_order_of_what_is_in_them(names: list[str]) -> None:
    assert sort_platforms(names) == sort_platforms(reversed(names))
    assert set(sort_platforms(names)) == set(names)


def test_columns_come_in_the_order_of_system_1() -> None:
    """Linux, Windows, macOS, others."""
    names = ["freebsd-15", "macos-arm64", "windows-x86_64", "linux-arm64", "linux-x86_64", "freebsd-9", "linux-x86"]
    assert sort_platforms(names) == [
        "linux-x86", "linux-x86_64", "linux-arm64", "windows-x86_64", "macos-arm64", "freebsd-9", "freebsd-15",
    ]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from("abcdefg"), unique=True), max_size=6))
def test_columns_of_stages_have_each_name_once_and_the_first_runs_order(runs: list[list[str]]) -> None:
    merged = merge_names(runs)
    assert sorted(merged) == sorted({name for run in runs for name in run})
    if runs:
        assert [name for name in merged if name in runs[0]] == runs[0]


def test_deeds_count_who_broke_and_who_mended() -> None:
    def built(number: int, author: str | None) -> BlameBuild:
        told = {"author_name": author, "author_login": None, "result": "failure", "message": "", "sha": "a"}
        return BlameBuild(id=number, number=number, at=1.0, **told)  # type: ignore[arg-type]

    place = {"job": "a", "repository": "o/r", "branch": "main"}
    told = [
        Breakage(**place, broke=built(1, "Ann"), fixed=built(2, "Bob")),
        Breakage(**place, broke=built(3, "Ann"), fixed=None),
        Breakage(**place, broke=built(4, None), fixed=built(5, "Ann")),
    ]
    assert count_deeds(told) == [Deeds("Ann", 2, 1), Deeds("somebody", 1, 0), Deeds("Bob", 0, 1)]
