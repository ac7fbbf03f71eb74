"""Branches and pull requests of a repository with what became of their newest commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, select

from hubwright.errors import NotFoundError
from hubwright.store.grid_values import BranchRow, CommitRow, GridFilter, PullRow, PullView
from hubwright.store.reach import load_families
from hubwright.store.repos import find_repository, load_default_branch
from hubwright.store.schema import build, gh_branch, gh_pull_request, gh_repository, job
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_grid import AT_ONCE, MOST, SEARCHED, Place, is_seen, load_commit_rows, walk_back
from hubwright.store.views_values import Page

_LATER = build.alias("later")
_PULL = gh_pull_request.c
_PULL_COLUMNS = [
    _PULL.number, _PULL.title, _PULL.state, func.coalesce(_PULL.draft, False).label("draft"),
    func.coalesce(_PULL.merged, False).label("merged"), _PULL.user_login.label("author"),
    _PULL.head_ref.label("head"), _PULL.base_ref.label("base"), _PULL.html_url.label("url"),
]  # fmt: skip


def find_grid(connection: Connection, name: str, folders: Sequence[str] | None, **more: Any) -> GridFilter:
    """The repository as its builds name it, for a name in any case. Raises NotFoundError for what nobody knows.

    With folders it is known when a job below them builds it, and only what such jobs built is told. `more` narrows
    it further.
    """
    families = None if folders is None else load_families(connection, folders, name)
    found = next((name for name in _find_names(connection, name, families) if name is not None), None)
    if found is None:
        raise NotFoundError(f"No repository {name[:200]} is known here: load it, or register it.")
    return GridFilter(repository=found, families=families, **more)


def _find_names(connection: Connection, name: str, families: Sequence[int] | None) -> Iterator[str | None]:
    low = name.lower()
    of_jobs = select(job.c.repository).where(func.lower(job.c.repository) == low, job.c.copy_of.is_(None))
    if families is not None:
        yield connection.execute(of_jobs.where(job.c.id.in_(families)).limit(1)).scalar()
        return
    yield connection.execute(of_jobs.limit(1)).scalar()
    known = select(gh_repository.c.full_name).where(func.lower(gh_repository.c.full_name) == low)
    yield connection.execute(known.limit(1)).scalar()
    yield connection.execute(select(build.c.repository).where(build.c.repository == name).limit(1)).scalar()


MAX_BRANCHES = 100
"""Branches in a page: each has a row of runs."""


def load_branches(
    connection: Connection, wanted: GridFilter, limit: int = 50, cursor: int | None = None
) -> Page[BranchRow]:
    """The branches that were built, that of the newest build first; the cursor is the number of a build.

    A page may be shorter than `limit` and have a next one.
    """
    found, following = _find_branches(connection, wanted, min(bounded(limit), MAX_BRANCHES), cursor)
    gone = _load_gone(connection, wanted.repository, list(found))
    default = load_default_branch(connection, wanted.repository)
    places = [Place(number, sha, name) for name, (number, sha) in found.items()]
    rows = load_commit_rows(connection, wanted, places, "branch")
    shown = [(str(place.of), rows[place.id]) for place in places if place.id in rows]
    return Page(tuple(BranchRow(name, row, name == default, name in gone) for name, row in shown), following)


def _find_branches(
    connection: Connection, wanted: GridFilter, limit: int, cursor: int | None
) -> tuple[dict[str, tuple[int, str]], int | None]:
    found: dict[str, tuple[int, str]] = {}
    last = cursor
    for _ in range(MOST // AT_ONCE):
        batch = connection.execute(walk_back(connection, {"repository": wanted.repository}, last)).all()
        heads: dict[str, Any] = {}
        for row in batch:
            seen = wanted.families is None or row.family in wanted.families
            if seen and row.branch is not None and row.pull_request is None and row.event != SEARCHED:
                heads.setdefault(row.branch, row)
        newest = _find_newest(connection, wanted, [row.id for row in heads.values()])
        found |= {name: (row.id, row.sha) for name, row in heads.items() if row.id in newest}
        last = batch[-1].id if len(batch) == AT_ONCE else None
        if last is None or len(found) > limit:
            break
    shown = list(found.items())
    return dict(shown[:limit]), shown[limit - 1][1][0] if len(shown) > limit else last


def _find_newest(connection: Connection, wanted: GridFilter, ids: Sequence[int]) -> set[int]:
    """Which of these builds have none after them on their branch."""
    if not ids:
        return set()
    later = (
        select(_LATER.c.id)
        .where(_LATER.c.repository == build.c.repository, _LATER.c.branch == build.c.branch)
        .where(_LATER.c.pull_request.is_(None), _LATER.c.event != SEARCHED, *is_seen(_LATER, wanted.families))
        .order_by(_LATER.c.id.desc())
        .limit(1)
        .correlate(build)
        .scalar_subquery()
    )
    query = select(build.c.id, later.label("newest")).where(build.c.id.in_(ids))
    return {row.id for row in connection.execute(query) if row.newest == row.id}


def _load_gone(connection: Connection, repository: str, names: list[str]) -> set[str]:
    """Which of the branches GitHub told to be deleted."""
    if not names:
        return set()
    query = select(gh_branch.c.name).where(
        gh_branch.c.repository_id == find_repository(repository),
        gh_branch.c.name.in_(names),
        gh_branch.c.deleted_at.is_not(None),
    )
    return set(connection.execute(query).scalars())


def load_pulls(connection: Connection, wanted: GridFilter, limit: int = 50, cursor: int | None = None) -> Page[PullRow]:
    """The pull requests that were built, that with the highest number first; the cursor is a number.

    Of some jobs only, a page may be short and have a next one.
    """
    limit = bounded(limit)
    pairs = _load_newest(connection, wanted, cursor, limit + 1)
    following = pairs[limit - 1].number if len(pairs) > limit else None
    newest = {row.number: row.newest for row in pairs[:limit] if row.newest is not None}
    told = _load_told(connection, [row.told for row in pairs[:limit] if row.told is not None])
    query = select(build.c.id, build.c.sha).where(build.c.id.in_(newest.values()))
    shas = {row.id: row.sha for row in connection.execute(query)}
    places = [Place(one, shas[one], number) for number, one in newest.items() if one in shas]
    rows = load_commit_rows(connection, wanted, places, "pull_request")
    found = [
        PullRow(told.get(number, PullView(number=number)), rows[one]) for number, one in newest.items() if one in rows
    ]
    return Page(tuple(found), following)


def load_pull(connection: Connection, repository: str, number: int) -> PullView | None:
    """What GitHub told of the pull request; None when it told nothing."""
    told = connection.execute(_find_told(repository, literal(number))).scalar()
    return None if told is None else _load_told(connection, [told]).get(number)


def _find_told(repository: str, number: ColumnElement[int]) -> Select[Any]:
    """Which row of the copy is of the pull request: by both values of an index."""
    return select(_PULL.id).where(_PULL.repository_id == find_repository(repository), _PULL.number == number).limit(1)


def _load_told(connection: Connection, ids: Sequence[int]) -> dict[int, PullView]:
    """What GitHub told of pull requests, by their numbers."""
    if not ids:
        return {}
    rows = load_rows(connection, select(*_PULL_COLUMNS).where(_PULL.id.in_(ids)))
    return {row["number"]: PullView(**row) for row in rows}


def _load_newest(connection: Connection, wanted: GridFilter, below_number: int | None, most: int) -> Sequence[Any]:
    """The next numbers, each with its newest build and its row of the copy.

    From one number to the next along the index, however many builds each has.
    """
    first = _highest(wanted.repository)
    if below_number is not None:
        first = first.where(build.c.pull_request < below_number)
    seen = select(first.scalar_subquery().label("number")).cte("seen", recursive=True)
    following = _highest(wanted.repository).where(build.c.pull_request < seen.c.number).correlate(seen)
    seen = seen.union_all(select(following.scalar_subquery()).where(seen.c.number.is_not(None)))
    newest = (
        select(_LATER.c.id)
        .where(_LATER.c.repository == wanted.repository, _LATER.c.pull_request == seen.c.number)
        .where(_LATER.c.event != SEARCHED, *is_seen(_LATER, wanted.families))
        .order_by(_LATER.c.id.desc())
        .limit(1)
        .correlate(seen)
        .scalar_subquery()
    )
    told = _find_told(wanted.repository, seen.c.number).correlate(seen).scalar_subquery()
    query = select(seen.c.number, newest.label("newest"), told.label("told"))
    return connection.execute(query.where(seen.c.number.is_not(None)).limit(most)).all()


def _highest(repository: str) -> Select[Any]:
    of_pulls: ColumnElement[bool] = build.c.pull_request.is_not(None)
    return select(func.max(build.c.pull_request)).where(build.c.repository == repository, of_pulls)


def rows_of(rows: Sequence[BranchRow | PullRow]) -> list[CommitRow]:
    """The commits of branches or pull requests."""
    return [row.commit for row in rows]
