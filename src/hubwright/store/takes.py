"""Who is mending which branch of a job: said by people, over as soon as the branch is good again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import take

MOST = 100
"""Takes of one job that are told, at most."""


class Take(NamedTuple):
    """`by` is a login at GitHub or a token's name; `at` Unix seconds."""

    branch: str
    by: str
    at: float


def keep_take(connection: Connection, job_id: int, taken: Take) -> Take | None:
    """Say who mends the branch; who did before, if that was somebody else."""
    found = load_take(connection, job_id, taken.branch)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"by": taken.by, "at": taken.at}
    added = dialect.insert(take).values(job_id=job_id, branch=taken.branch, **values)
    connection.execute(added.on_conflict_do_update(index_elements=[take.c.job_id, take.c.branch], set_=values))
    return None if found is None or found.by == taken.by else found


def load_take(connection: Connection, job_id: int, branch: str) -> Take | None:
    """Who mends the branch; None when nobody says so."""
    columns = (take.c.branch, take.c.by, take.c.at)
    row = connection.execute(select(*columns).where(take.c.job_id == job_id, take.c.branch == branch)).first()
    return None if row is None else Take(*row)


def load_takes(connection: Connection, job_id: int) -> list[Take]:
    """Who mends which branches of a job, by branch."""
    columns = (take.c.branch, take.c.by, take.c.at)
    rows = connection.execute(select(*columns).where(take.c.job_id == job_id).order_by(take.c.branch).limit(MOST))
    return [Take(*row) for row in rows]


def drop_take(connection: Connection, job_id: int, branch: str) -> bool:
    """Nobody mends it any more, or it is good again; False when nobody did."""
    return connection.execute(delete(take).where(take.c.job_id == job_id, take.c.branch == branch)).rowcount == 1
