"""Builds within limits: groups in their order, jobs, platforms, pauses, what is superseded; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.pauses import Pause
from hubwright.domain.repos import Trust
from hubwright.hub import approvals as hub_approvals
from hubwright.hub import builds as hub_builds
from hubwright.hub.admission import Admitting
from hubwright.store import admission, views, views_waiting
from hubwright.store.approvals import Approver
from hubwright.store.copies import find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.pauses import keep_job_pause, keep_pause, load_paused_jobs, load_stops
from hubwright.store.schema import build
from limited_jobs import NOW, Builds, admit, define, end, lease, load, see, see_facts, see_runs

BUILDS = Builds()
ADA = Approver(token_name="ada", token_id=None)


class Yard:
    """Each step in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __call__(self, work: Any, *given: Any, **named: Any) -> Any:
        return self.database.write(lambda connection: work(connection, *given, **named))

    def push(self, job: Any, count: int = 1, **more: Any) -> list[int]:
        """So many builds of a job, each looked at when it comes."""
        made = [self(BUILDS.push, job, **more) for _ in range(count)]
        self(admit)
        return made

    def run(self, build_id: int) -> None:
        """A build from its lease to its end, and what that makes room for."""
        assert self(lease, build_id)
        self(end, build_id)
        self(admit)


@pytest.fixture
def yard(database: Database) -> Yard:
    return Yard(database)


def test_a_group_of_several_jobs_lets_so_many_go_on_and_keeps_the_order(yard: Yard) -> None:
    """Whatever their priority (woodpecker's, not GitHub's that drops all but the last); nothing is dropped."""
    limits = {"concurrency": {"group": "deploy", "limit": 1}}
    one, other = yard(define, "team/one", **limits), yard(define, "team/other", **limits)
    builds = [*yard.push(one), *yard.push(other), *yard.push(one, priority=50), *yard.push(other)]

    assert yard(see, *builds) == ["queued", "waits", "waits", "waits"]
    assert yard(see_runs, builds[1]) == ["held"]
    for at, number in enumerate(builds):
        assert yard(see, *builds[at:]) == ["queued", *["waits"] * (3 - at)]
        yard.run(number)
    assert yard(see, *builds) == ["success"] * 4
    told = yard(see_facts, builds[2])
    assert [kind for kind in told if kind in {"BuildBlocked", "BuildAdmitted", "BuildStarted"}] == [
        "BuildBlocked", "BuildAdmitted", "BuildStarted",
    ]  # fmt: skip
    assert "BuildBlocked" not in yard(see_facts, builds[0])


def test_a_job_and_its_copies_share_its_limit(yard: Yard) -> None:
    job = yard(define, "app", max_builds=2)
    copy = yard(find_or_make_copy, job, CopyKey(CopyKind.PULL_REQUEST, "25"), NOW).job
    builds = [*yard.push(job), *yard.push(copy), *yard.push(copy), *yard.push(job)]
    assert yard(see, *builds) == ["queued", "queued", "waits", "waits"]
    yard.run(builds[0])
    assert yard(see, *builds) == ["success", "queued", "queued", "waits"]


def test_runs_beyond_the_limit_of_a_platform_wait_and_others_do_not(yard: Yard) -> None:
    job = yard(define, "app", platform_limits={"mac*": 1})
    first, second = yard.push(job, 2, platforms="linux, mac-14")
    assert (yard(see, first, second), yard(see_runs, second)) == (["queued", "partly"], ["queued", "held"])
    yard(lease, first)
    yard(end, first)
    yard(admit)
    assert (yard(see, second), yard(see_runs, second)) == (["queued"], ["queued", "queued"])


