"""A process that submits jobs, works on them, or both, for tests that kill it.

    python jobs_program.py both|submit|work DATABASE_URL BROKER_URL JOBS

A job is a task row; working on it takes a few milliseconds and ends with one fact in the transaction that ends the row.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable

from sqlalchemy import Connection, func, insert, select

from hubwright.hub.dispatcher import Drain, InProcessDispatcher
from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.schema import fact, task
from hubwright.tasks import CeleryDispatcher, run_worker

QUEUE = "jobs"

LEASE = 1.5
"""Seconds; what a killed process held waits so long."""

BATCH = 8


def make_drain(database: Database) -> Drain:
    """Does the jobs that are due, a few at a time."""
    owner = uuid.uuid4().hex

    def claim(connection: Connection) -> list[int]:
        rows = queues.claim(connection, task, owner, time.time(), lease_seconds=LEASE, limit=BATCH)
        return [row.id for row in rows]

    def end(connection: Connection, row_id: int) -> None:
        now = time.time()
        if queues.finish(connection, task, row_id, owner, now):
            connection.execute(insert(fact).values(kind="JobDone", at=now, run_id=row_id, data={}))

    def drain() -> float | None:
        while claimed := database.write(claim):
            for row_id in claimed:
                time.sleep(0.004)
                database.write(lambda connection, row_id=row_id: end(connection, row_id))
        with database.reading() as connection:
            return queues.next_due(connection, task)

    return drain


def submit(database: Database, wake: Callable[[str], None], jobs: int) -> None:
    """Submit what is missing of `jobs` jobs; a job is submitted when its row is durable."""
    with database.reading() as connection:
        first = connection.execute(select(func.count()).select_from(task)).scalar_one()
    for number in range(first, jobs):
        database.write(
            lambda connection, key=f"job-{number}": queues.add_task(connection, QUEUE, {}, now=time.time(), key=key)
        )
        wake(QUEUE)
        time.sleep(0.004)


def main(role: str, database_url: str, broker_url: str, jobs: int) -> int:
    """Run until killed."""
    database = Database(database_url)
    if role == "work":
        return run_worker(broker_url, {QUEUE: make_drain(database)}, name=f"{uuid.uuid4().hex}@test")
    dispatcher = InProcessDispatcher({QUEUE: make_drain(database)}) if role == "both" else CeleryDispatcher(broker_url)
    dispatcher.start()
    submit(database, dispatcher.wake, jobs)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
