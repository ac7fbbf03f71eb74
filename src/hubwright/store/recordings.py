"""Recordings of runs: written when a builder parts while it holds runs, and when a run ends as it should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import recording
from hubwright.wire import Point, Process, Recording


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the samples."""

    points: tuple[Point, ...] = ()
    processes: tuple[Process, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A run's recording. `cause` None: its builder is away, and nothing is judged yet. Times in Unix seconds."""

    run_id: int
    lease: int
    builder: str
    cause: str | None = None
    sentence: str | None = None
    seen_at: float | None = None
    closed: bool = False
    boot: str = ""
    process: str = ""
    data: Data = field(default_factory=Data)


def load_recording(connection: Connection, run_id: int) -> Kept | None:
    """What is kept of a run."""
    row = connection.execute(select(recording).where(recording.c.run_id == run_id)).one_or_none()
    if row is None:
        return None
    try:
        data = msgspec.convert(row.data, Data)
    except msgspec.ValidationError:  # of another version
        data = Data()
    return Kept(**{**row._mapping, "data": data})


def load_causes(connection: Connection, run_ids: Sequence[int]) -> dict[int, str]:
    """The verdict's word of each of these runs that has one."""
    query = select(recording.c.run_id, recording.c.cause)
    rows = connection.execute(query.where(recording.c.run_id.in_(run_ids), recording.c.cause.is_not(None)))
    return {row.run_id: row.cause for row in rows}


def keep_recording(connection: Connection, kept: Kept) -> None:
    """Keep it, in place of what was kept of the run before."""
    values = {name: getattr(kept, name) for name in recording.c.keys()}  # noqa: SIM118  a collection, no dict
    values["data"] = msgspec.to_builtins(kept.data)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(recording)
    renewed = {name: statement.excluded[name] for name in values if name != "run_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=renewed), values)


def forget_absences(connection: Connection, run_ids: Sequence[int]) -> None:
    """The builder of these runs is back: what was kept while it was away, and not judged, goes."""
    connection.execute(delete(recording).where(recording.c.run_id.in_(run_ids), recording.c.cause.is_(None)))


def merge(older: Data, recording_: Recording, most: int) -> Data:
    """The moments of both, each once, the last `most`; the processes of the one that saw the run last."""
    points = {point.machine.at: point for point in (*older.points, *recording_.points)}
    times = sorted(points)[-most:]
    newest = recording_.points and (not older.points or recording_.points[-1].machine.at >= older.points[-1].machine.at)
    processes = recording_.processes if newest and recording_.processes else older.processes or recording_.processes
    return Data(points=tuple(points[time] for time in times), processes=processes)
