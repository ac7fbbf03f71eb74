"""Searches for culprits, read for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from hubwright.domain.bisection import Finding, Search, Verdict, give_up
from hubwright.domain.sights import read_targets, word_targets
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT, OPEN, load_culprits_of
from hubwright.store.schema import bisection, build, culprit, job
from hubwright.store.sights import Point, load_sights
from hubwright.store.views import bounded
from hubwright.store.views_values import Page


@dataclass(frozen=True, slots=True)
class CulpritView:
    """A commit that broke something; `targets` are names of tests, or `stage NAME`."""

    bisection: int
    sha: str
    author: str | None
    subject: str
    targets: tuple[str, ...]

    @property
    def words(self) -> str:
        """`abc1234 (Ann): test_x, test_y`."""
        who = f" ({self.author})" if self.author else ""
        return f"{self.sha[:7]}{who}: {word_targets(self.targets)}"


@dataclass(frozen=True, slots=True)
class StepView:
    """A build that the search has asked for, or another's of one of its commits."""

    place: int
    sha: str
    build: int | None
    number: int | None
    state: str
    result: str | None
    own: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BisectionView:
    """A search. `good` and `bad` are as they were named until it begins; `suspects` are those still possible.

    `command` is what is run instead of the stages; `again` is when it is tried again (Unix seconds), where
    `reason` says why.
    """

    id: int
    job: str
    repository: str
    platform: str
    matrix: dict[str, str]
    branch: str | None
    build: int | None
    asked_by: str | None
    command: str | None
    good: str | None
    bad: str
    state: str
    reason: str | None
    again: float | None
    builds: int
    max_builds: int
    commits: int
    targets: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]
    culprits: tuple[CulpritView, ...]
    created_at: float
    finished_at: float | None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state in OPEN


def load_bisections(
    connection: Connection,
    *,
    job_path: str | None = None,
    builds: Iterable[int] | None = None,
    limit: int = 50,
    cursor: int | None = None,
) -> Page[BisectionView]:
    """Searches, newest first: of a job, or because of these builds."""
    limit = bounded(limit)
    query = _select().order_by(bisection.c.id.desc()).limit(limit + 1)
    if job_path is not None:
        query = query.where(job.c.path == job_path)
    if builds is not None:
        query = query.where(bisection.c.build_id.in_(list(builds)))
    if cursor is not None:
        query = query.where(bisection.c.id < cursor)
    views = _load(connection, query)
    return Page(views[:limit], views[limit - 1].id if len(views) > limit else None)


def load_bisection(connection: Connection, number: int) -> BisectionView:
    """One search. Raises NotFoundError."""
    found = _load(connection, _select().where(bisection.c.id == number))
    if not found:
        raise NotFoundError(f"There is no bisection {number}.")
    return found[0]


def load_steps(connection: Connection, number: int) -> list[StepView]:
    """The builds that a search stands on, in the order in which they were asked for; at most 200."""
    row = connection.execute(select(bisection).where(bisection.c.id == number)).one()
    own = f"bisect:{number}:"
    places = {sha: place for place, sha in enumerate(row.commits)}
    if not places:
        return []
    ends = [row.commits[0], row.commits[-1]]
    wanted = build.c.trigger.startswith(own, autoescape=True) | build.c.sha.in_(ends)
    query = select(build).where(build.c.job_id == row.job_id, wanted).order_by(build.c.id).limit(200)
    return [
        StepView(places[one.sha], one.sha, one.id, one.number, one.state, one.result, one.trigger.startswith(own))
        for one in connection.execute(query)
        if one.sha in places and (one.trigger.startswith(own) or not (row.command or one.event == BUILT_FOR_IT))
    ]


def load_suspects(connection: Connection, number: int) -> int | None:
    """How many commits of a search that goes on may still be it; None while nobody can tell."""
    row = connection.execute(select(bisection).where(bisection.c.id == number)).one()
    targets = read_targets(row.targets)
    if row.state not in OPEN or len(row.commits) < 2 or not targets:
        return None
    own = f"bisect:{number}:"
    point = Point(job_id=row.job_id, platform=row.platform, matrix=row.matrix, own=own, alone=bool(row.command))
    seen = load_sights(connection, point, row.commits, targets)
    search = Search(commits=tuple(row.commits), targets=tuple(target.key for target in targets), sights=seen)
    left = {sha for finding in give_up(search) for sha in _possible(finding)}
    return len(left) or None


