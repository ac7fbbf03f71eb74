"""Commits of a repository with what became of them on each platform, read in bounded walks along indexes.

Numbers come first and rows by their numbers after: whatever plan a database makes for all values of a statement, there
is only one good way to answer each of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Select,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from hubwright.store.grid_values import CommitRow, GridBuild, GridFilter, GridRun
from hubwright.store.schema import build, job, run
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_values import Page

SEARCHED = "bisect"
"""The event of builds that searches for culprits asked for: they say nothing of how a commit stands."""

MAX_ID = 2**63 - 1
WALKED = ("id", "sha", "branch", "event", "pull_request", "family")
AT_ONCE = 200
MOST = 5_000
"""Builds that are looked at for one page: a page may be short and have a next one."""

MOST_ROWS = 1_500
"""Builds of a page's commits that are looked at together."""

_FAILED: tuple[ColumnElement[str], ...] = tuple(
    literal_column(f"'{result}'") for result in ("failure", "error", "timeout")
)
_BUILD = [build.c[one.name] for one in fields(GridBuild) if one.name in build.c]
_Named = tuple[str, str | int | None]
_RUN = [run.c[one.name] for one in fields(GridRun) if one.name in run.c]


def has_failed(table: FromClause) -> ColumnElement[bool]:
    """In the words of the indexes of what failed: without these SQLite would not use them."""
    return table.c.result.in_(_FAILED)


def is_seen(table: FromClause, families: Sequence[int] | None) -> list[ColumnElement[bool]]:
    """That a build is of one of these jobs or their copies, where they are said."""
    # the sum: an index of commits, branches or pull requests is better than that of a job with a million builds
    return [] if families is None else [(table.c.family + 0).in_(families)]


class Place(NamedTuple):
    """A row of a list: its place, the commit in it, and the branch or pull request whose builds alone are told."""

    id: int
    sha: str
    of: str | int | None = None


def walk_back(connection: Connection, exact: Mapping[str, Any], last: int | None) -> Select[Any]:
    """The next `AT_ONCE` builds before `last` with these values, newest first, along an index of the columns and id.

    SQLite is asked with equations. PostgreSQL would then go back through all builds where it believes most to be of
    the repository, also when its newest are a year old: rows that are compared leave it nothing but the index.
    """
    columns = [build.c[name] for name in exact]
    query = select(*(build.c[name] for name in WALKED)).limit(AT_ONCE)
    if connection.dialect.name == "sqlite" or not columns:
        bounds = [] if last is None else [build.c.id < last]
        conditions = [column == value for column, value in zip(columns, exact.values(), strict=True)]
        return query.where(*conditions, *bounds).order_by(build.c.id.desc())
    place = tuple_(*columns, build.c.id)
    ends = [
        tuple_(*(literal(value, build.c[name].type) for name, value in exact.items()), literal(end, build.c.id.type))
        for end in (0, MAX_ID if last is None else last)
    ]
    return query.where(place > ends[0], place < ends[1]).order_by(*(column.desc() for column in (*columns, build.c.id)))


MAX_COMMITS = 30
"""Commits in a page of a grid: each has a row of runs."""


def load_grid(
    connection: Connection, wanted: GridFilter, limit: int = 50, cursor: int | None = None
) -> Page[CommitRow]:
    """The commits, that which was built last for the first time first; the cursor is the number of a build.

    A page may be shorter than `limit` and have a next one: it is looked for among a bounded number of builds.
    """
    limit = min(bounded(limit), MAX_COMMITS)
    firsts, following = _find_commits(connection, wanted, limit, cursor)
    rows = load_commit_rows(connection, wanted, [Place(*one) for one in firsts])
    return Page(tuple(rows[first] for first, _ in firsts if first in rows), following)


def load_commit_rows(
    connection: Connection, wanted: GridFilter, places: Sequence[Place], apart: str | None = None
) -> dict[int, CommitRow]:
    """The rows by their places; `apart` names the column that has to be as `of` says."""
    builds = _load_builds(connection, wanted, {(place.sha, place.of) for place in places}, apart)
    return {
        place.id: CommitRow(place.id, tuple(builds[place.sha, place.of]))
        for place in places
        if (place.sha, place.of) in builds
    }