def test_a_newer_build_of_the_same_branch_supersedes_older_ones(yard: Yard) -> None:
    """Those that wait end at once, one that runs is told to end; other branches and what people ask for are let be."""
    job = yard(define, "app", concurrency={"group": "test", "limit": 1, "policy": "cancel-superseded"})
    (runs,) = yard.push(job)
    yard(lease, runs)
    waits, other, asked = *yard.push(job), *yard.push(job, branch="next"), *yard.push(job, event="manual")
    (newest,) = yard.push(job)
    assert yard(see, runs, waits, other, asked, newest) == ["running", "cancellation", "waits", "waits", "waits"]
    assert yard(lambda it: [row.cancel for row in hub_builds.runs.load_open(it, runs)]) == [
        f"Superseded by app #{yard(lambda it: it.execute(select(build.c.number).where(build.c.id == waits)).scalar())}."
    ]
    assert yard(admit) is False  # and is not told again
    yard(end, runs, "cancellation")
    yard(admit)
    assert yard(see, other, asked, newest) == ["queued", "waits", "waits"]


def test_the_builds_of_a_paused_job_wait_until_it_is_resumed(yard: Yard) -> None:
    """Those that have begun go on; the pause and who did it are in the database, so they outlive every restart."""
    job = yard(define, "app")
    (begun,), (queued,) = yard.push(job), yard.push(job)
    yard(lease, begun)
    yard(keep_job_pause, "app", "ann", NOW)
    yard(admit)
    paused = yard(load, "app")
    (later,) = yard.push(paused)
    assert paused.paused == Pause("ann", NOW)
    assert yard(load_paused_jobs) == {"app": Pause("ann", NOW)}
    assert yard(see, begun, queued, later) == ["running", "waits", "waits"]
    assert yard(see_runs, queued) == ["held"]
    view = yard(views.load_build, queued)
    (why,) = yard(views_waiting.load_waits, view, NOW + 300).values()
    assert why.sentence == "The job is paused. ann did that 5 min ago."
    yard(keep_job_pause, "app", None, NOW)
    yard(admit)
    assert yard(see, queued, later) == ["queued", "queued"]


def test_an_approval_and_a_limit_are_both_waited_for(yard: Yard) -> None:
    """Whichever comes first. Who waits for an approval takes nobody's place (S13)."""
    job = yard(define, "app", max_builds=1)
    fork = {"trust": Trust.UNTRUSTED, "event": "pull_request", "pull_request": 3}
    (foreign,) = yard.push(job, **fork)
    (ours,) = yard.push(job)
    assert (yard(see, foreign, ours), yard(see_runs, foreign)) == (["new", "queued"], ["held"])
    sha = yard(views.load_build, foreign).sha
    assert yard(hub_approvals.approve, foreign, sha, ADA, NOW) == 0  # there is no room yet
    yard(admit)
    assert (yard(see, foreign), yard(see_runs, foreign)) == (["waits"], ["held"])
    yard.run(ours)
    assert (yard(see, foreign), yard(see_runs, foreign)) == (["queued"], ["queued"])


def test_what_is_begun_again_waits_like_the_others(yard: Yard) -> None:
    job = yard(define, "app", max_builds=1)
    old, new = yard.push(job, 2)
    yard.run(old)
    yard(hub_builds.rerun, old, NOW)
    yard(admit)
    assert (yard(see, old, new), yard(see_runs, old)) == (["waits", "queued"], ["held"])
    yard.run(new)
    assert yard(see, old) == ["queued"]


def test_while_the_hub_is_paused_nobody_is_admitted(yard: Yard) -> None:
    job = yard(define, "app", max_builds=1)
    yard(keep_pause, "hub", "", "ann", NOW)
    (number,) = yard.push(job)
    assert yard(see, number) == ["waits"]
    assert yard(load_stops).hub == Pause("ann", NOW)


def test_jobs_without_limits_cost_no_statement_more(yard: Yard) -> None:
    """Nothing of all this is looked at when they are built."""
    plain = yard(define, "plain")
    counted: list[str] = []

    def build_once(connection: Any) -> None:
        note = lambda _it, _cursor, statement, *_: counted.append(statement)  # noqa: E731
        event.listen(connection, "before_cursor_execute", note)
        number = BUILDS.push(connection, plain)
        lease(connection, number)
        end(connection, number)
        event.remove(connection, "before_cursor_execute", note)

    yard(build_once)
    assert not [one for one in counted if "blocked IS NOT NULL" in one or "FROM pause" in one]
    woken: list[str] = []
    assert Admitting(yard.database, lambda: NOW, woken.append).drain() is None
    assert woken == []
    assert not yard(admission.is_wanted)
