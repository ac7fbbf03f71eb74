"""Who is mending which branch or pull request of a job: said by people, over as soon as it is good again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.results import Result
from hubwright.domain.streaks import TELLING
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.schema import build, take
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_values import BuildView

MOST = 100
"""Takes of one job that are told, at most."""


class Take(NamedTuple):
    """`branch` as `name_line` has it; `by` is a login at GitHub or a token's name; `at` Unix seconds."""

    branch: str
    by: str
    at: float


def name_line(branch: str | None, pull_request: int | None) -> str | None:
    """What a build's job is mended at: a branch, or `PR#7`; None for what is neither."""
    return branch if pull_request is None else f"PR#{pull_request}"


def is_broken(connection: Connection, row: Row[Any]) -> bool:
    """Whether the newest build of the same branch or pull request that says something of the code is a bad one."""
    newest = (
        select(build.c.result)
        .where(
            build.c.job_id == row.job_id,
            build.c.branch == row.branch,
            # without coalesce() SQLite would take the index of results, which has those of every job
            func.coalesce(build.c.result, "").in_([result.value for result in TELLING]),
            func.coalesce(build.c.pull_request, 0) == (row.pull_request or 0),
            build.c.event != BUILT_FOR_IT,
        )
        .order_by(build.c.id.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar() not in {None, Result.SUCCESS.value}


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


def load_takes_of(connection: Connection, builds: Iterable[BuildView]) -> dict[int, Take]:
    """Who mends what these builds are of, by the builds' ids."""
    places = {one.id: (one.job_id, line) for one in builds if (line := name_line(one.branch, one.pull_request))}
    wanted = sorted(set(places.values()))[:MAX_PAGE]
    if not wanted:
        return {}
    # each column by itself: of pairs SQLite would look through the whole table
    jobs, lines = {job for job, _ in wanted}, {line for _, line in wanted}
    query = select(take.c.job_id, take.c.branch, take.c.by, take.c.at)
    rows = connection.execute(query.where(take.c.job_id.in_(jobs), take.c.branch.in_(lines)))
    found = {(row.job_id, row.branch): Take(row.branch, row.by, row.at) for row in rows}
    return {number: found[place] for number, place in places.items() if place in found}


def drop_take(connection: Connection, job_id: int, branch: str) -> bool:
    """Nobody mends it any more, or it is good again; False when nobody did."""
    return connection.execute(delete(take).where(take.c.job_id == job_id, take.c.branch == branch)).rowcount == 1