def _find_commits(
    connection: Connection, wanted: GridFilter, limit: int, cursor: int | None
) -> tuple[list[tuple[int, str]], int | None]:
    """The first build and the sha of each, and where to go on."""
    found: list[tuple[int, str]] = []
    last = cursor
    for _ in range(MOST // AT_ONCE):
        batch = _load_batch(connection, wanted, last)
        lowest = {row.sha: row.id for row in batch if _counts(row, wanted)}
        if lowest:
            firsts = _load_firsts(connection, wanted, lowest)
            found += [(number, sha) for sha, number in lowest.items() if firsts.get(sha) == number]
        if len(batch) < AT_ONCE:
            last = None
            break
        last = batch[-1].id
        if len(found) > limit:
            break
    found.sort(reverse=True)
    return found[:limit], found[limit - 1][0] if len(found) > limit else last


def _load_batch(connection: Connection, wanted: GridFilter, last: int | None) -> Sequence[Any]:
    """The next builds, newest first, along one index."""
    exact: dict[str, Any] = {"repository": wanted.repository}
    if wanted.branch is not None:
        exact["branch"] = wanted.branch
    if wanted.pull_request is not None:
        exact["pull_request"] = wanted.pull_request
    query = walk_back(connection, exact, last)
    if wanted.pull_request is not None:  # in the words of the index
        query = query.where(build.c.pull_request.is_not(None))
    return connection.execute(query.where(has_failed(build)) if wanted.failed else query).all()


def _counts(row: Any, wanted: GridFilter) -> bool:
    """Whether a build makes a row: of a branch those of pull requests do not, whose branch may be a fork's."""
    seen = wanted.families is None or row.family in wanted.families
    return seen and row.event != SEARCHED and (wanted.branch is None or row.pull_request is None)


def _matches(wanted: GridFilter) -> list[ColumnElement[bool]]:
    """What builds of a commit have to be to stand in its row.

    coalesce(): no index but that of commits is to be thought of. A plan that is made for all values believes a
    repository to have as many builds as the average one, and reads half a million for a page.
    """
    of_repository = func.coalesce(build.c.repository, "") == wanted.repository
    conditions = [of_repository, build.c.event != SEARCHED, *is_seen(build, wanted.families)]
    if wanted.branch is not None:
        conditions += [func.coalesce(build.c.branch, "") == wanted.branch, build.c.pull_request.is_(None)]
    if wanted.pull_request is not None:
        conditions.append(func.coalesce(build.c.pull_request, 0) == wanted.pull_request)
    return conditions


def _load_firsts(connection: Connection, wanted: GridFilter, shas: Collection[str]) -> dict[str, int]:
    """The first build of each commit, of those that are wanted."""
    query = select(build.c.sha, func.min(build.c.id)).where(build.c.sha.in_(shas), *_matches(wanted))
    if wanted.failed:
        bad = func.coalesce(build.c.result, "").in_(("failure", "error", "timeout"))
        query = query.where(bad)
    return {row[0]: row[1] for row in connection.execute(query.group_by(build.c.sha))}


def _load_builds(
    connection: Connection, wanted: GridFilter, named: Collection[_Named], apart: str | None
) -> dict[_Named, list[GridBuild]]:
    """Of each commit the newest build of each job, newest first, with their runs."""
    if not named:
        return {}
    of = literal(None) if apart is None else build.c[apart]
    numbers = select(build.c.id, build.c.sha, build.c.job_id, of.label("of"))
    numbers = numbers.where(*_matches(wanted))
    numbers = numbers.order_by((build.c.id + 0).desc())  # the sum: SQLite would go by the order, not by the commits
    if apart == "branch":  # a pull request's branch may be a fork's
        numbers = numbers.where(build.c.pull_request.is_(None))
    shas = {sha for sha, _ in named}
    rows = connection.execute(numbers.where(build.c.sha.in_(shas)).limit(MOST_ROWS + 1)).all()
    if len(rows) > MOST_ROWS:  # one is built again and again: each has its share
        each = MOST_ROWS // len(shas)
        rows = [row for sha in shas for row in connection.execute(numbers.where(build.c.sha == sha).limit(each))]
    newest: dict[tuple[_Named, int], int] = {}
    again: dict[int, int] = defaultdict(int)
    for row in rows:
        if (row.sha, row.of) in named:
            again[newest.setdefault(((row.sha, row.of), row.job_id), row.id)] += 1
    builds = {one.id: one for one in load_grid_builds(connection, list(newest.values()))}
    found: dict[_Named, list[GridBuild]] = defaultdict(list)
    for (name, _), number in newest.items():
        found[name].append(replace(builds[number], again=again[number] - 1))
    return found


def path_of_job() -> Label[str]:
    """The path of a build's job, looked up for each: joined, all jobs would be read for two hundred builds."""
    return select(job.c.path).where(job.c.id == build.c.job_id).scalar_subquery().label("job")


def load_grid_builds(connection: Connection, ids: Sequence[int]) -> list[GridBuild]:
    """The builds of these numbers with their newest runs, newest first."""
    if not ids:
        return []
    query = select(*_BUILD, path_of_job(), build.c.trust, build.c.blocked).where(build.c.id.in_(ids))
    rows = load_rows(connection, query.order_by(build.c.id.desc()))
    runs: dict[int, list[GridRun]] = defaultdict(list)
    for row in load_rows(connection, select(*_RUN).where(run.c.build_id.in_(ids), run.c.latest).order_by(run.c.id)):
        runs[row["build_id"]].append(GridRun(**row))
    return [_with_runs(row, runs.get(row["id"], [])) for row in rows]


def _with_runs(row: dict[str, Any], runs: list[GridRun]) -> GridBuild:
    awaits_approval = row.pop("trust") == "untrusted" and row["blocked"] in {None, "new"}
    del row["blocked"]
    if not awaits_approval:
        runs = [replace(each, limited=True) if each.state == "held" else each for each in runs]
    return GridBuild(**row, runs=tuple(runs))
