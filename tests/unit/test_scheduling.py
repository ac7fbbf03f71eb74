"""Who builds what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.scheduling import (
    ANY_PLATFORM,
    FreeBuilder,
    PlatformRoom,
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


def test_a_paused_platform_gets_nothing_and_a_limited_one_no_more() -> None:
    free = [FreeBuilder(name=name, platform=f"{name}-1", slots=3) for name in ("mac", "bsd", "linux")]
    waiting = [wait(number, "any") for number in range(9)]
    room = PlatformRoom({"mac-*": 2}, {"mac-1": 1, "linux-1": 7}, paused=["bsd-1"])

    assert sorted(builder for _, builder in pair(waiting, free, room)) == ["linux", "linux", "linux", "mac"]
    assert (room.full("mac-1"), room.full("bsd-1"), room.full("linux-1")) == ("mac-*", "bsd-1", None)


def test_what_a_platform_has_left_is_what_its_tightest_limit_leaves() -> None:
    """More that run than a limit allows, because it was lowered, is no room, not less than none."""
    room = PlatformRoom({"mac-*": 3, "mac-1": 2, "bsd": 1}, {"mac-1": 1, "mac-2": 1, "bsd": 4}, paused=["sun"])

    assert [room.left(name) for name in ("mac-1", "mac-2", "bsd", "sun", "linux")] == [1, 1, 0, 0, float("inf")]


@given(
    st.lists(WANTED, max_size=12),
    st.lists(st.tuples(NAMES, st.integers(0, 3)), max_size=4),
    st.dictionaries(WANTED, st.integers(0, 3), max_size=3),
    st.dictionaries(NAMES, st.integers(0, 2), max_size=3),
)
def test_limits_of_platforms_hold_and_waste_nothing(
    wanted: list[str], builders: list[tuple[str, int]], limits: dict[str, int], running: dict[str, int]
) -> None:
    """Whoever is left waiting finds no builder that is free and has room."""
    free = [FreeBuilder(name=str(at), platform=name, slots=slots) for at, (name, slots) in enumerate(builders)]
    waiting = [wait(number, platform) for number, platform in enumerate(wanted)]
    room = PlatformRoom(limits, running)

    pairs = dict(pair(waiting, free, room))

    given_to = [free[int(name)].platform for name in pairs.values()]
    for glob, limit in limits.items():
        before = sum(count for name, count in running.items() if fits(glob, name))
        assert before + sum(fits(glob, name) for name in given_to) <= max(limit, before)
    for run in waiting:
        for builder in free:
            used = sum(name == builder.name for name in pairs.values())
            able = used < builder.slots and suits(run.want, builder) and room.full(builder.platform) is None
            assert run.id in pairs or not able
