"""The repositories that this hub knows, and how their hooks stood when GitHub was asked last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, literal, null, or_, select, true, union_all

from hubwright.store.schema import gh_hook, gh_installation, gh_installation_repository, gh_repository, job, scan
from hubwright.store.views import bounded
from hubwright.store.views_values import Page

HOOKS = "hooks"
"""The listing's name in `scan`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryView:
    """A repository. `hooks` are as GitHub told them at `looked_at`, Unix seconds; None: it was never asked for them.

    `id` is None while only a job names it. `installation`: this hub's App is installed there.
    """

    name: str
    id: int | None
    private: bool | None
    is_built: bool
    installation: bool
    hooks: Sequence[Mapping[str, Any]]
    looked_at: float | None


def load_repositories(
    connection: Connection,
    *,
    limit: int = 50,
    cursor: str | None = None,
    name: str | None = None,
    private: bool = True,
    app_id: int | None = None,
) -> Page[RepositoryView]:
    """By name in small letters, which is the cursor; only the one called `name`. Without `private` those are left out.

    `app_id` is this hub's App.
    """
    key = func.lower(gh_repository.c.full_name)
    alive = gh_repository.c.deleted_at.is_(None) & gh_repository.c.full_name.is_not(None)
    told = select(
        key.label("key"), gh_repository.c.full_name.label("name"), gh_repository.c.id, gh_repository.c.private
    )
    known = exists().where(key == func.lower(job.c.repository), gh_repository.c.deleted_at.is_(None))
    wanted = job.c.clone_url.is_(None) & job.c.copy_of.is_(None) & ~known
    named = select(func.lower(job.c.repository).label("key"), func.max(job.c.repository).label("name"), null(), null())
    both = union_all(
        told.where(alive, true() if private else or_(gh_repository.c.private.is_(None), ~gh_repository.c.private)),
        named.where(wanted).group_by(func.lower(job.c.repository)),
    ).subquery()
    query = select(both).order_by(both.c.key, both.c.id).limit(bounded(limit) + 1)
    if cursor is not None:
        query = query.where(both.c.key > cursor)
    if name is not None:
        query = query.where(both.c.key == name.lower())
    rows = list(connection.execute(query))
    shown = rows[: bounded(limit)]
    return Page(tuple(_fill(connection, shown, app_id)), shown[-1].key if len(rows) > len(shown) else None)


def load_hook_numbers(connection: Connection, repository_id: int) -> list[int]:
    """GitHub's numbers of the repository's hooks, as far as they are known to be there."""
    of = (gh_hook.c.repository_id == repository_id, gh_hook.c.deleted_at.is_(None))
    return list(connection.execute(select(gh_hook.c.id).where(*of)).scalars())


def _fill(connection: Connection, rows: Sequence[Any], app_id: int | None) -> list[RepositoryView]:
    keys, ids = [row.key for row in rows], [row.id for row in rows if row.id is not None]
    of_scan = select(scan.c.scope, scan.c.finished_at).where(scan.c.listing == HOOKS, scan.c.scope.in_(keys))
    looked = {row.scope: row.finished_at for row in connection.execute(of_scan)}
    of_job = select(func.lower(job.c.repository)).where(func.lower(job.c.repository).in_(keys))
    of_job = of_job.where(job.c.enabled, job.c.copy_of.is_(None))
    built = set(connection.execute(of_job).scalars())
    columns = [gh_hook.c[name] for name in ("id", "repository_id", "active", "events", "config", "last_response")]
    hooks = list(connection.execute(select(*columns).where(gh_hook.c.repository_id.in_(ids), _lives(gh_hook))))
    installed = _find_installed(connection, ids, {key.partition("/")[0] for key in keys}, app_id)
    return [
        RepositoryView(
            name=row.name,
            id=row.id,
            private=row.private,
            is_built=row.key in built,
            installation=row.id in installed or row.key.partition("/")[0] in installed,
            hooks=[dict(hook._mapping) for hook in hooks if hook.repository_id == row.id],
            looked_at=looked.get(row.key),
        )
        for row in rows
    ]


def _find_installed(connection: Connection, ids: Sequence[int], owners: set[str], app_id: int | None) -> set[int | str]:
    """Numbers of repositories, and names of owners all of whose repositories the App has."""
    if app_id is None:
        return set()
    table, among = gh_installation, gh_installation_repository
    active = _lives(table) & table.c.suspended_at.is_(None) & (table.c.app_id == literal(app_id))
    owner = func.lower(table.c.account_login)
    everything = select(owner).where(active, owner.in_(owners), table.c.repository_selection == "all")
    chosen = select(among.c.repository_id).join(table, table.c.id == among.c.installation_id)
    chosen = chosen.where(active, _lives(among), among.c.repository_id.in_(ids))
    return {*connection.execute(everything).scalars(), *connection.execute(chosen).scalars()}


def _lives(table: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = table.c.deleted_at.is_(None)
    return found
