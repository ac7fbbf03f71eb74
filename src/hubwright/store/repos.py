"""Which repository a name means, and what the build side asks of the copy of GitHub."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, func, literal_column, select

from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.repos import PullRequestEvent, Repository
from hubwright.store.moments import read_moment
from hubwright.store.schema import gh_branch, gh_pull_request, gh_repository

_CHANGE_TIMES = (
    select(
        gh_pull_request.c.repository_id,
        gh_pull_request.c.number,
        func.max(gh_pull_request.c.updated_at).label("at"),
    )
    .where(
        gh_pull_request.c.repository_id.in_(bindparam("repositories", expanding=True)),
        gh_pull_request.c.number.in_(bindparam("numbers", expanding=True)),
    )
    .group_by(gh_pull_request.c.repository_id, gh_pull_request.c.number)
)


def find_repository(name: str) -> ScalarSelect[int]:
    """GitHub's number of `owner/name` in any case; of those that ever had the name, the one last told of that lives."""
    return (
        select(gh_repository.c.id)
        .where(func.lower(gh_repository.c.full_name) == name.lower())
        .order_by(gh_repository.c.deleted_at.isnot(None), gh_repository.c.last_replicated_at.desc())
        .limit(1)
        .scalar_subquery()
    )


def load_default_branch(connection: Connection, repository: str) -> str | None:
    """The repository's default branch as GitHub last told it."""
    query = select(gh_repository.c.default_branch).where(gh_repository.c.id == find_repository(repository))
    return connection.execute(query).scalar()


class Known(NamedTuple):
    """What decides who is told of a repository."""

    default_branch: str | None
    private: bool


def load_news_of(connection: Connection, repository: str) -> Known:
    """As GitHub last told it; of what GitHub does not know, nothing is private."""
    columns = (gh_repository.c.default_branch, gh_repository.c.private)
    row = connection.execute(select(*columns).where(gh_repository.c.id == find_repository(repository))).first()
    return Known(None, private=False) if row is None else Known(row.default_branch, private=bool(row.private))


def load_default_branches(connection: Connection, repositories: Collection[str]) -> dict[str, str]:
    """The default branches of those repositories that GitHub has told of, by name in lower case."""
    name = func.lower(gh_repository.c.full_name)
    columns = (name, gh_repository.c.default_branch)
    query = select(*columns).where(name.in_({one.lower() for one in repositories}))
    newest_last = query.order_by(gh_repository.c.deleted_at.is_(None), gh_repository.c.last_replicated_at)
    return {found: branch for found, branch in connection.execute(newest_last) if branch is not None}


def is_old_news(connection: Connection, event: PullRequestEvent) -> bool:
    """Whether GitHub has told of a later change of the pull request already: a delivery may come late."""
    if event.updated_at is None:
        return False
    known = connection.execute(select(func.max(gh_pull_request.c.updated_at)).where(*of_number(event))).scalar()
    return known is not None and read_moment(event.updated_at) < known


def load_pull_targets(connection: Connection, repository: Repository, branch: str) -> list[str]:
    """The branches that open pull requests from this branch of the repository itself go into."""
    if repository.id is None:
        return []
    pull = gh_pull_request.c
    query = (
        select(pull.base_ref)
        .where(pull.repository_id == repository.id, pull.head_ref == branch, literal_column("state = 'open'"))
        .where(pull.head_repository_id == repository.id, pull.deleted_at.is_(None), pull.base_ref.is_not(None))
    )
    return list(connection.execute(query).scalars())


def is_gone(connection: Connection, repository: Repository, key: CopyKey) -> bool:
    """Whether GitHub has told that a branch was deleted or a pull request closed, and nothing later."""
    number = _number_of(repository)
    if key.kind is CopyKind.BRANCH:
        gone = gh_branch.c.deleted_at.is_not(None)
        query = select(gone).where(gh_branch.c.repository_id == number, gh_branch.c.name == key.name)
    else:
        of_number = (gh_pull_request.c.repository_id == number, gh_pull_request.c.number == int(key.name))
        query = select(func.coalesce(gh_pull_request.c.state, "") == "closed").where(*of_number)
    return bool(connection.execute(query.limit(1)).scalar())


def load_change_times(connection: Connection, names: Collection[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """When pull requests, named by their repositories' and their own numbers, were last changed, as far as is told."""
    given = {"repositories": sorted({name for name, _ in names}), "numbers": sorted({number for _, number in names})}
    rows = connection.execute(_CHANGE_TIMES, given)
    return {(row.repository_id, row.number): row.at for row in rows if row.at is not None}


def of_number(event: PullRequestEvent) -> tuple[ColumnElement[bool], ...]:
    """The pull request of an event, by its repository and number."""
    of_repository = gh_pull_request.c.repository_id == _number_of(event.repository)
    return (of_repository, gh_pull_request.c.number == event.number)


def _number_of(repository: Repository) -> int | ScalarSelect[int]:
    return repository.id if repository.id is not None else find_repository(repository.full_name)
