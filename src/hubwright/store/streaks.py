"""What ended before on the same branch: one small question by index at the end of each build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, literal_column, select

from hubwright.domain.facts import FactKind
from hubwright.domain.streaks import TELLING, Turn
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.facts import find_gathered
from hubwright.store.repos import find_repository
from hubwright.store.schema import build, fact, gh_commit
from hubwright.store.views import MAX_PAGE
from hubwright.store.views_values import BuildView


class Person(NamedTuple):
    """An author of commits: their login at GitHub and the address in a commit, each None where nobody knows."""

    login: str | None
    address: str | None


_OTHER = (
    select(build.c.id)
    .where(
        build.c.job_id == bindparam("job"),
        build.c.branch == bindparam("branch"),
        # without coalesce() SQLite would take the index of results, which has those of every job
        # said as literals: SQLAlchemy would write a list of values into the statement anew each time
        func.coalesce(build.c.result, "").in_([literal_column(f"'{result.value}'") for result in TELLING]),
        func.coalesce(build.c.pull_request, 0) == bindparam("pull"),
        build.c.event != BUILT_FOR_IT,
        build.c.id != bindparam("own"),
    )
    .order_by(build.c.id.desc())
    .limit(1)
    .cte("other")
)
_END = (
    select(fact.c.data).where(fact.c.kind == FactKind.BUILD_FINISHED.value).order_by(fact.c.id.desc()).limit(1)
)  # of a build
_OTHER_ID = select(_OTHER.c.id).scalar_subquery()
_BEFORE = select(
    _OTHER_ID.label("other"),
    _END.where(fact.c.build_id == bindparam("own")).scalar_subquery().label("own_end"),
    _END.where(fact.c.build_id == _OTHER_ID).scalar_subquery().label("other_end"),
)


class Before(NamedTuple):
    """What the end before said, None where there is none; `late`: a newer build of the branch has ended already."""

    said: dict[str, Any] | None
    late: bool


def load_before(connection: Connection, row: Row[Any] | BuildView) -> Before:
    """The end before the one of this build: its own, if it was begun again, else that of the build before it."""
    of_line = {"job": row.job_id, "branch": row.branch, "pull": row.pull_request or 0, "own": row.id}
    found = connection.execute(_BEFORE, of_line).one()
    if found.other is not None and found.other > row.id:
        return Before(None, late=True)
    own_end = _find_gathered_end(connection, row.id) or found.own_end
    if own_end is not None and own_end.get("streak"):
        return Before(own_end, late=False)
    return Before(_find_gathered_end(connection, found.other) or found.other_end, late=False)


def _find_gathered_end(connection: Connection, number: int | None) -> dict[str, Any] | None:
    """What the fact says that tells of this build's end, where it has ended in this transaction."""
    told = None if number is None else find_gathered(connection, FactKind.BUILD_FINISHED, number)
    return None if told is None else dict(told.data)


def load_streaks(connection: Connection, builds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The streak that the last end of each of these builds told of, by build."""
    query = select(fact.c.build_id, fact.c.data).where(
        fact.c.build_id.in_(list(builds)[:MAX_PAGE]), fact.c.kind == FactKind.BUILD_FINISHED.value
    )
    rows = connection.execute(query.order_by(fact.c.id)).all() if builds else []
    return {row.build_id: row.data["streak"] for row in rows if isinstance(row.data.get("streak"), dict)}


def load_authors(connection: Connection, one: BuildView, streak: Mapping[str, Any]) -> list[str]:
    """Who may have broken or fixed the branch: authors of what it has built since the last other end, newest first.

    The builds tell, each of one commit; at most `MAX_PAGE` of them are looked at. Where nothing is known from before,
    nobody is named.
    """
    span = _read_span(one.id, streak)
    if span is None:
        return []
    query = select(build.c.author_login, build.c.author_name).where(*_within(one.id, span))
    rows = connection.execute(query.order_by(build.c.id.desc()).limit(MAX_PAGE))
    return list(dict.fromkeys(name for row in rows if (name := row.author_login or row.author_name)))


def load_people(connection: Connection, build_id: int, streak: Mapping[str, Any]) -> list[Person]:
    """The same people, each with login and address as far as GitHub has told of their commits; newest first."""
    span = _read_span(build_id, streak)
    if span is None:
        return []
    wanted = select(build.c.sha, build.c.repository, build.c.author_login).where(*_within(build_id, span))
    rows = connection.execute(wanted.order_by(build.c.id.desc()).limit(MAX_PAGE)).all()
    if not rows:
        return []
    told = select(gh_commit.c.sha, gh_commit.c.author_email).where(
        gh_commit.c.repository_id == find_repository(rows[0].repository), gh_commit.c.sha.in_([row.sha for row in rows])
    )
    known = {row.sha: row.author_email for row in connection.execute(told)}
    return list(dict.fromkeys(Person(row.author_login, known.get(row.sha)) for row in rows))


def _read_span(build_id: int, streak: Mapping[str, Any]) -> tuple[int, int] | None:
    """Behind which build what turned the branch begins, and with which it ends; None where nobody knows."""
    fixed = streak.get("turn") == Turn.FIXED
    other = (streak.get("was") or {}).get("newest") if fixed else streak.get("good")
    return None if other is None else (int(other), int(streak.get("since", build_id)))


def _within(build_id: int, span: tuple[int, int]) -> tuple[ColumnElement[bool], ...]:
    """Builds of the same job and branch as this one, of commits of the same pull request or of none."""
    same = build.alias("same")
    own = {name: select(same.c[name]).where(same.c.id == build_id).scalar_subquery() for name in ("job_id", "branch")}
    pull = select(func.coalesce(same.c.pull_request, 0)).where(same.c.id == build_id).scalar_subquery()
    return (
        build.c.job_id == own["job_id"],
        build.c.branch == own["branch"],
        build.c.id > span[0],
        build.c.id <= span[1],
        func.coalesce(build.c.pull_request, 0) == pull,
    )
