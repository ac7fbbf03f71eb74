"""The database is the truth, a broker only a hint: killed processes and lost hints delay work and lose none."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

import jobs_program
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.store.database import Database
from hubwright.store.schema import fact, task
from waiting import until

JOBS = 600

KILL_AT = (80, 200, 320, 440)
"""Jobs done when everything is killed."""


@contextmanager
def tables_at(url: str) -> Iterator[Database]:
    database = Database(url, readers=1)
    try:
        yield database
    finally:
        database.close()


def done(database: Database) -> list[int]:
    """The jobs that ended, once for each time."""
    with database.reading() as connection:
        return list(connection.execute(select(fact.c.run_id)).scalars())


def start(roles: list[str], database_url: str, broker_url: str, jobs: int) -> list[subprocess.Popen[bytes]]:
    argv = [sys.executable, jobs_program.__file__]
    return [subprocess.Popen([*argv, role, database_url, broker_url, str(jobs)]) for role in roles]


def kill(processes: list[subprocess.Popen[bytes]]) -> None:
    """As `kill -9` does, wherever they are."""
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


@pytest.mark.parametrize(
    ("database_kind", "broker_kind"),
    [("sqlite_url", None), ("postgres_url", "valkey_url"), ("postgres_url", "rabbitmq_url")],
    ids=["in-process on SQLite", "Celery over Valkey on PostgreSQL", "Celery over RabbitMQ on PostgreSQL"],
)
def test_of_600_jobs_and_four_kills_none_is_lost_and_none_ends_twice(
    request: pytest.FixtureRequest, database_kind: str, broker_kind: str | None
) -> None:
    """Submitter and worker are killed together, in the middle of both; every job that was accepted ends once."""
    database_url = request.getfixturevalue(database_kind)
    broker_url = request.getfixturevalue(broker_kind) if broker_kind else "-"
    roles = ["submit", "work"] if broker_kind else ["both"]
    started = time.monotonic()
    with tables_at(database_url) as database:
        for enough in (*KILL_AT, JOBS):
            processes = start(roles, database_url, broker_url, JOBS)
            try:
                until(lambda enough=enough: len(done(database)) >= enough, 60, f"{enough} jobs")
                assert all(process.poll() is None for process in processes)
            finally:
                kill(processes)
        ended = done(database)
        assert (len(ended), len(set(ended))) == (JOBS, JOBS)
        with database.reading() as connection:
            states = dict(connection.execute(select(task.c.state, func.count()).group_by(task.c.state)).all())
            tries = connection.execute(select(func.sum(task.c.attempts))).scalar_one()
    assert states == {"done": JOBS}
    print(f"{JOBS} jobs, {len(KILL_AT)} kills: {tries - JOBS} re-runs, {time.monotonic() - started:.1f} s")


def test_without_any_hint_a_dispatcher_of_this_process_finds_the_work(database: Database) -> None:
    """Nobody ever wakes it; jobs that were there before and jobs that come later are all done."""
    jobs_program.submit(database, lambda _queue: None, 50)
    drains = {jobs_program.QUEUE: jobs_program.make_drain(database)}
    dispatcher = InProcessDispatcher(drains, reconcile=0.2, idle=1)
    dispatcher.start()
    until(lambda: len(done(database)) == 50, what="the work of before")
    jobs_program.submit(database, lambda _queue: None, 100)
    until(lambda: len(done(database)) == 100, what="the work of later")
    dispatcher.stop(5)


def test_without_any_hint_a_worker_finds_the_work(postgres_url: str, valkey_url: str) -> None:
    """The broker may be emptied at any time; here it never gets a message."""
    with tables_at(postgres_url) as database:
        jobs_program.submit(database, lambda _queue: None, 50)
        workers = start(["work"], postgres_url, valkey_url, 0)
        try:
            until(lambda: len(done(database)) == 50, what="the work of before")
            jobs_program.submit(database, lambda _queue: None, 100)
            until(lambda: len(done(database)) == 100, what="the work of later")
        finally:
            kill(workers)
