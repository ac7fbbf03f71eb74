"""What somebody has pushed: their newest builds, one of each branch and pull request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from hubwright.store.reach import below
from hubwright.store.schema import build, job
from hubwright.store.views import load_builds_by_ids
from hubwright.store.views_values import BuildView

LOOKED_AT = 100
"""Builds of somebody that are looked at for those of different branches."""


def load_mine(
    connection: Connection, who: str, limit: int, folders: Sequence[str] | None = None, *, by_name: bool = True
) -> tuple[BuildView, ...]:
    """The newest build of each branch and pull request that `who` is the author of, newest first.

    `who` is a login at GitHub, in any case; with `by_name` also a name as commits have it. `folders`: only of jobs
    below one of these.
    """
    rows = [*_find(connection, func.lower(build.c.author_login), who.lower(), folders)]
    if by_name:
        rows += _find(connection, build.c.author_name, who, folders)
    newest: dict[tuple[int, object], int] = {}
    for row in sorted(rows, key=lambda row: -row.id):
        newest.setdefault((row.job_id, row.pull_request or row.branch), row.id)
    return tuple(reversed(load_builds_by_ids(connection, list(newest.values())[:limit])))


def _find(connection: Connection, author: ColumnElement[str], who: str, folders: Sequence[str] | None) -> Sequence[Any]:
    # A range and its order, where "is" would do: PostgreSQL plans for somebody, and might read the table backwards.
    newest = (
        select(build.c.id, build.c.job_id, build.c.pull_request, build.c.branch)
        .where(author.between(who, who))
        .order_by(author.desc(), build.c.id.desc())
        .limit(LOOKED_AT)
    )
    if folders is None:
        return connection.execute(newest).all()
    found = newest.subquery()
    inside = select(found).join(job, job.c.id == found.c.job_id).where(below(job.c.path, folders))
    return connection.execute(inside).all()
