"""Links: that the pull requests or branches of a repository have copies of a job.

A link that was kept by name has no number until GitHub tells it; a number is the identity for ever after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, union_all, update

from hubwright.domain.job_copies import CopyKind, Link
from hubwright.domain.repos import Repository
from hubwright.store.reach import below
from hubwright.store.schema import job, link
from hubwright.store.views import bounded
from hubwright.store.views_values import Page

_MOST = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptLink:
    """A link as it is kept: of a repository, to the job of this number and path."""

    id: int
    repository_id: int | None
    repository: str
    kind: CopyKind
    job_id: int
    job: str
    globs: tuple[str, ...]

    def is_of(self, repository: Repository) -> bool:
        """Whether it is the repository's: by GitHub's number, else by name while it has no number."""
        if self.repository_id is not None:
            return self.repository_id == repository.id
        return self.repository.lower() == repository.full_name.lower()

    def of_job(self, own: str) -> Link:
        """As the job sees it whose repository is `own`."""
        other = None if self.repository.lower() == own.lower() else self.repository
        return Link(self.kind, self.globs, other)


_LINKS = select(*(column for column in link.c if column.name != "created_at"), job.c.path).join(
    job, job.c.id == link.c.job_id
)
_BY_NAME = _LINKS.where(func.lower(link.c.repository) == bindparam("name"), link.c.repository_id.is_(None))
_OF_MANY = union_all(
    _LINKS.where(link.c.repository_id.in_(bindparam("numbers", expanding=True)), link.c.repository_id.is_not(None)),
    _LINKS.where(func.lower(link.c.repository).in_(bindparam("names", expanding=True)), link.c.repository_id.is_(None)),
)
_BY_NUMBER = union_all(
    _LINKS.where(link.c.repository_id == bindparam("number", type_=BigInteger()), link.c.repository_id.is_not(None)),
    _BY_NAME,
)


def load_links(connection: Connection, repository: Repository) -> list[KeptLink]:
    """The links of a repository, at most one of each kind."""
    named = {"name": repository.full_name.lower()}
    query, values = (_BY_NAME, named) if repository.id is None else (_BY_NUMBER, {**named, "number": repository.id})
    return _choose(_read(row) for row in connection.execute(query, values))


def load_links_of(connection: Connection, repositories: Collection[Repository]) -> dict[Repository, list[KeptLink]]:
    """The links of many repositories, each with GitHub's number, in one statement; those without are left out."""
    given = {
        "numbers": sorted({one.id for one in repositories if one.id is not None}),
        "names": sorted({one.full_name.lower() for one in repositories}),
    }
    links = [_read(row) for row in connection.execute(_OF_MANY, given)] if repositories else []
    if not links:
        return {}
    found = {one: _choose(each for each in links if each.is_of(one)) for one in repositories}
    return {one: own for one, own in found.items() if own}


def load_link(connection: Connection, repository: Repository, kind: CopyKind) -> KeptLink | None:
    """The link of a repository's pull requests or branches."""
    return next((one for one in load_links(connection, repository) if one.kind is kind), None)


def load_links_to(connection: Connection, job_id: int) -> list[KeptLink]:
    """The links to a job, the oldest first, at most a thousand."""
    rows = connection.execute(_LINKS.where(link.c.job_id == job_id).order_by(link.c.id).limit(_MOST))
    return [_read(row) for row in rows]


def load_all_links(
    connection: Connection,
    limit: int = 200,
    cursor: int | None = None,
    job_id: int | None = None,
    folders: Sequence[str] | None = None,
) -> Page[KeptLink]:
    """All links, those to a job, or those to jobs below folders; the newest first. The cursor is a number."""
    limit = bounded(limit)
    query = _LINKS.order_by(link.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(link.c.id < cursor)
    if job_id is not None:
        query = query.where(link.c.job_id == job_id)
    if folders is not None:
        query = query.where(below(job.c.path, folders))
    found = [_read(row) for row in connection.execute(query)]
    return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)


def keep_link(
    connection: Connection, repository: Repository, kind: CopyKind, job_id: int, globs: Sequence[str], now: float
) -> bool:
    """Link a repository's pull requests or branches to a job, instead of any job before; whether it is new."""
    values = {
        "repository_id": repository.id,
        "repository": repository.full_name,
        "job_id": job_id,
        "globs": list(globs),
    }
    known = load_link(connection, repository, kind)
    if known is None:
        connection.execute(insert(link).values(**values, kind=kind.value, created_at=now))
        return True
    connection.execute(update(link).where(link.c.id == known.id).values(**values))
    return False


def drop_link(connection: Connection, repository: Repository, kind: CopyKind) -> bool:
    """Drop a link, its copies stay; whether there was one."""
    known = load_link(connection, repository, kind)
    if known is None:
        return False
    return connection.execute(delete(link).where(link.c.id == known.id)).rowcount > 0


def keep_link_identity(connection: Connection, repository: Repository) -> None:
    """Give the links of a repository its number and present name."""
    if repository.id is None:
        return
    for one in load_links(connection, repository):
        if (one.repository_id, one.repository) != (repository.id, repository.full_name):
            values = {"repository_id": repository.id, "repository": repository.full_name}
            connection.execute(update(link).where(link.c.id == one.id).values(**values))


def _choose(links: Iterable[KeptLink]) -> list[KeptLink]:
    """One of each kind: that with a number before that with a name only."""
    found: dict[CopyKind, KeptLink] = {}
    for one in sorted(links, key=lambda each: (each.repository_id is None, each.id)):
        found.setdefault(one.kind, one)
    return sorted(found.values(), key=lambda one: one.id)


def _read(row: Any) -> KeptLink:
    return KeptLink(
        id=row.id,
        repository_id=row.repository_id,
        repository=row.repository,
        kind=CopyKind(row.kind),
        job_id=row.job_id,
        job=row.path,
        globs=tuple(row.globs),
    )
