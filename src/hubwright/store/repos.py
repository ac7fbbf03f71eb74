"""Repositories, commits, branches and pull requests as webhooks tell of them, kept as rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.repos import NO_COMMIT, Commit, PullRequestEvent, Push, Repository
from hubwright.store.schema import gh_branch, gh_commit, gh_pull_request, gh_repository

_DEFAULT_BRANCH = select(gh_repository.c.default_branch).where(gh_repository.c.full_name == bindparam("name"))


def keep_repository(connection: Connection, repository: Repository, now: float) -> None:
    """Add or renew the repository; one without GitHub's number (the document of 2008) has no row."""
    if repository.id is None:
        return
    row = {
        "id": repository.id,
        "owner_login": repository.owner,
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
        "fork": repository.fork,
        "default_branch": repository.default_branch,
        "description": repository.description,
        "html_url": repository.html_url,
        "last_replicated_via_webhook_at": now,
    }
    _keep(connection, gh_repository, [row], ("id",))


def keep_commits(connection: Connection, repository: Repository, commits: Sequence[Commit], now: float) -> None:
    """Add commits that are not there yet; a commit never changes."""
    rows = [
        {
            "repository": repository.full_name,
            "sha": commit.sha,
            "repository_id": repository.id,
            "message": commit.message,
            "author_name": commit.author_name,
            "author_email": commit.author_email,
            "author_login": commit.author_login,
            "authored_at": commit.timestamp,
            "url": commit.url,
            "added": list(commit.added),
            "removed": list(commit.removed),
            "modified": list(commit.modified),
            "last_replicated_via_webhook_at": now,
        }
        for commit in {commit.sha: commit for commit in commits}.values()
    ]
    if rows:
        connection.execute(_insert_missing(connection.dialect.name, gh_commit), rows)


def keep_branch(connection: Connection, push: Push, now: float) -> None:
    """Move the branch that was pushed, or mark it deleted. Tags have no row yet."""
    if push.branch is None:
        return
    gone = push.deleted or push.after == NO_COMMIT
    row = {
        "repository": push.repository.full_name,
        "name": push.branch,
        "repository_id": push.repository.id,
        "sha": None if gone else push.after,
        "last_replicated_via_webhook_at": now,
        "deleted_at": now if gone else None,
    }
    _keep(connection, gh_branch, [row], ("repository", "name"))


def keep_deleted_branch(connection: Connection, repository: str, name: str, now: float) -> None:
    """Mark a branch deleted (event `delete`)."""
    connection.execute(
        update(gh_branch)
        .where(gh_branch.c.repository == repository, gh_branch.c.name == name)
        .values(deleted_at=now, last_replicated_via_webhook_at=now)
    )


def is_old_news(connection: Connection, event: PullRequestEvent) -> bool:
    """Whether GitHub has told of a later change of the pull request already: a delivery may come late."""
    known = connection.execute(
        select(gh_pull_request.c.updated_at).where(
            gh_pull_request.c.repository == event.repository.full_name, gh_pull_request.c.number == event.number
        )
    ).scalar()
    return bool(known and event.updated_at and event.updated_at < known)


def keep_pull_request(connection: Connection, event: PullRequestEvent, now: float) -> None:
    """Add or renew a pull request."""
    row = {
        "repository": event.repository.full_name,
        "number": event.number,
        "repository_id": event.repository.id,
        "title": event.title,
        "state": "closed" if event.action == "closed" else "open",
        "user_login": event.author_login,
        "head_sha": event.head_sha,
        "head_ref": event.head_ref,
        "head_repository": event.head_repository.full_name if event.head_repository else None,
        "base_ref": event.base_ref,
        "updated_at": event.updated_at,
        "draft": event.draft,
        "merged": event.merged,
        "last_replicated_via_webhook_at": now,
    }
    _keep(connection, gh_pull_request, [row], ("repository", "number"))


def load_default_branch(connection: Connection, repository: str) -> str | None:
    """The repository's default branch as GitHub last told it."""
    return connection.execute(_DEFAULT_BRANCH, {"name": repository}).scalar()


def _keep(connection: Connection, table: Table, rows: list[dict[str, Any]], key: tuple[str, ...]) -> None:
    connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0]), key), rows)


@cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> Any:
    """Built once for each table: building costs more than the execution."""
    statement = _insert(dialect, table)
    renewed = {column: statement.excluded[column] for column in columns if column not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=renewed)


@cache
def _insert_missing(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


def _insert(dialect: str, table: Table) -> Any:
    """Both databases know `ON CONFLICT`, under constructs of their own."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