def _possible(finding: Finding) -> Sequence[str]:
    return finding.suspects if finding.verdict in {Verdict.SUSPECTS, Verdict.CULPRIT} else ()


def load_searches_of(connection: Connection, build_id: int) -> list[tuple[BisectionView, int | None]]:
    """The searches because of a build, or the one that has asked for it; how many suspects each has left."""
    asked = connection.execute(select(build.c.trigger).where(build.c.id == build_id)).scalar() or ""
    word, _, rest = asked.partition(":")
    number = rest.partition(":")[0]
    own = int(number) if word == BUILT_FOR_IT and number.isdecimal() else None
    query = _select().where((bisection.c.build_id == build_id) | (bisection.c.id == own)).order_by(bisection.c.id)
    views = _load(connection, query.limit(20))
    return [(view, load_suspects(connection, view.id) if view.is_open else None) for view in views]


def load_culprit_commits(connection: Connection, repository: str, sha: str) -> list[tuple[str, CulpritView]]:
    """What the commit broke, each with the path of the job; newest search first."""
    query = (
        select(culprit, job.c.path)
        .join(bisection, bisection.c.id == culprit.c.bisection_id)
        .join(job, job.c.id == bisection.c.job_id)
        .where(culprit.c.repository == repository, culprit.c.sha == sha, job.c.clone_url.is_(None))
        .order_by(culprit.c.bisection_id.desc())
        .limit(50)
    )
    return [(row.path, _culprit(row)) for row in connection.execute(query)]


def load_culprits_by_run(connection: Connection, repository: str, sha: str) -> dict[int, tuple[CulpritView, ...]]:
    """Who broke the runs that failed at this commit, by the run's id."""
    query = (
        select(bisection.c.id, bisection.c.run_id)
        .join(job, job.c.id == bisection.c.job_id)
        .where(bisection.c.bad == sha, job.c.repository == repository, bisection.c.run_id.is_not(None))
        .where(bisection.c.state == "found")
        .order_by(bisection.c.id.desc())
        .limit(50)
    )
    runs = {row.id: row.run_id for row in connection.execute(query)}
    found: dict[int, tuple[CulpritView, ...]] = {}
    for number, rows in load_culprits_of(connection, runs).items() if runs else ():
        found[runs[number]] = (*found.get(runs[number], ()), *map(_culprit, rows))
    return found


def _select() -> Select[Any]:
    return select(bisection, job.c.path, job.c.repository).join(job, job.c.id == bisection.c.job_id)


def _load(connection: Connection, query: Select[Any]) -> tuple[BisectionView, ...]:
    rows = connection.execute(query).all()
    culprits = load_culprits_of(connection, [row.id for row in rows]) if rows else {}
    return tuple(_view(row, culprits.get(row.id, [])) for row in rows)


def _view(row: Row[Any], culprits: Sequence[Row[Any]]) -> BisectionView:
    return BisectionView(
        id=row.id,
        job=row.path,
        repository=row.repository,
        platform=row.platform,
        matrix=row.matrix,
        branch=row.branch,
        build=row.build_id,
        asked_by=row.asked_by,
        command=row.command,
        good=row.commits[0] if row.commits else row.before,
        bad=row.bad,
        state=row.state,
        reason=row.reason,
        again=row.next_try_at if row.tries and row.state in OPEN else None,
        builds=row.builds,
        max_builds=row.max_builds,
        commits=max(len(row.commits) - 1, 0),
        targets=tuple(target.words for target in read_targets(row.targets)),
        findings=tuple(row.findings),
        culprits=tuple(map(_culprit, culprits)),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _culprit(row: Row[Any]) -> CulpritView:
    return CulpritView(row.bisection_id, row.sha, row.author_name, row.subject, tuple(row.targets))
