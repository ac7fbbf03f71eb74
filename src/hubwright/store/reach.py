"""What lies below folders: the part of the tree that a token with folders may see.

A path is compared by its beginning, letter by letter: an order of text, and so `BETWEEN`, depends on the database's
collation.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select, true, union_all

from hubwright.store.schema import build, job, known_failure, run

FEW = 50
"""Jobs whose newest builds are looked up one by one; where there are more, the newest of all are looked through."""


def below(path: ColumnElement[str], folders: Sequence[str]) -> ColumnElement[bool]:
    """Whether a path is below one of the folders; the folder itself is not."""
    return or_(~true(), *(func.substr(path, 1, len(folder) + 1) == f"{folder}/" for folder in folders))


def names_below(connection: Connection, folders: Sequence[str], repository: str, clone_url: str | None) -> bool:
    """Whether a job below the folders has this repository, at this address; its copies are no such jobs."""
    named = (func.lower(job.c.repository) == repository.lower(), job.c.clone_url.is_not_distinct_from(clone_url))
    query = select(job.c.id).where(job.c.copy_of.is_(None), *named, below(job.c.path, folders)).limit(1)
    return connection.execute(query).first() is not None


def newest_below(
    connection: Connection, folders: Sequence[str], conditions: Sequence[ColumnElement[bool]], limit: int
) -> ColumnElement[bool]:
    """A condition that only the newest `limit` builds below the folders meet, of those that meet the conditions."""
    newest = select(build.c.id).where(*conditions).order_by(build.c.id.desc()).limit(limit)
    families = load_few_families(connection, folders)
    if families is None:
        of_build = select(job.c.id).where(job.c.id == build.c.job_id, below(job.c.path, folders))
        return build.c.id.in_(newest.where(of_build.exists()))
    if not families:
        return ~true()
    each = [select(newest.where(build.c.family == family).subquery().c.id) for family in families]
    return build.c.id.in_(union_all(*each))


def load_few_families(connection: Connection, folders: Sequence[str]) -> list[int] | None:
    """The jobs below the folders, without their copies; None where there are more than `FEW`."""
    few = select(job.c.id).where(job.c.copy_of.is_(None), below(job.c.path, folders)).limit(FEW + 1)
    families = list(connection.execute(few).scalars())
    return families if len(families) <= FEW else None


def load_families(connection: Connection, folders: Sequence[str], repository: str) -> tuple[int, ...]:
    """The jobs below the folders that have this repository, in any case, `FEW` at most."""
    of_name = (job.c.copy_of.is_(None), func.lower(job.c.repository) == repository.lower())
    query = select(job.c.id).where(*of_name, below(job.c.path, folders)).order_by(job.c.id).limit(FEW)
    return tuple(connection.execute(query).scalars())


def load_job_of_build(connection: Connection, build_id: int) -> str | None:
    """The path of the build's job; None when there is no such build."""
    query = select(job.c.path).join(build, build.c.job_id == job.c.id).where(build.c.id == build_id)
    return connection.execute(query).scalar()


def load_job_of_run(connection: Connection, run_id: int) -> str | None:
    """The path of the run's job; None when there is no such run."""
    query = select(job.c.path).join(build, build.c.job_id == job.c.id).join(run, run.c.build_id == build.c.id)
    return connection.execute(query.where(run.c.id == run_id)).scalar()


def load_job_of_failure(connection: Connection, number: int) -> str | None:
    """The path of the job that has this known failure; None when there is no such failure."""
    query = select(job.c.path).join(known_failure, known_failure.c.family == job.c.id)
    return connection.execute(query.where(known_failure.c.id == number)).scalar()
