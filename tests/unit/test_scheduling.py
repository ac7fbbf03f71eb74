"""Who builds what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.scheduling import ANY_PLATFORM, FreeBuilder, WaitingRun, fits, pair

NAMES = st.sampled_from(["linux-x86_64", "linux-arm64", "darwin-arm64", "windows-x86_64"])
WANTED = st.one_of(NAMES, st.sampled_from([ANY_PLATFORM, "linux-*", "*-arm64", "*", "plan9", "[", "linux-?86_64"]))


def test_globs_names_and_any() -> None:
    assert fits("linux-*", "linux-arm64")
    assert fits(ANY_PLATFORM, "plan9")
    assert fits("a[b]", "a[b]")
    assert not fits("linux", "linux-arm64")
    assert not fits("Linux-*", "linux-arm64")


def test_the_idlest_builder_goes_first() -> None:
    free = [FreeBuilder(name="small", platform="p", slots=1), FreeBuilder(name="big", platform="p", slots=3)]
    waiting = [WaitingRun(id=number, platform="p") for number in range(5)]
    assert pair(waiting, free) == [(0, "big"), (1, "big"), (2, "small"), (3, "big")]


def test_one_that_fits_nobody_holds_up_nobody() -> None:
    free = [FreeBuilder(name="b", platform="p", slots=1)]
    assert pair([WaitingRun(id=1, platform="other"), WaitingRun(id=2, platform="p")], free) == [(2, "b")]


@given(
    waiting=st.lists(WANTED, max_size=20),
    free=st.lists(st.tuples(NAMES, st.integers(0, 4)), max_size=6),
)
def test_slots_and_platforms_are_kept_to_and_nothing_that_could_run_is_left(
    waiting: list[str], free: list[tuple[str, int]]
) -> None:
    builders = [FreeBuilder(name=f"b{at}", platform=name, slots=slots) for at, (name, slots) in enumerate(free)]
    runs = [WaitingRun(id=at, platform=name) for at, name in enumerate(waiting)]
    pairs = pair(runs, builders)
    chosen = dict(pairs)
    assert len(chosen) == len(pairs)
    left = {one.name: one.slots - sum(name == one.name for name in chosen.values()) for one in builders}
    assert min(left.values(), default=0) >= 0
    platforms = {one.name: one.platform for one in builders}
    assert all(fits(waiting[run], platforms[name]) for run, name in pairs)
    for run in runs:
        if run.id not in chosen:
            assert not any(left[one.name] > 0 and fits(run.platform, one.platform) for one in builders)
