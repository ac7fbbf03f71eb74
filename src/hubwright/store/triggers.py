"""What starts jobs by itself, as rows that are derived from definitions: times, and the jobs that others come after.

They are rewritten in the transaction that changes what a job or a folder says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from hubwright.domain.dependencies import find_circle
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.schedules import Schedule, next_time
from hubwright.errors import DefinitionError, UnprocessableError, Wrong
from hubwright.store.folders import lock_tree
from hubwright.store.reports import keep_cursor, load_newest_fact
from hubwright.store.schema import dependency, job, reporter, schedule

CURSOR = "dependencies"
"""The name under which it is kept how far the facts were looked through for builds that others come after."""

_PORTION = 500


def keep_triggers(connection: Connection, jobs: Sequence[DefinedJob], now: float) -> None:
    """Have exactly the times and dependencies that these jobs' settings say; what is as it was keeps its next time.

    Raises DefinitionError when jobs would come after each other in a circle.
    """
    for start in range(0, len(jobs), _PORTION):
        some = jobs[start : start + _PORTION]
        _keep_schedules(connection, some, now)
        _keep_dependencies(connection, some)
    later = [one.path for one in jobs if one.settings.triggers.after]
    if later:
        _refuse_circles(connection, later)


def _keep_schedules(connection: Connection, jobs: Sequence[DefinedJob], now: float) -> None:
    known = {
        (row.job_id, row.position): row
        for row in connection.execute(select(schedule).where(schedule.c.job_id.in_([one.id for one in jobs])))
    }
    wanted: dict[tuple[int, int], dict[str, Any]] = {}
    for one in jobs:
        for position, timed in enumerate(one.settings.triggers.schedule):
            wanted[one.id, position] = {
                "cron": timed.schedule.cron,
                "zone": timed.schedule.zone,
                "branch": timed.branch,
                "parameters": dict(timed.parameters),
            }
    fresh = {place: values for place, values in wanted.items() if not _is_same(known.get(place), values)}
    for number, position in known.keys() - (wanted.keys() - fresh.keys()):
        connection.execute(delete(schedule).where(schedule.c.job_id == number, schedule.c.position == position))
    if fresh:
        rows = [
            {
                "job_id": number,
                "position": position,
                **values,
                "next_at": find_next(values["cron"], values["zone"], now),
            }
            for (number, position), values in fresh.items()
        ]
        connection.execute(insert(schedule), rows)


def find_next(cron: str, zone: str, after: float) -> float | None:
    """When a schedule comes next; None when it never does, or its zone is not known to this machine."""
    try:
        return next_time(Schedule(cron, zone), after)
    except UnprocessableError:
        return None


def _is_same(row: Row[Any] | None, values: dict[str, Any]) -> bool:
    return row is not None and all(getattr(row, name) == value for name, value in values.items())


def _keep_dependencies(connection: Connection, jobs: Sequence[DefinedJob]) -> None:
    rows = connection.execute(select(dependency).where(dependency.c.job_id.in_([one.id for one in jobs])))
    known = {(row.job_id, row.after): row.result for row in rows}
    wanted = {(one.id, after.job): after.result for one in jobs for after in one.settings.triggers.after}
    for place in [place for place, result in known.items() if wanted.get(place) != result]:
        connection.execute(delete(dependency).where(dependency.c.job_id == place[0], dependency.c.after == place[1]))
    fresh = [
        {"job_id": number, "after": after, "result": result}
        for (number, after), result in wanted.items()
        if known.get((number, after)) != result
    ]
    if fresh:
        keep_cursor(connection, CURSOR, load_newest_fact(connection))  # what ended before today is not waited for
        connection.execute(insert(dependency), fresh)


def _refuse_circles(connection: Connection, paths: Iterable[str]) -> None:
    lock_tree(connection)  # of two halves one sees the other
    after: dict[str, list[str]] = {}
    rows = connection.execute(select(job.c.path, dependency.c.after).join(job, job.c.id == dependency.c.job_id))
    for row in rows:
        after.setdefault(row.path, []).append(row.after)
    circle = find_circle(after, paths)
    if circle is not None:
        shown = circle if len(circle) <= 6 else [*circle[:3], "…", *circle[-2:]]
        way = ", which comes after ".join(shown[1:])
        raise DefinitionError(
            [Wrong("/triggers/after", f"{circle[0]} would come after {way}: their builds would never end")]
        )


def load_due(connection: Connection, now: float, limit: int) -> list[Row[Any]]:
    """The times that have come, the longest due first."""
    query = select(schedule).where(schedule.c.next_at <= now).order_by(schedule.c.next_at).limit(limit)
    return list(connection.execute(query))


def load_next_time(connection: Connection) -> float | None:
    """The Unix time at which the next of all comes."""
    at: float | None = connection.execute(select(func.min(schedule.c.next_at))).scalar()
    return at


def move_schedule(connection: Connection, row: Row[Any], next_at: float | None) -> bool:
    """A time has come, and the next is known. False, and nothing changed, when somebody else has seen to it."""
    place = (schedule.c.job_id == row.job_id, schedule.c.position == row.position, schedule.c.next_at == row.next_at)
    moved = update(schedule).where(*place).values(last_at=row.next_at, next_at=next_at)
    return connection.execute(moved).rowcount == 1


def load_times(connection: Connection, job_id: int) -> list[Row[Any]]:
    """The times of a job, as its definition has them."""
    return list(connection.execute(select(schedule).where(schedule.c.job_id == job_id).order_by(schedule.c.position)))


def load_dependents(connection: Connection, paths: Iterable[str]) -> list[Row[Any]]:
    """Which jobs come after these."""
    return list(connection.execute(select(dependency).where(dependency.c.after.in_(sorted(set(paths))))))


def forget_cursor(connection: Connection) -> None:
    """Where no job comes after another the facts need not be looked through."""
    idle = (reporter.c.name == CURSOR, ~exists().where(dependency.c.job_id.is_not(None)))
    connection.execute(delete(reporter).where(*idle))


def has_dependencies(connection: Connection) -> bool:
    """Whether any job comes after another."""
    return connection.execute(select(dependency.c.job_id).limit(1)).first() is not None


def move_cursor(connection: Connection, before: int, after: int) -> bool:
    """Note how far was looked. False, and nothing changed, when another process did it."""
    moved = update(reporter).where(reporter.c.name == CURSOR, reporter.c.cursor == before).values(cursor=after)
    return connection.execute(moved).rowcount == 1
