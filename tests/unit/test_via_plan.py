"""How many jobs a cluster is asked for: never more than wait or may, never one in vain, whatever is lost in between."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.builder.via_demand import read_demand
from hubwright.builder.via_plan import (
    MOST_AT_ONCE,
    START_WITHIN,
    Demand,
    Job,
    Plan,
    Present,
    Stage,
    plan_jobs,
)
from hubwright.builder.via_slurm import SlurmJobs, read_queue, write_script
from hubwright.errors import HubAwayError

NOBODY: frozenset[str] = frozenset()


def job(number: int, stage: Stage = Stage.WAITING, started: float = 0.0) -> Job:
    return Job(id=str(number), builder=f"slurm-{number}", stage=stage, started=started)


def demand(waiting: int, **builders: Present) -> Demand:
    return Demand(waiting=waiting, builders={f"slurm-{name[1:]}": one for name, one in builders.items()})


def test_a_job_for_each_run_that_has_none_up_to_the_limit() -> None:
    assert plan_jobs(demand(3), [], NOBODY, 10) == Plan(submit=3)
    assert plan_jobs(demand(3), [job(1), job(2, Stage.STARTING)], NOBODY, 10) == Plan(submit=1)
    assert plan_jobs(demand(9), [job(1), job(2)], NOBODY, 3) == Plan(submit=1)
    assert plan_jobs(demand(9), [job(1), job(2)], NOBODY, 2) == Plan()
    assert plan_jobs(demand(500), [], NOBODY, 500) == Plan(submit=MOST_AT_ONCE)


def test_a_job_counts_for_a_run_that_waits_unless_it_has_one_or_ends() -> None:
    """One whose builder works, leaves, has left, or does not come for too long, brings nothing to what waits."""
    jobs = [job(1, Stage.STARTING, 5), job(2, Stage.STARTING, 5), job(3, Stage.STARTING, 5), job(4, Stage.STARTING, 5)]
    told = demand(4, b1=Present(1, leaving=True), b2=Present(0), b3=Present(0, leaving=True))
    assert plan_jobs(told, jobs, frozenset({"slurm-4"}), 10) == Plan(submit=3)
    assert plan_jobs(told, [*jobs, job(5, Stage.STARTING, START_WITHIN)], frozenset({"slurm-4"}), 10) == Plan(submit=3)


def test_of_what_is_not_needed_the_newest_that_wait_are_cancelled_and_none_that_has_started() -> None:
    jobs = [job(1, Stage.STARTING), job(2), job(3), job(4)]
    assert plan_jobs(demand(2), jobs, NOBODY, 10) == Plan(cancel=("3", "4"))
    assert plan_jobs(demand(0), jobs, NOBODY, 10) == Plan(cancel=("2", "3", "4"))
    assert plan_jobs(demand(0), [job(1, Stage.STARTING)], NOBODY, 10) == Plan()


@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.sampled_from(Stage), st.floats(0, 300), st.sampled_from(["", "idle", "busy", "met"]))),
    st.integers(1, 40),
)
def test_whatever_is_there_the_limit_holds_and_nothing_is_both_submitted_and_cancelled(
    waiting: int, found: list[tuple[Stage, float, str]], most: int
) -> None:
    """And a second look at what the first has done does nothing more: a restart in between doubles nothing."""
    jobs = [job(number, stage, started) for number, (stage, started, _) in enumerate(found)]
    builders = {
        one.builder: Present(int(state == "busy"))
        for one, (stage, _, state) in zip(jobs, found, strict=True)
        if state in {"idle", "busy"} and stage is Stage.STARTING
    }
    met = frozenset(one.builder for one, (_, _, state) in zip(jobs, found, strict=True) if state == "met")
    told = Demand(waiting=waiting, builders=builders)

    plan = plan_jobs(told, jobs, met, most)

    assert not (plan.submit and plan.cancel)
    assert plan.submit == 0 or len(jobs) + plan.submit <= most
    left = [one for one in jobs if one.id not in plan.cancel]
    assert all(one.stage is Stage.WAITING for one in jobs if one.id in plan.cancel)
    after = [*left, *(job(1000 + number) for number in range(plan.submit))]
    again = plan_jobs(told, after, met, most)
    assert again.cancel == ()
    assert again.submit == 0 or plan.submit == MOST_AT_ONCE


def test_of_squeues_lines_only_jobs_count_that_have_not_ended() -> None:
    """Slurm lists what has ended for minutes, and may add states that this release does not know."""
    lines = ["12|RUNNING|None", "7|PENDING|Resources", "8|COMPLETED|None", "9|CANCELLED|None", "10|CONFIGURING|None"]
    assert read_queue("\n".join([*lines, "slurm: x", "11|NEW|", ""]), "s") == [
        Job(id="7", builder="s-7", stage=Stage.WAITING, reason="Resources"),
        Job(id="10", builder="s-10", stage=Stage.STARTING, reason="None"),
        Job(id="12", builder="s-12", stage=Stage.STARTING, reason="None"),
    ]


def test_names_of_people_are_words_of_the_script_and_no_commands() -> None:
    evil = "x'; touch /tmp/evil; '$(id)"
    jobs = SlurmJobs(key="k", name=evil, command=["hubwright", "--label", evil], options=(), outputs=Path("/x"))
    script = write_script(jobs, f"/bin:{evil}")
    line = next(line for line in script.splitlines() if line.startswith("hubwright"))
    assert shlex.split(line)[:5] == ["hubwright", "--label", evil, "--name", f"{evil}-$SLURM_JOB_ID"]
    assert f"PATH={shlex.quote('/bin:' + evil)}" in script.splitlines()


def test_what_is_no_answer_of_a_hub_is_an_absent_hub() -> None:
    """Then nothing is submitted, and nothing cancelled."""
    known = read_demand(b'{"waiting": 2, "builders": [{"name": "a", "running": 1, "leaving": true}], "more": 1}')
    assert known == Demand(waiting=2, builders={"a": Present(1, leaving=True)})
    for body in (b"<html>", b"[]", b'{"waiting": "many"}'):
        with pytest.raises(HubAwayError):
            read_demand(body)
