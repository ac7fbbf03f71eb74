"""The repositories and organizations that this hub knows, and how their hooks stood when GitHub was asked last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from hubwright.store.schema import (
    delivery,
    gh_hook,
    gh_installation,
    gh_installation_repository,
    gh_organization,
    gh_repository,
    job,
    scan,
)
from hubwright.store.views import bounded
from hubwright.store.views_values import Page

HOOKS = "hooks"
"""The listing's name in `scan`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryView:
    """A repository. `hooks` are as GitHub told them at `looked_at`, Unix seconds; None: it was never asked for them.

    `id` is None while only a job names it. `installation`: this hub's App is installed there. `above` are the hooks of
    its organization, `news` the event that was delivered last, and when.
    """

    name: str
    id: int | None
    private: bool | None
    is_built: bool
    installation: bool
    hooks: Sequence[Mapping[str, Any]]
    looked_at: float | None
    above: Sequence[Mapping[str, Any]] = ()
    news: tuple[str, float] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrganizationView:
    """An organization with a repository that is known here; the rest is as in `RepositoryView`."""

    name: str
    id: int
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
    newest = (
        select(delivery.c.id)
        .where(func.lower(delivery.c.repository) == both.c.key)
        .order_by(delivery.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(both, newest.label("newest")).order_by(both.c.key, both.c.id).limit(bounded(limit) + 1)
    if cursor is not None:
        query = query.where(both.c.key > cursor)
    if name is not None:
        query = query.where(both.c.key == name.lower())
    rows = list(connection.execute(query))
    shown = rows[: bounded(limit)]
    return Page(tuple(_fill(connection, shown, app_id)), shown[-1].key if len(rows) > len(shown) else None)


def load_organizations(
    connection: Connection,
    *,
    limit: int = 50,
    cursor: str | None = None,
    name: str | None = None,
    app_id: int | None = None,
) -> Page[OrganizationView]:
    """By name in small letters, which is the cursor; only the one called `name`, whether it has repositories or not."""
    key = func.lower(gh_organization.c.login)
    query = select(key.label("key"), gh_organization.c.login, gh_organization.c.id).where(_lives(gh_organization))
    if name is None:
        owners = select(func.lower(gh_repository.c.owner_login)).where(_lives(gh_repository))
        query = query.where(key.in_(owners))
    else:
        query = query.where(key == name.lower())
    if cursor is not None:
        query = query.where(key > cursor)
    rows = list(connection.execute(query.order_by(key).limit(bounded(limit) + 1)))
    shown = rows[: bounded(limit)]
    keys = {row.key for row in shown}
    hooks = _load_hooks(connection, gh_hook.c.organization_id.in_([row.id for row in shown]))
    looked, installed = _load_looks(connection, keys), _find_installed(connection, [], keys, app_id)
    items = tuple(
        OrganizationView(
            name=row.login,
            id=row.id,
            installation=row.key in installed,
            hooks=[hook for hook in hooks if hook["organization_id"] == row.id],
            looked_at=looked.get(row.key),
        )
        for row in shown
    )
    return Page(items, shown[-1].key if len(rows) > len(shown) else None)


def load_installations(connection: Connection, app_id: int, limit: int = 200) -> list[Row[Any]]:
    """Where an App is installed, by the owners' names: `account_login`, `repository_selection`, `suspended_at`."""
    table = gh_installation
    query = select(table.c.account_login, table.c.repository_selection, table.c.suspended_at)
    of = (_lives(table), table.c.app_id == app_id, table.c.account_login.is_not(None))
    return list(connection.execute(query.where(*of).order_by(func.lower(table.c.account_login)).limit(limit)))


def load_hook_numbers(
    connection: Connection, *, repository_id: int | None = None, organization_id: int | None = None
) -> list[int]:
    """GitHub's numbers of the hooks of a repository or an organization, as far as they are known to be there."""
    column = gh_hook.c.organization_id if repository_id is None else gh_hook.c.repository_id
    number = organization_id if repository_id is None else repository_id
    return list(connection.execute(select(gh_hook.c.id).where(column == number, _lives(gh_hook))).scalars())


def _fill(connection: Connection, rows: Sequence[Any], app_id: int | None) -> list[RepositoryView]:
    keys, ids = [row.key for row in rows], [row.id for row in rows if row.id is not None]
    owners = {key.partition("/")[0] for key in keys}
    looked = _load_looks(connection, keys)
    of_job = select(func.lower(job.c.repository)).where(func.lower(job.c.repository).in_(keys))
    of_job = of_job.where(job.c.enabled, job.c.copy_of.is_(None))
    built = set(connection.execute(of_job).scalars())
    hooks = _load_hooks(connection, gh_hook.c.repository_id.in_(ids))
    above = _load_hooks_above(connection, owners)
    installed = _find_installed(connection, ids, owners, app_id)
    news = _load_news(connection, [row.newest for row in rows if row.newest is not None])
    return [
        RepositoryView(
            name=row.name,
            id=row.id,
            private=row.private,
            is_built=row.key in built,
            installation=row.id in installed or row.key.partition("/")[0] in installed,
            hooks=[hook for hook in hooks if hook["repository_id"] == row.id],
            looked_at=looked.get(row.key),
            above=above.get(row.key.partition("/")[0], []),
            news=news.get(row.newest),
        )
        for row in rows
    ]


def _load_news(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, float]]:
    """The event of each delivery, and when it came."""
    query = select(delivery.c.id, delivery.c.event, delivery.c.received_at).where(delivery.c.id.in_(ids))
    return {row.id: (row.event, row.received_at) for row in connection.execute(query)}


def _load_hooks(connection: Connection, of: ColumnElement[bool]) -> list[dict[str, Any]]:
    names = ("id", "repository_id", "organization_id", "active", "events", "config", "last_response")
    query = select(*(gh_hook.c[name] for name in names)).where(of, _lives(gh_hook))
    return [dict(row._mapping) for row in connection.execute(query)]


def _load_hooks_above(connection: Connection, owners: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The hooks of organizations, by their names in small letters."""
    key = func.lower(gh_organization.c.login)
    query = select(gh_organization.c.id, key.label("key")).where(key.in_(owners), _lives(gh_organization))
    names = {row.id: row.key for row in connection.execute(query)}
    found: dict[str, list[dict[str, Any]]] = {}
    for hook in _load_hooks(connection, gh_hook.c.organization_id.in_(names)):
        found.setdefault(names[hook["organization_id"]], []).append(hook)
    return found


def _load_looks(connection: Connection, scopes: Collection[str]) -> dict[str, float]:
    """When GitHub was asked for the hooks of these."""
    query = select(scan.c.scope, scan.c.finished_at).where(scan.c.listing == HOOKS, scan.c.scope.in_(scopes))
    return {row.scope: row.finished_at for row in connection.execute(query)}


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
