"""Which builds may start: limits hold, order is kept, nothing is dropped, nobody waits without a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.concurrency import Admission, Contender, PlacedRun, Policy, admit, admit_runs
from hubwright.domain.pauses import Pause

LIMITS = {"deploy": 1, "test": 2}
ANN = Pause("ann", 0.0)
JOB_LIMITS = {1: 1, 2: 3, 3: None}


def build(number: int, job: int = 1, **more: object) -> Contender:
    return Contender(id=number, job=job, name=f"job{job} #{number}", **more)  # type: ignore[arg-type]


def in_group(number: int, group: str = "deploy", **more: object) -> Contender:
    return build(number, group=group, group_limit=LIMITS[group], **more)


@st.composite
def contenders(draw: st.DrawFn) -> tuple[list[Contender], list[Contender]]:
    """Waiting and running builds; those that run are within the limits."""
    count = draw(st.integers(0, 8))
    made = []
    for number in range(count):
        group = draw(st.sampled_from([None, *LIMITS]))
        job = draw(st.sampled_from(list(JOB_LIMITS)))
        made.append(
            build(
                number,
                job,
                priority=draw(st.integers(0, 2)),
                turn=draw(st.sampled_from([0.0, 1.0, 2.5])),
                group=group,
                group_limit=LIMITS.get(group or ""),
                job_limit=JOB_LIMITS[job],
                policy=draw(st.sampled_from(Policy)),
                line=draw(st.sampled_from([None, "main", "next"])),
                paused=draw(st.sampled_from([None, None, None, ANN])),
            )
        )
    running = list(admit([one for one in made if draw(st.booleans())], []).starts)
    return [one for one in made if one.id not in running], [one for one in made if one.id in running]


def going(admission: Admission, waiting: list[Contender], running: list[Contender]) -> list[Contender]:
    return [*running, *(one for one in waiting if one.id in admission.starts)]


def test_a_group_starts_its_builds_in_the_order_in_which_they_came() -> None:
    """A deployment of an older commit after a newer one would undo it, whatever its priority."""
    waiting = [in_group(2, priority=20), in_group(1)]

    admission = admit(waiting, [])

    assert admission.starts == (1,)
    assert admission.waits[2].kind == "group_full"
    assert admission.waits[2].sentence == "Group deploy lets 1 build go on at a time: job1 #1."


def test_who_waits_in_a_group_hears_how_many_are_before() -> None:
    admission = admit([in_group(2), in_group(3)], [in_group(1)])

    assert admission.starts == ()
    assert admission.waits[3].sentence == (
        "Group deploy lets 1 build go on at a time: job1 #1. 1 build of it is before this one."
    )
    assert admission.waits[3].more == {"group": "deploy", "limit": 1, "going": ["job1 #1"], "ahead": 1}


def test_a_build_whose_job_is_paused_keeps_its_place_and_holds_up_nobody() -> None:
    waiting = [in_group(1, paused=ANN), in_group(2, job=2)]

    assert admit(waiting, []).starts == (2,)
    assert admit([replace(waiting[0], paused=None), waiting[1]], []).starts == (1,)
    assert admit(waiting, []).waits[1].sentence == "The job is paused. ann did that just now."


def test_while_the_hub_is_paused_nothing_starts_and_nothing_is_lost() -> None:
    admission = admit([build(1), build(2)], [], hub_paused=ANN)

    assert admission.starts == ()
    assert {reason.kind for reason in admission.waits.values()} == {"hub_paused"}
    assert admission.waits.keys() == {1, 2}


def test_a_newer_build_of_the_branch_supersedes_older_ones() -> None:
    """The running one is to be cancelled, and counts until it has ended."""
    policy = Policy.CANCEL_SUPERSEDED
    running = [build(1, line="next", policy=policy, job_limit=1)]
    waiting = [build(number, line="next", policy=policy, job_limit=1) for number in (2, 3)]

    admission = admit([*waiting, build(4, line="main")], running)

    assert admission.superseded == {1: 3, 2: 3}
    assert admission.starts == (4,)
    assert admission.waits[3].kind == "job_full"


def test_other_branches_jobs_and_builds_by_hand_are_not_superseded() -> None:
    policy = Policy.CANCEL_SUPERSEDED
    others = [build(1, line="main"), build(2, 2, line="next"), build(3)]

    admission = admit([*others, build(4, line="next", policy=policy)], [])

    assert admission.superseded == {}
    assert admission.starts == (1, 2, 3, 4)


def test_the_smallest_limit_that_is_named_counts() -> None:
    """Two jobs share a group and do not agree: the careful one is right."""
    waiting = [build(1, group="g", group_limit=2), build(2, group="g", group_limit=1), build(3, group="g")]

    assert admit(waiting, []).starts == (1,)


def test_a_group_without_a_limit_limits_nothing() -> None:
    assert admit([build(1, group="g"), build(2, group="g")], []).starts == (1, 2)


@settings(deadline=None)
@given(contenders())
def test_no_limit_is_ever_exceeded(made: tuple[list[Contender], list[Contender]]) -> None:
    waiting, running = made
    after = going(admit(waiting, running), waiting, running)

    groups = Counter(one.group for one in after if one.group)
    jobs = Counter(one.job for one in after)
    before = Counter(one.group for one in running if one.group), Counter(one.job for one in running)
    assert all(count <= max(LIMITS[group], before[0][group]) for group, count in groups.items())
    assert all(count <= max(JOB_LIMITS[job] or count, before[1][job]) for job, count in jobs.items())


@settings(deadline=None)
@given(contenders())
def test_nothing_is_dropped(made: tuple[list[Contender], list[Contender]]) -> None:
    """Each waiting build starts, waits with a reason, or has been superseded by a newer one; exactly one of these."""
    waiting, running = made
    admission = admit(waiting, running)

    ids = [one.id for one in waiting]
    fates = [*admission.starts, *admission.waits, *(one for one in admission.superseded if one in ids)]
    assert sorted(fates) == sorted(ids)
    assert all(old < new for old, new in admission.superseded.items())
    assert set(admission.superseded.values()).isdisjoint(admission.superseded)


@settings(deadline=None)
@given(contenders())
def test_every_reason_is_true(made: tuple[list[Contender], list[Contender]]) -> None:
    """Work is conserved: where there is room in the end, nobody waits for it."""
    waiting, running = made
    admission = admit(waiting, running)
    after = going(admission, waiting, running)
    by_id = {one.id: one for one in waiting}

    for number, reason in admission.waits.items():
        one = by_id[number]
        match reason.kind:
            case "job_paused":
                assert one.paused
            case "job_full":
                assert sum(other.job == one.job for other in after) >= (one.job_limit or 99)
            case _:
                assert reason.kind == "group_full"
                assert sum(other.group == one.group for other in after) >= LIMITS[one.group or ""]


@settings(deadline=None)
@given(contenders())
def test_in_a_group_nobody_overtakes(made: tuple[list[Contender], list[Contender]]) -> None:
    """Unless the older one waits for its own job."""
    waiting, running = made
    admission = admit(waiting, running)

    for group in LIMITS:
        waits = [one for one in waiting if one.group == group and one.id in admission.waits]
        started = [one.id for one in waiting if one.group == group and one.id in admission.starts]
        for one in waits:
            assert admission.waits[one.id].kind != "group_full" or all(number < one.id for number in started)


@settings(max_examples=25, deadline=None)
@given(contenders(), st.data())
def test_everybody_starts_in_the_end(made: tuple[list[Contender], list[Contender]], data: st.DataObject) -> None:
    """While builds end and others of the same priority keep coming, none that nothing holds back waits for ever."""
    waiting, running = made
    waiting = [replace(one, paused=None, priority=0, turn=0.0, line=None) for one in waiting]
    first = {one.id for one in waiting}
    for step in range(40):
        newer = build(1000 + step, 3, turn=3.0 + step, group="test", group_limit=2)
        waiting = [*waiting, newer]
        if running:
            running = [one for one in running if one is not data.draw(st.sampled_from(running))]
        admission = admit(waiting, running)
        running = going(admission, waiting, running)
        waiting = [one for one in waiting if one.id not in admission.starts]
    assert first.isdisjoint(one.id for one in waiting)


def test_runs_of_a_job_are_limited_on_a_platform() -> None:
    running = [PlacedRun(id=1, job=1, platform="macos-arm64")]
    waiting = [
        PlacedRun(id=2, job=1, platform="macos-x86_64"),
        PlacedRun(id=3, job=1, platform="linux"),
        PlacedRun(id=4, job=2, platform="macos-arm64"),
    ]

    starts, waits = admit_runs(waiting, running, {1: {"macos-*": 1}})

    assert starts == (3, 4)
    assert waits[2].sentence == "The job lets 1 run go on at a time on 'macos-*'."


PLACED = st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["linux", "macos-a", "macos-b"])), max_size=10)


@settings(deadline=None)
@given(PLACED, PLACED)
def test_limits_on_platforms_hold_and_waste_nothing(now: list[tuple[int, str]], then: list[tuple[int, str]]) -> None:
    limits = {1: {"macos-*": 2, "macos-a": 1}}
    running = [PlacedRun(id=-at, job=job, platform=platform) for at, (job, platform) in enumerate(now, 1)]
    waiting = [PlacedRun(id=at, job=job, platform=platform) for at, (job, platform) in enumerate(then)]

    starts, waits = admit_runs(waiting, running, limits)

    def count(runs: list[PlacedRun], prefix: str) -> int:
        return sum(run.job == 1 and run.platform.startswith(prefix) for run in runs)

    after = [*running, *(run for run in waiting if run.id in starts)]
    assert sorted([*starts, *waits]) == [run.id for run in waiting]
    for glob, prefix in (("macos-*", "macos-"), ("macos-a", "macos-a")):
        assert count(after, prefix) <= max(limits[1][glob], count(running, prefix))
    for number, reason in waits.items():
        assert waiting[number].job == 1
        assert count(after, str(reason.more["platform"]).rstrip("*")) >= reason.more["limit"]
