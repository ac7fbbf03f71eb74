"""Who broke which job since when, and who mended it: system 0's blame, told from the builds themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select

from hubwright.store.grid_values import BlameBuild, Breakage, GridFilter
from hubwright.store.reach import newest_below
from hubwright.store.schema import build
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_grid import AT_ONCE, MOST, SEARCHED, WALKED, has_failed, path_of_job, walk_back
from hubwright.store.views_values import Page

_SETTLED = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code
_OTHER = build.alias("other")
_COLUMNS = (
    "id", "number", "sha", "message", "author_name", "author_login", "result", "queued_at", "finished_at", "repository",
    "branch",
)  # fmt: skip


class BlameFilter(NamedTuple):
    """Of which repository, as `find_grid` knows it; or, without one, what jobs below these folders built."""

    of: GridFilter | None = None
    folders: tuple[str, ...] | None = None


def load_breakages(
    connection: Connection, wanted: BlameFilter, limit: int = 50, cursor: int | None = None
) -> Page[Breakage]:
    """The builds of branches that failed where the one before had not, newest first; the cursor is their number.

    A page may be shorter than `limit` and have a next one: it is looked for among a bounded number of failed builds.
    """
    limit = bounded(limit)
    found: list[int] = []
    last = cursor
    for _ in range(MOST // AT_ONCE):
        batch = connection.execute(_next_failed(connection, wanted, last)).all()
        found += _find_breaks(connection, [row.id for row in batch if _counts(row, wanted)])
        last = batch[-1].id if len(batch) == AT_ONCE else None
        if last is None or len(found) > limit:
            break
    following = found[limit - 1] if len(found) > limit else last
    return Page(_load_breakages(connection, found[:limit]), following)


def _next_failed(connection: Connection, wanted: BlameFilter, last: int | None) -> Select[Any]:
    if wanted.of is not None:
        exact = {"repository": wanted.of.repository}
        return walk_back(connection, exact, last).where(has_failed(build))
    conditions: list[ColumnElement[bool]] = [has_failed(build), build.c.pull_request.is_(None)]  # as the index says
    if last is not None:
        conditions.append(build.c.id < last)
    if wanted.folders is not None:
        conditions.append(newest_below(connection, wanted.folders, conditions, AT_ONCE))
    query = select(*(build.c[name] for name in WALKED)).where(*conditions)
    return query.order_by(build.c.id.desc()).limit(AT_ONCE)


def _counts(row: Any, wanted: BlameFilter) -> bool:
    families = None if wanted.of is None else wanted.of.families
    seen = families is None or row.family in families
    return bool(seen and row.pull_request is None and row.branch is not None and row.event != SEARCHED)


def _find_breaks(connection: Connection, failed: Sequence[int]) -> list[int]:
    """Those of the failed builds before which their branch was good, or nothing was known of it; newest first."""
    if not failed:
        return []
    before = (
        select(func.coalesce(_OTHER.c.result, ""))
        .where(*_same_branch(), _OTHER.c.id < build.c.id, func.coalesce(_OTHER.c.result, "").in_(_SETTLED))
        .order_by(_OTHER.c.id.desc())
        .limit(1)
        .correlate(build)
        .scalar_subquery()
    )
    query = select(build.c.id, before.label("before")).where(build.c.id.in_(failed))
    return sorted((row.id for row in connection.execute(query) if row.before in {None, "success"}), reverse=True)


def _load_breakages(connection: Connection, ids: Sequence[int]) -> tuple[Breakage, ...]:
    if not ids:
        return ()
    mended = (
        select(_OTHER.c.id)
        # coalesce(): else SQLite would take the index of results, which has those of every job
        .where(*_same_branch(), _OTHER.c.id > build.c.id, func.coalesce(_OTHER.c.result, "") == "success")
        .order_by(_OTHER.c.id)
        .limit(1)
        .correlate(build)
        .scalar_subquery()
    )
    pairs = connection.execute(select(build.c.id, mended.label("mended")).where(build.c.id.in_(ids))).all()
    mends = {row.id: row.mended for row in pairs}
    wanted = [*mends, *(number for number in mends.values() if number is not None)]
    query = select(*(build.c[name] for name in _COLUMNS), path_of_job()).where(build.c.id.in_(wanted))
    rows = {row["id"]: row for row in load_rows(connection, query)}
    return tuple(_breakage(rows[number], rows.get(mends[number])) for number in ids if number in rows)


def _same_branch() -> tuple[ColumnElement[bool], ...]:
    same = (_OTHER.c.job_id == build.c.job_id, _OTHER.c.branch == build.c.branch)
    return (*same, _OTHER.c.pull_request.is_(None), _OTHER.c.event != SEARCHED)


def _breakage(broke: dict[str, Any], fixed: dict[str, Any] | None) -> Breakage:
    place = {name: broke[name] for name in ("job", "repository", "branch")}
    return Breakage(**place, broke=_one(broke), fixed=None if fixed is None else _one(fixed))


def _one(row: dict[str, Any]) -> BlameBuild:
    names = ("id", "number", "sha", "message", "author_name", "author_login", "result")
    return BlameBuild(**{name: row[name] for name in names}, at=row["finished_at"] or row["queued_at"])
