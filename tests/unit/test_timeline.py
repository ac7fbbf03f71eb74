"""The chart of a build's times: whatever the times are, it can be drawn, and it tells the truth."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.log_groups import TimedGroup
from hubwright.store.views_values import BuildView, RunView, StageView
from hubwright.web.pages.timeline import Timeline, draw_timeline

times = st.floats(0, 200_000, allow_nan=False)


def make_stage(run: int, position: int, begin: float | None, end: float | None) -> StageView:
    return StageView(
        run_id=run, position=position, name=f"stage {position}", kind=None, allow_failure=False,
        state="finished" if end is not None else "queued" if begin is None else "running",
        result=None if end is None else "success", exit_code=None, detail=None, attempt=1, log_start=None, log_end=None,
        started_at=begin, finished_at=end,
    )  # fmt: skip


def make_run(number: int, queued: float, waits: float, lengths: list[float], rest: float = 0.0) -> RunView:
    at = started = queued + waits
    stages = []
    for position, length in enumerate(lengths):
        stages.append(make_stage(number, position, at, at + length))
        at += length
    return RunView(
        id=number, build_id=1, platform=f"platform-{number}", matrix={}, attempt=1, latest=True, state="finished",
        result="success", detail=None, builder="oak", cancel=None, log_size=0, tests=None, queued_at=queued,
        started_at=started, finished_at=at + rest, stages=tuple(stages),
    )  # fmt: skip


def make_build(*runs: RunView, state: str = "finished") -> BuildView:
    return BuildView(
        id=1, number=1, job_id=1, job="j", repository="o/r", sha="a" * 40, ref="refs/heads/main", branch="main",
        event="push", pull_request=None, message="", author_name=None, author_login=None, priority=0, state=state,
        result=None, problem=None, recipe=None, queued_at=0, started_at=None, finished_at=None, runs=runs,
    )  # fmt: skip


def drawn(*runs: RunView) -> Timeline:
    timeline = draw_timeline(make_build(*runs), now=1e6)
    assert timeline is not None
    return timeline


@given(st.lists(st.tuples(times, times, st.lists(times, max_size=5), times), min_size=1, max_size=5))
def test_every_part_lies_on_the_axis_in_its_order_without_gaps(
    shapes: list[tuple[float, float, list[float], float]],
) -> None:
    """A page must not break, and no bar may leave it, whatever clocks and builds did."""
    timeline = drawn(*(make_run(number, *shape) for number, shape in enumerate(shapes, 1)))
    for row in timeline.rows:
        for span in row.spans:
            assert 0 <= span.left <= 100
            assert span.width > 0
            assert span.left + span.width <= 100.01
        lefts = [span.left for span in row.spans]
        assert lefts == sorted(lefts)
    parts = [part for part in timeline.parts if part.run.id == 1]
    assert all(abs(after.begin - before.end) < 0.06 for before, after in pairwise(parts))
    assert [tick.left for tick in timeline.ticks] == sorted(tick.left for tick in timeline.ticks)
    assert len(timeline.ticks) <= 8


def test_hours_of_waiting_and_one_slow_platform_leave_the_others_to_be_seen() -> None:
    """buildbot#3114: a chart in which builds last 5 s and 3 h could not be read."""
    timeline = drawn(*(make_run(number, 0, 7_200, [5, 60]) for number in (1, 2, 3)), make_run(4, 0, 7_200, [10_800]))

    waiting, short, long = timeline.rows[0].spans
    assert waiting.width < 20
    assert short.width > 1
    assert long.width > 15
    assert timeline.rows[3].spans[-1].left + timeline.rows[3].spans[-1].width > 99
    assert len(timeline.squeezed) == 2


def test_the_chart_names_the_run_that_the_end_waited_for() -> None:
    """What has to get faster for the build to get faster."""
    timeline = drawn(make_run(1, 0, 5, [60]), make_run(2, 0, 70, [20], rest=1), make_run(3, 0, 1, [30]))

    assert timeline.critical is not None
    assert timeline.critical.id == 2
    assert [row.critical for row in timeline.rows] == [False, True, False]
    assert [part.name for part in timeline.parts if part.run.id == 2] == ["waiting", "stage 0", "finishing"]


def test_one_run_has_a_row_for_each_part_and_what_goes_on_ends_now() -> None:
    """A running stage grows with the clock."""
    run = make_run(1, 0, 4, [10])
    running = RunView(**{name: getattr(run, name) for name in RunView.__dataclass_fields__} | {
        "state": "running", "result": None, "finished_at": None,
        "stages": (make_stage(1, 0, 6, 16), make_stage(1, 1, 16, None), make_stage(1, 2, None, None))})  # fmt: skip
    timeline = draw_timeline(make_build(running, state="running"), now=116)

    assert timeline is not None
    told = [(row.part.name, row.part.seconds) for row in timeline.rows if row.part]
    assert told == [("waiting", 4), ("setup", 2), ("stage 0", 10), ("stage 1", 100)]


def test_nothing_is_drawn_before_something_ran() -> None:
    """Why it waits is said elsewhere."""
    run = make_run(1, 0, 4, [])
    waiting = RunView(**{name: getattr(run, name) for name in RunView.__dataclass_fields__} | {"started_at": None})
    assert draw_timeline(make_build(waiting, state="queued"), now=9) is None


def test_groups_of_the_log_are_drawn_in_their_stage() -> None:
    """Where a stage says what it does, its bar says which of it took long."""
    groups = {
        1: [TimedGroup(3, "compile", 5, 25), TimedGroup(40, "link", 25, 60), TimedGroup(90, "unit tests", 66, 70)]
    }
    timeline = draw_timeline(make_build(make_run(1, 0, 5, [60, 30])), 1e6, groups)

    assert timeline is not None
    rows = {row.part.name: row for row in timeline.rows if row.part}
    assert [(one.group.title, one.seconds) for one in rows["stage 0"].groups] == [("compile", 20), ("link", 35)]
    assert [one.group.line for one in rows["stage 1"].groups] == [90]
    assert rows["waiting"].groups == ()
    span, bar = rows["stage 0"].groups[0], rows["stage 0"].spans[0]
    assert bar.left <= span.left < span.left + span.width < bar.left + bar.width
