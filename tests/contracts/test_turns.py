"""Fair shares: whose turn it is, in whatever order jobs send their runs; on both databases, as the scheduler asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, update

from hubwright.domain.builds import Wanted
from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.planning import PlannedRun
from hubwright.domain.scheduling import FreeBuilder
from hubwright.store.builds import NewRun, keep_build, keep_runs
from hubwright.store.copies import find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.runs import load_waiting
from hubwright.store.schema import build, run
from limited_jobs import NOW, define
from tables import with_tables

FREE = [FreeBuilder(name="anvil", platform="linux", slots=1)]
_numbers = iter(range(1, 10**9))


def send(connection: Connection, job: int, count: int = 1, *, priority: int = 0, platform: str = "linux") -> list[int]:
    """So many runs of a job come, each in a build of its own."""
    sent = []
    for _ in range(count):
        number = next(_numbers)
        wanted = Wanted(sha=f"{number:040x}", ref="refs/heads/main", event="push", trigger=str(number))
        build_id = keep_build(connection, job, number, "octo/hello", wanted, NOW)
        planned = PlannedRun(platform=platform)
        sent += keep_runs(
            connection, [NewRun(build_id=build_id, planned=planned, assignment={}, priority=priority)], NOW
        )
    return sent


def line(connection: Connection, limit: int = 10_000) -> list[int]:
    """The runs that wait, in the order in which the scheduler gives them out."""
    return [one.id for one in load_waiting(connection, FREE, limit)]


def take(connection: Connection) -> int | None:
    """The next run is given to a builder."""
    first = next(iter(line(connection, 1)), None)
    if first is not None:
        connection.execute(update(run).where(run.c.id == first).values(state="running"))
    return first


def test_a_burst_delays_another_jobs_first_build_by_one(database: Database) -> None:
    """A thousand at once, of which some have begun; copies of the job share its turns, a run that no builder will ever
    take keeps nobody back, and the next ones of both jobs alternate."""

    def play(connection: Connection) -> None:
        loud, quiet = define(connection, "loud"), define(connection, "quiet")
        copy = find_or_make_copy(connection, loud, CopyKey(CopyKind.PULL_REQUEST, "1"), NOW).job
        send(connection, quiet.id, platform="haiku")
        send(connection, loud.id, 900)
        for _ in range(300):
            take(connection)
        send(connection, copy.id, 100)
        first, *others = send(connection, quiet.id, 3)
        waiting = line(connection)
        assert [waiting.index(one) for one in (first, *others)] == [1, 3, 5]
        (urgent,) = send(connection, loud.id, priority=5)
        assert line(connection)[0] == urgent

    database.write(play)


Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 3), st.integers(1, 6)),
        st.tuples(st.just("take"), st.just(0), st.integers(1, 6)),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, list[int]]]:
    """Three jobs in a database of SQLite."""
    with closing(Database(with_tables(f"sqlite:///{tmp_path_factory.mktemp('turns')}/hubwright.db"))) as opened:
        yield opened, opened.write(lambda connection: [define(connection, f"app{at}").id for at in range(3)])


@given(STEPS)
@settings(max_examples=50, deadline=None)
def test_whoever_waits_gets_a_share(jobs: tuple[Database, list[int]], steps: list[Step]) -> None:
    """A job's runs go in their order; one that comes when none of its own waits is behind one of each other at most;
    and of two that wait all the time, neither is ever given two more than the other."""
    database, numbers = jobs
    database.write(lambda connection: _play(connection, numbers, steps))


def _play(connection: Connection, jobs: list[int], steps: list[Step]) -> None:
    for table in (run, build):
        connection.execute(delete(table))
    of: dict[int, int] = {}
    taken: list[int] = []
    since: dict[tuple[int, int], Counter[int]] = {}
    for what, job, count in steps:
        if what == "send":
            alone = not any(of[one] == job for one in line(connection))
            sent = send(connection, jobs[job - 1], count)
            of |= dict.fromkeys(sent, job)
            if alone:
                before = Counter(of[one] for one in line(connection)[: line(connection).index(sent[0])])
                assert all(amount <= 1 for amount in before.values()), before
            continue
        for _ in range(count):
            waits = {of[one] for one in line(connection)}
            since = {pair: since.get(pair, Counter()) for pair in _pairs(waits)}
            got = take(connection)
            if got is None:
                break
            taken.append(got)
            for pair, counts in since.items():
                counts[of[got]] += 1
                assert abs(counts[pair[0]] - counts[pair[1]]) <= 2, (pair, counts)
    for job in (1, 2, 3):
        own = [one for one in taken if of[one] == job]
        assert own == sorted(own)


def _pairs(jobs: set[int]) -> list[tuple[int, int]]:
    return [(one, other) for one in jobs for other in jobs if one < other]
