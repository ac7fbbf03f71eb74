"""Who builds what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.scheduling import (
    ANY_PLATFORM,
    FreeBuilder,
    WaitingRun,
    Want,
    fits,
    join_labels,
    pair,
    split_labels,
    suits,
)

NAMES = st.sampled_from(["linux-x86_64", "linux-arm64", "darwin-arm64", "windows-x86_64"])
WANTED = st.one_of(NAMES, st.sampled_from([ANY_PLATFORM, "linux-*", "*-arm64", "*", "plan9", "[", "linux-?86_64"]))

LABELS = st.frozensets(st.sampled_from(["gpu", "big", "arm"]), max_size=2)


def wait(number: int, platform: str, *labels: str) -> WaitingRun:
    return WaitingRun(id=number, want=Want(platform=platform, labels=labels))


def test_globs_names_and_any() -> None:
    assert fits("linux-*", "linux-arm64")
    assert fits(ANY_PLATFORM, "plan9")
    assert fits("a[b]", "a[b]")
    assert not fits("linux", "linux-arm64")
    assert not fits("Linux-*", "linux-arm64")


def test_the_idlest_builder_goes_first() -> None:
    free = [FreeBuilder(name="small", platform="p", slots=1), FreeBuilder(name="big", platform="p", slots=3)]
    waiting = [wait(number, "p") for number in range(5)]
    assert pair(waiting, free) == [(0, "big"), (1, "big"), (2, "small"), (3, "big")]


def test_one_that_fits_nobody_holds_up_nobody() -> None:
    free = [FreeBuilder(name="b", platform="p", slots=1)]
    assert pair([wait(1, "other"), wait(2, "p")], free) == [(2, "b")]


def test_a_run_goes_only_to_a_builder_that_has_all_its_labels() -> None:
    """Also when another builder is idler, and an unlabelled run may go anywhere."""
    free = [
        FreeBuilder(name="plain", platform="p", slots=4),
        FreeBuilder(name="gpu", platform="p", slots=1, labels=("gpu",)),
        FreeBuilder(name="both", platform="p", slots=1, labels=("big", "gpu", "arm")),
    ]
    assert pair([wait(1, "p", "big", "gpu"), wait(2, "p", "gpu"), wait(3, "p")], free) == [
        (1, "both"),
        (2, "gpu"),
        (3, "plain"),
    ]
    assert pair([wait(1, "p", "tpu")], free) == []


@given(st.lists(st.text(alphabet="abc:/=.", min_size=1, max_size=4)))
def test_labels_come_back_from_the_database(labels: list[str]) -> None:
    """Sorted and each once: they name a queue, whatever order a recipe lists them in."""
    assert split_labels(join_labels(labels)) == tuple(sorted(set(labels)))
    assert join_labels(labels) == join_labels(reversed(labels))


@given(
    waiting=st.lists(st.tuples(WANTED, LABELS), max_size=20),
    free=st.lists(st.tuples(NAMES, st.integers(0, 4), LABELS), max_size=6),
)
def test_slots_platforms_and_labels_are_kept_to_and_nothing_that_could_run_is_left(
    waiting: list[tuple[str, frozenset[str]]], free: list[tuple[str, int, frozenset[str]]]
) -> None:
    builders = {
        f"b{at}": FreeBuilder(name=f"b{at}", platform=name, slots=slots, labels=tuple(labels))
        for at, (name, slots, labels) in enumerate(free)
    }
    runs = {at: wait(at, platform, *labels) for at, (platform, labels) in enumerate(waiting)}
    pairs = pair(runs.values(), list(builders.values()))
    chosen = dict(pairs)
    assert len(chosen) == len(pairs)
    left = {one.name: one.slots - sum(name == one.name for name in chosen.values()) for one in builders.values()}
    assert min(left.values(), default=0) >= 0
    assert all(suits(runs[run].want, builders[name]) for run, name in pairs)
    for number, run in runs.items():
        if number not in chosen:
            assert not any(left[one.name] > 0 and suits(run.want, one) for one in builders.values())
