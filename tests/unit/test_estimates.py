"""When waiting runs should start."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.estimates import Estimates, Station, Waiter, Work, time_left
from hubwright.domain.scheduling import Want, suits

LINUX, GPU = Want(platform="linux"), Want(platform="linux", labels=("gpu",))


def work(left: float | None) -> Work:
    return Work(run=1, build=1, job="octo/hello", number=1, left=left)


def starts(stations: list[Station], *line: tuple[Want, float | None]) -> list[float | None]:
    estimates = Estimates(stations)
    return [estimates.enter(Waiter(run=at, want=want, usual=usual)) for at, (want, usual) in enumerate(line)]


def test_the_slot_that_is_free_first_is_next() -> None:
    stations = [Station(name="a", platform="linux", slots=2, works=(work(30.0), work(100.0)))]
    assert starts(stations, (LINUX, 50.0), (LINUX, 50.0), (LINUX, 1.0)) == [30.0, 80.0, 100.0]


def test_nobody_knows_without_a_usual_time() -> None:
    """None is said rather than a guess; a slot of unknown end is counted on by nobody."""
    one = [Station(name="a", platform="linux", works=(work(None),))]
    assert starts(one, (LINUX, 5.0)) == [None]
    two = [*one, Station(name="b", platform="linux")]
    assert starts(two, (LINUX, 5.0), (LINUX, None), (LINUX, 5.0)) == [0.0, 5.0, None]


def test_labels_and_closed_builders_are_kept_to() -> None:
    stations = [
        Station(name="plain", platform="linux"),
        Station(name="gpu", platform="linux", labels=("gpu",), works=(work(10.0),)),
        Station(name="paused", platform="linux", labels=("gpu",), state="paused"),
    ]
    assert starts(stations, (GPU, 5.0), (LINUX, 5.0), (Want(platform="mac"), 5.0)) == [10.0, 0.0, None]


def test_a_run_that_takes_longer_than_usual_is_expected_to_end_soon_and_then_no_more() -> None:
    assert time_left(100.0, 40.0) == 60.0
    assert time_left(100.0, 250.0) == 10.0
    assert time_left(100.0, 301.0) is None
    assert time_left(None, 1.0) is None


_times = st.one_of(st.none(), st.floats(0.0, 100.0))


@given(
    st.lists(st.tuples(st.sampled_from([(), ("gpu",)]), st.integers(0, 3), st.lists(_times, max_size=4)), max_size=5),
    st.lists(st.tuples(st.sampled_from([LINUX, GPU]), _times), max_size=20),
)
def test_as_many_start_now_as_there_are_free_slots_and_none_on_a_slot_that_is_not_theirs(
    builders: list[tuple[tuple[str, ...], int, list[float | None]]], line: list[tuple[Want, float | None]]
) -> None:
    """Never a negative time, and an estimate only when some builder that suits has a slot of known end."""
    stations = [
        Station(name=str(at), platform="linux", labels=labels, slots=slots, works=tuple(map(work, lefts)))
        for at, (labels, slots, lefts) in enumerate(builders)
    ]
    found = starts(stations, *line)
    for (want, _), start in zip(line, found, strict=True):
        suited = [one for one in stations if suits(want, one) and one.slots]
        assert start is None or (start >= 0 and suited)
    lasting = [(want, 10.0 if usual is None else usual + 1) for want, usual in line]
    ends_at_once = sum(left == 0 for _, _, lefts in builders for left in lefts)
    at_once = sum(start == 0 for start in starts(stations, *lasting))
    assert at_once <= sum(station.free for station in stations) + ends_at_once
