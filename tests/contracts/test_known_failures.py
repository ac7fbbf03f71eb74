"""Failures are known again by what they say: counted once a run, by platform, for a job and its copies."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from build_lives import Clock, Lives
from hubwright.domain.known_failures import KnownFailure, word_known
from hubwright.errors import NotFoundError
from hubwright.hub import moves
from hubwright.hub.known_failures import Tail
from hubwright.hub.retention import DAY
from hubwright.store import known_failures, retention, schema
from hubwright.store.database import Database
from hubwright.store.definitions import drop_archived_jobs, find_subject, remove_job
from hubwright.store.versions import Kind
from hubwright.store.views_failures import (
    FailureFilter,
    load_failures_of_runs,
    load_known_failure,
    load_known_failures,
    load_seen,
    load_twins,
)
from hubwright.wire import Case
from hubwright.wire import Job as StageMessage
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as CasesMessage

TWO = "platforms: [linux, freebsd]\nstages:\n  - test: make check\n"


@pytest.fixture
def lives(database: Database) -> Lives:
    return Lives(database, Clock())


def fail(
    lives: Lives, run: int, log: bytes = b"", *, message: str = "", result: str = "failure", detail: str = ""
) -> None:
    """The run is taken; its stage fails with this output, or with a test that says this."""
    lives.start(run)
    told: list[Any] = [StageMessage(run=run, lease=1, seq=1, at=1.0, stage=0)]
    if message:
        case = Case(suite="s", classname="Ring", name="wraps", result="failed", message=message)
        told.append(CasesMessage(run=run, lease=1, seq=2, stage=0, cases=(case,)))
    if not detail:
        code = {"result": "failure", "exit_code": 2, "log": len(log)}
        told.append(ResultMessage(run=run, lease=1, seq=len(told) + 1, at=2.0, stage=0, **code))
    told.append(ResultMessage(run=run, lease=1, seq=len(told) + 1, at=3.0, result=result, detail=detail, log=len(log)))
    items = [moves.Told("anvil", one, lives.clock(), Tail(0, log)) for one in told]
    lives.database.write(lambda connection: moves.apply_messages(connection, items))
    lives.clock.now += 60


def known(lives: Lives, **wanted: Any) -> tuple[KnownFailure, ...]:
    with lives.database.reading() as connection:
        return load_known_failures(connection, FailureFilter(**wanted)).items


def build_of(lives: Lives, sha: str, recipe: str = "stages:\n  - test: make check\n", **more: Any) -> list[int]:
    return lives.runs(lives.build(sha * 40, recipe=recipe, **more))


def test_the_same_output_is_the_same_failure_and_is_counted_by_platform(lives: Lives) -> None:
    for sha in "abc":
        linux, freebsd = build_of(lives, sha, TWO)
        fail(lives, linux, b"$ make\nring.c:%d:3: error: no tail\nmake: *** [ring.o] Error 1\n" % ord(sha))
        fail(lives, freebsd, b"bind: error\nerror: port %d is taken\n" % ord(sha))
    bind, tail = known(lives)
    assert (tail.title, tail.kind, tail.times) == ("ring.c:97:3: error: no tail", "line", 3)
    assert [(place.platform, place.times) for place in bind.places] == [("freebsd", 3)]
    assert word_known(bind, ["linux", "freebsd"]).startswith("seen 3 times since 2027-01-15, on freebsd only")
    with lives.database.reading() as connection:
        assert load_known_failure(connection, bind.id) == bind
        assert [seen.run_id for seen in load_seen(connection, bind.id)] == [freebsd, freebsd - 2, freebsd - 4]
        assert load_failures_of_runs(connection, [linux, freebsd]) == {linux: (tail,), freebsd: (bind,)}


def test_tests_tell_before_the_log_and_a_lost_builder_by_what_was_told_of_it(lives: Lives) -> None:
    (one,) = build_of(lives, "a")
    fail(lives, one, b"error: something\n", message="expected 3")
    (two,) = build_of(lives, "b")
    fail(lives, two, result="error", detail="Builder anvil lost 4 GB.")
    assert [(each.kind, each.title) for each in known(lives)] == [
        ("end", "Builder … lost 4 GB."),
        ("test", "Ring: wraps: expected 3"),
    ]


def test_what_ends_well_is_cancelled_or_was_built_for_a_search_is_not_counted(lives: Lives) -> None:
    lives.live(lives.build("a" * 40), 0, 0)
    (cancelled,) = build_of(lives, "b")
    fail(lives, cancelled, b"error: something\n", result="cancellation")
    (searched,) = build_of(lives, "c")
    event = update(schema.build).values(event="bisect")
    lives.database.write(lambda connection: connection.execute(event))
    fail(lives, searched, b"error: something\n")
    assert known(lives) == ()


def test_copies_of_a_job_count_with_it_and_other_jobs_for_themselves(lives: Lives) -> None:
    parent, other = lives.job(), lives.job(path="else/where")
    copy = lives.job(path="hello/copy")
    change = update(schema.job).where(schema.job.c.id == copy.id).values(copy_of=parent.id, copy_key="branch:x")
    lives.database.write(lambda connection: connection.execute(change))
    for sha, job in (("a", parent), ("b", copy), ("c", other)):
        (run,) = build_of(lives, sha, job=job)
        family = parent.id if job is copy else job.id
        right = update(schema.run).where(schema.run.c.id == run).values(family=family)
        lives.database.write(lambda connection, right=right: connection.execute(right))
        fail(lives, run, b"error: no tail\n")
    (elsewhere, here) = known(lives)
    assert (elsewhere.job, elsewhere.times) == ("else/where", 1)
    assert (here.job, here.times) == (parent.path, 2)
    assert known(lives, job=parent.path) == known(lives, job=copy.path) == (here,)
    assert known(lives, folders=("else",)) == (elsewhere,)
    assert known(lives, folders=("nowhere",)) == ()
    with lives.database.reading() as connection:
        assert load_twins(connection, here) == (elsewhere,)
        with pytest.raises(NotFoundError):
            load_known_failures(connection, FailureFilter(job="no/such"))


def test_lists_go_from_the_newest_on_page_by_page(lives: Lives) -> None:
    for number, word in enumerate(("tail", "head", "body", "tail")):
        (run,) = build_of(lives, f"{number}")
        fail(lives, run, b"error: no %s\n" % word.encode())
    with lives.database.reading() as connection:
        first = load_known_failures(connection, FailureFilter(), 2)
        assert isinstance(first.next, int)
        rest = load_known_failures(connection, FailureFilter(), 2, first.next)
    assert [one.title for one in (*first.items, *rest.items)] == ["error: no tail", "error: no body", "error: no head"]
    assert rest.next is None


def test_an_issue_stays_with_a_failure_when_it_comes_again(lives: Lives) -> None:
    (run,) = build_of(lives, "a")
    fail(lives, run, b"error: no tail\n")
    (one,) = known(lives, linked=False)
    lives.database.write(lambda connection: known_failures.link_issue(connection, one.id, "octo/hello#7", "ada", 5.0))
    (run,) = build_of(lives, "b")
    fail(lives, run, b"error: no tail\n")
    (again,) = known(lives, linked=True)
    assert (again.id, again.issue, again.linked_by, again.times) == (one.id, "octo/hello#7", "ada", 2)
    lives.database.write(lambda connection: known_failures.link_issue(connection, one.id, None, "ada", 6.0))
    assert known(lives, linked=True) == ()
    with pytest.raises(NotFoundError):
        lives.database.write(lambda connection: known_failures.link_issue(connection, 999, None, "ada", 6.0))


def test_two_hubs_that_see_the_same_failures_at_once_lose_no_count(lives: Lives) -> None:
    """Each transaction ends runs of both failures, in opposite orders: whoever waits in a circle is tried again."""
    pairs = [[build_of(lives, f"{number}")[0] for number in (at, at + 1)] for at in range(0, 8, 2)]
    together = Barrier(len(pairs))

    def end(runs: list[int], words: list[bytes]) -> None:
        items = []
        for run, word in zip(runs, words, strict=True):
            ended = ResultMessage(run=run, lease=1, seq=1, at=3.0, result="error", detail=f"No {word.decode()} left.")
            items.append(moves.Told("anvil", ended, lives.clock()))
        together.wait(30)
        lives.database.write(lambda connection: moves.apply_messages(connection, items))

    for pair in pairs:
        for run in pair:
            lives.start(run)
    threads = [
        Thread(target=end, args=(pair, [b"room", b"time"][:: 1 if at % 2 else -1])) for at, pair in enumerate(pairs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((one.title, one.times) for one in known(lives)) == [("No room left.", 4), ("No time left.", 4)]


def test_what_nobody_linked_and_nobody_saw_for_long_is_forgotten_and_builds_take_theirs_along(lives: Lives) -> None:
    for sha, word in (("a", b"tail"), ("b", b"head")):
        (run,) = build_of(lives, sha)
        fail(lives, run, b"error: no %s\n" % word)
    head, tail = known(lives)
    lives.database.write(lambda connection: known_failures.link_issue(connection, tail.id, "octo/hello#7", "ada", 5.0))
    with lives.database.reading() as connection:
        assert known_failures.load_forgotten(connection, lives.clock() - DAY) == []
        due = known_failures.load_forgotten(connection, lives.clock() + DAY)
        builds = list(connection.execute(select(schema.build.c.id)).scalars())
    assert due == [head.id]
    lives.database.write(lambda connection: known_failures.forget(connection, due))
    lives.database.write(lambda connection: retention.delete_builds(connection, builds))
    (left,) = known(lives)
    assert (left.title, left.times) == (tail.title, 1)
    with lives.database.reading() as connection:
        assert load_seen(connection, left.id) == ()


def test_a_job_that_goes_takes_what_is_known_of_it_along(lives: Lives) -> None:
    job = lives.job()
    values = {"family": job.id, "fingerprint": "0" * 16, "kind": "line", "title": "error", "last_at": 1.0}
    lives.database.write(lambda connection: connection.execute(insert(schema.known_failure).values(values)))

    def remove(connection: Any) -> None:
        subject = find_subject(connection, Kind.JOB, job.path)
        assert subject is not None
        remove_job(connection, subject, 5.0)
        drop_archived_jobs(connection, 10.0)

    lives.database.write(remove)
    assert known(lives) == ()
