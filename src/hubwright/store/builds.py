"""Builds, runs and stages as they are planned, and the end of a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, case, func, insert, null, select, update

from hubwright.domain.builds import MERGE_GROUP, Wanted
from hubwright.domain.planning import PlannedRun
from hubwright.domain.repos import Trust
from hubwright.domain.results import Result, State
from hubwright.domain.scheduling import join_labels
from hubwright.store.moments import Moment
from hubwright.store.schema import build, job, run, stage
from hubwright.store.turns import next_turn

_TOLD = ("push", "tag", "pull_request", MERGE_GROUP)
"""What GitHub tells of commits that are the repository's own, unless they are untrusted."""

_KEY: BindParameter[Any] = bindparam("build_key")
_BY_TRIGGERS: Select[Any] = select(
    build.c.id, build.c.number, build.c.trigger, build.c.sha, build.c.state, build.c.result, build.c.trust,
    build.c.runs_left, build.c.queued_at,
).where(build.c.job_id == bindparam("job"), build.c.trigger.in_(bindparam("triggers", expanding=True)))  # fmt: skip
_BUILT = select(build.c.sha).where(
    build.c.repository == bindparam("repository"),
    build.c.sha.in_(bindparam("shas", expanding=True)),
    build.c.job_id == bindparam("job"),
    build.c.trust == Trust.TRUSTED.value,
    build.c.event != "bisect",  # those looked at one place only
)
_TRUSTS = select(build.c.trust).where(build.c.repository == bindparam("repository"), build.c.sha == bindparam("sha"))
_ADD_BUILD = (
    insert(build)
    .values(family=select(func.coalesce(job.c.copy_of, job.c.id)).where(job.c.id == bindparam("of")).scalar_subquery())
    .returning(build.c.id)
)
_OF: BindParameter[Any] = bindparam("of")
_FAMILY = select(build.c.family).where(build.c.id == _OF).scalar_subquery()
_ADD_RUN = (
    insert(run)
    .values(
        family=_FAMILY,
        turn=next_turn(_FAMILY, bindparam("at_priority"), bindparam("at_platform"), bindparam("at_labels")),
        state=select(case((build.c.blocked.is_(None), State.QUEUED.value), else_=State.HELD.value))
        .where(build.c.id == _OF)
        .scalar_subquery(),
    )
    .returning(run.c.id)
)
_ADD_STAGES = insert(stage)
_SET_RUNS_LEFT = (
    update(build)
    .where(build.c.id == _KEY)
    .values(runs_left=bindparam("count"), recipe=bindparam("origin"), problem=None)
)
_DESCRIBED: dict[str, BindParameter[Any]] = {
    "message": bindparam("says"),
    "author_name": bindparam("author"),
    "trust": bindparam("trusted"),
}
_DESCRIBE = update(build).where(build.c.id == _KEY).values(_DESCRIBED)
_SET_RUNS_LEFT_TOO = _SET_RUNS_LEFT.values(_DESCRIBED)
_FINISH = (
    update(build)
    .where(build.c.id == _KEY)
    .values(
        state=State.FINISHED.value,
        result=bindparam("ended"),
        finished_at=bindparam("now", type_=Moment()),
        runs_left=0,
        blocked=None,
        problem=func.coalesce(bindparam("why"), build.c.problem),
    )
    .returning(build)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """A run to add: its plan and the complete assignment that its builder will get."""

    build_id: int
    planned: PlannedRun
    assignment: dict[str, Any]
    priority: int = 0
    attempt: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """How a build comes into the queue: the columns of these names. With `blocked` it waits to be admitted.

    `problem` says why it has no run yet, and `retry_at` (Unix seconds) when that is tried again; `runs_left` are those
    that are added at once, of the file `recipe`.
    """

    group: str | None = None
    line: str | None = None
    blocked: str | None = None
    problem: str | None = None
    retry_at: float | None = None
    runs_left: int = 0
    recipe: str | None = None


UNLIMITED = Entry()
"""Of builds that nothing limits."""


def load_triggers(connection: Connection, job_id: int, triggers: Sequence[str]) -> dict[str, Row[Any]]:
    """How the builds stand that these wishes have led to already, by trigger."""
    rows = connection.execute(_BY_TRIGGERS, {"job": job_id, "triggers": triggers})
    return {row.trigger: row for row in rows}


def load_built(connection: Connection, job_id: int, repository: str, shas: Sequence[str]) -> set[str]:
    """Which of the commits the job has built already, on whatever branch; as a fork's they count not."""
    if not shas:
        return set()
    rows = connection.execute(_BUILT, {"job": job_id, "repository": repository, "shas": shas})
    return {row.sha for row in rows}


def is_foreign(connection: Connection, repository: str, sha: str) -> bool:
    """Whether all that was ever built of the commit was untrusted: only a fork has brought it."""
    trusts = set(connection.execute(_TRUSTS, {"repository": repository, "sha": sha}).scalars())
    return trusts == {Trust.UNTRUSTED.value}


def was_pushed(connection: Connection, repository: str, sha: str) -> bool:
    """Whether a build of the commit began with GitHub telling that it was pushed to the repository itself."""
    query = select(build.c.id).where(build.c.repository == repository, build.c.sha == sha)
    query = query.where(build.c.trust == Trust.TRUSTED.value, build.c.event.in_(_TOLD))
    return connection.execute(query.limit(1)).first() is not None


def keep_build(
    connection: Connection, job_id: int, number: int, repository: str, wanted: Wanted, now: float,
    entry: Entry = UNLIMITED,
) -> int:  # fmt: skip
    """Add a queued build without runs; its id."""
    values = {
        "of": job_id,
        "job_id": job_id,
        "number": number,
        "trigger": wanted.trigger,
        "repository": repository,
        "sha": wanted.sha,
        "ref": wanted.ref,
        "branch": wanted.branch,
        "event": wanted.event,
        "pull_request": wanted.pull_request,
        "base_ref": wanted.target_branch,
        "base_sha": wanted.before if wanted.pull_request else None,
        "message": wanted.message,
        "author_name": wanted.author_name,
        "author_login": wanted.author_login,
        "priority": wanted.priority,
        "trust": wanted.trust.value,
        "parameters": dict(wanted.parameters) if wanted.parameters else null(),
        "queued_at": now,
        "group": entry.group,
        "line": entry.line,
        "blocked": entry.blocked,
        "problem": entry.problem,
        "retry_at": entry.retry_at,
        "runs_left": entry.runs_left,
        "recipe": entry.recipe,
    }
    return int(connection.execute(_ADD_BUILD, values).scalar_one())


def keep_runs(connection: Connection, runs: Sequence[NewRun], now: float) -> list[int]:
    """Add runs with their stages, queued, or held when their build waits to be admitted; their ids, in order."""
    ids = [int(connection.execute(_ADD_RUN, _run_values(new, now)).scalar_one()) for new in runs]
    stages = [
        {
            "run_id": run_id,
            "position": position,
            "name": planned.stage.name,
            "kind": planned.stage.kind,
            "allow_failure": planned.stage.allow_failure,
        }
        for run_id, new in zip(ids, runs, strict=True)
        for position, planned in enumerate(new.planned.stages)
    ]
    if stages:
        connection.execute(_ADD_STAGES, stages)
    return ids


def describe_build(connection: Connection, build_id: int, wanted: Wanted) -> None:
    """The commit's author, message and trust, of a build that was asked for before they were known."""
    connection.execute(_DESCRIBE, {"build_key": build_id, **_described(wanted)})


def set_runs_left(
    connection: Connection, build_id: int, count: int, recipe: str | None, wanted: Wanted | None = None
) -> None:
    """Say how many runs the build waits for; nothing keeps it from them any more. `wanted` describes it, too."""
    values = {"build_key": build_id, "count": count, "origin": recipe}
    if wanted is None:
        connection.execute(_SET_RUNS_LEFT, values)
    else:
        connection.execute(_SET_RUNS_LEFT_TOO, {**values, **_described(wanted)})


def _described(wanted: Wanted) -> dict[str, Any]:
    return {"says": wanted.message, "author": wanted.author_name, "trusted": wanted.trust.value}


def note_problem(connection: Connection, build_id: int, problem: str | None, again: float | None = None) -> None:
    """Say on a queued build why it has no run yet, and when that is tried again (Unix seconds)."""
    connection.execute(update(build).where(build.c.id == build_id).values(problem=problem, retry_at=again))


def load_retry(connection: Connection, build_id: int) -> float | None:
    """When it is tried again to plan the build; None when nobody knows."""
    at: float | None = connection.execute(select(build.c.retry_at).where(build.c.id == build_id)).scalar()
    return at


def finish_build(
    connection: Connection, build_id: int, result: Result, now: float, problem: str | None = None
) -> Row[Any]:
    """End a build; the row afterwards."""
    values = {"build_key": build_id, "ended": result.value, "now": now, "why": problem}
    return connection.execute(_FINISH, values).one()


def _run_values(new: NewRun, now: float) -> dict[str, Any]:
    place = {"platform": new.planned.platform, "labels": join_labels(new.planned.labels), "priority": new.priority}
    return {
        "of": new.build_id,
        "build_id": new.build_id,
        **place,
        **{f"at_{name}": value for name, value in place.items()},
        "matrix": new.planned.matrix,
        "attempt": new.attempt,
        "assignment": new.assignment,
        "queued_at": now,
    }


def load_build_row(connection: Connection, build_id: int) -> Row[Any] | None:
    """A build's row, to be changed: locked where the database can."""
    return connection.execute(select(build).where(build.c.id == build_id).with_for_update()).one_or_none()
