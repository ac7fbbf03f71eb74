"""Failures by their fingerprint: counted when a run ends, linked by people, forgotten with what they belong to.

Counting costs a few small writes for each symptom and looks at no other run. A fingerprint is known within a family: a
job and its copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.fingerprints import BAD, MOST, BadLine, BadStage, BadTest, Symptom
from hubwright.domain.problems import Severity
from hubwright.errors import NotFoundError
from hubwright.store.schema import (
    build,
    job,
    known_failure,
    known_failure_place,
    problem,
    run,
    run_failure,
    stage,
    test_case,
)

PORTION = 500
"""Known failures that are forgotten in one transaction."""

_LOOKED = 2_000  # characters of a test's message
_RUN: BindParameter[Any] = bindparam("run_key")
_STAGES = (
    select(stage, build.c.event)
    .join(run, run.c.id == stage.c.run_id)
    .join(build, build.c.id == run.c.build_id)
    .where(stage.c.run_id == _RUN)
    .order_by(stage.c.position)
)
# An expression to sort by, so that no database walks along the whole table in the order of its numbers.
_TESTS = (
    select(
        test_case.c.position,
        test_case.c.suite,
        test_case.c.classname,
        test_case.c.name,
        test_case.c.message,
    )
    .where(test_case.c.run_id == _RUN, test_case.c.result.in_(("failed", "error")))
    .order_by(test_case.c.id + literal_column("0"))
    .limit(bindparam("most"))
)
_PROBLEMS = (
    select(problem.c.position, problem.c.file, problem.c.code, problem.c.message)
    .where(problem.c.run_id == _RUN, problem.c.severity == Severity.ERROR.value)
    .order_by(problem.c.id + literal_column("0"))
    .limit(bindparam("most"))
)
_SEEN = insert(run_failure).returning(run_failure.c.id)
_NEWEST = update(known_failure).where(known_failure.c.id == bindparam("key")).values(newest=bindparam("seen"))


class Seen(NamedTuple):
    """A run that failed: the `family` of its job, its platform, and when it ended (Unix seconds)."""

    run: int
    family: int
    platform: str
    at: float


class Ended(NamedTuple):
    """The stages of a run that did not end well, each with the part of the log that is its own; its build's event."""

    stages: tuple[tuple[BadStage, int, int | None], ...]
    event: str


def load_ended(connection: Connection, run_id: int) -> Ended:
    """Stages that were allowed to fail say nothing of the run."""
    rows = connection.execute(_STAGES, {"run_key": run_id}).all()
    bad = (
        (
            BadStage(row.position, row.name, row.result, row.exit_code, row.detail or ""),
            row.log_start or 0,
            row.log_end,
        )
        for row in rows
        if row.result in BAD and not row.allow_failure
    )
    return Ended(tuple(bad), rows[0].event if rows else "")


def load_bad_tests(connection: Connection, run_id: int) -> list[BadTest]:
    """The first test cases of the run that failed."""
    rows = connection.execute(_TESTS, {"run_key": run_id, "most": MOST})
    return [BadTest(*row[:-1], (row.message or "")[:_LOOKED]) for row in rows]


def load_bad_lines(connection: Connection, run_id: int) -> list[BadLine]:
    """The first problems of its log that are errors."""
    rows = connection.execute(_PROBLEMS, {"run_key": run_id, "most": MOST})
    return [BadLine(row.position, row.file or "", row.code or "", row.message) for row in rows]


def keep_symptoms(connection: Connection, seen: Seen, symptoms: Sequence[Symptom]) -> None:
    """Count them. In the order of their fingerprints: two hubs never wait for each other in a circle."""
    postgres = connection.dialect.name == "postgresql"
    add, count = (_ADD_POSTGRESQL, _COUNT_POSTGRESQL) if postgres else (_ADD_SQLITE, _COUNT_SQLITE)
    for one in sorted(symptoms):
        row = {"family": seen.family, "fingerprint": one.fingerprint, "kind": one.kind.value, "last_at": seen.at}
        number = connection.execute(add, {**row, "title": _plain(one.title)}).scalar_one()
        place = {"known_failure_id": number, "platform": seen.platform, "times": 1}
        connection.execute(count, {**place, "first_at": seen.at, "last_at": seen.at})
        found = connection.execute(_SEEN, {"run_id": seen.run, "known_failure_id": number}).scalar_one()
        connection.execute(_NEWEST, {"key": number, "seen": found})


def load_repository(connection: Connection, number: int) -> str:
    """The repository of the job that has this known failure. Raises NotFoundError."""
    query = select(job.c.repository).join(known_failure, known_failure.c.family == job.c.id)
    found = connection.execute(query.where(known_failure.c.id == number)).scalar()
    if found is None:
        raise NotFoundError(f"There is no known failure {number}.")
    return str(found)


def link_issue(connection: Connection, number: int, issue: str | None, by: str, now: float) -> None:
    """Say which issue is about it; None: no longer any. Raises NotFoundError."""
    values: dict[str, Any] = {"issue": issue, "linked_by": by, "linked_at": now}
    if issue is None:
        values = dict.fromkeys(values)
    changed = update(known_failure).where(known_failure.c.id == number).values(values)
    if connection.execute(changed).rowcount != 1:
        raise NotFoundError(f"There is no known failure {number}.")


def load_forgotten(connection: Connection, before: float) -> list[int]:
    """Those that nobody linked to an issue and that were seen last before that moment; a portion."""
    loose = (known_failure.c.issue.is_(None), known_failure.c.last_at < before)
    query = select(known_failure.c.id).where(*loose).order_by(known_failure.c.last_at).limit(PORTION)
    return list(connection.execute(query).scalars())


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Drop known failures, with where they were seen."""
    connection.execute(delete(run_failure).where(run_failure.c.known_failure_id.in_(ids)))
    connection.execute(delete(known_failure_place).where(known_failure_place.c.known_failure_id.in_(ids)))
    connection.execute(delete(known_failure).where(known_failure.c.id.in_(ids)))


def forget_jobs(connection: Connection, jobs: Sequence[int]) -> None:
    """Drop all that is known of these jobs."""
    of_jobs = select(known_failure.c.id).where(known_failure.c.family.in_(jobs)).limit(PORTION)
    while ids := list(connection.execute(of_jobs).scalars()):
        forget(connection, ids)


def _plain(text: str) -> str:
    """As the databases take it."""
    shown = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return shown.encode("utf-8", "replace").decode("utf-8")


def _add(dialect: Any) -> tuple[Any, Any]:
    """What adds a fingerprint or sees it again, and what counts it on a platform."""
    added = dialect.insert(known_failure)
    keys = [known_failure.c.fingerprint, known_failure.c.family]
    again = added.on_conflict_do_update(index_elements=keys, set_={"last_at": added.excluded.last_at})
    counted = dialect.insert(known_failure_place)
    keys = [known_failure_place.c.known_failure_id, known_failure_place.c.platform]
    more = {"times": known_failure_place.c.times + 1, "last_at": counted.excluded.last_at}
    return again.returning(known_failure.c.id), counted.on_conflict_do_update(index_elements=keys, set_=more)


_ADD_SQLITE, _COUNT_SQLITE = _add(sqlite)
_ADD_POSTGRESQL, _COUNT_POSTGRESQL = _add(postgresql)
