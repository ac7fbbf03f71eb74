"""Where the logs of runs lie: in the folder of the hub that receives them, sealed in the object store later.

`run.log_at` names the folder until the log is sealed. With one hub nothing is noted: all logs lie with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, literal_column, select, update

from hubwright.store.schema import run

PORTION = 50
"""Logs that are sealed before it is looked again."""

_RUN: BindParameter[Any] = bindparam("run_key")
_PLACE: BindParameter[Any] = bindparam("place")
_AT = select(run.c.state, run.c.log_at, run.c.log_size).where(run.c.id == _RUN)
_TAKE = update(run).where(run.c.id == _RUN).values(log_at=_PLACE)
_UNSEALED = (
    select(run.c.id)
    .where(run.c.log_at == _PLACE, run.c.log_at.is_not(None), run.c.state == literal_column("'finished'"))
    .order_by(run.c.id)
    .limit(PORTION)
)
_HOMELESS = (run.c.state == literal_column("'finished'"), run.c.log_at.is_(None))
_SEALED = update(run).where(run.c.id.in_(bindparam("ids", expanding=True)), run.c.log_at == _PLACE).values(log_at=None)


class LogPlace(NamedTuple):
    """A run's state, the folder that its log lies in until it is sealed, and its size as far as it was noted."""

    state: str
    at: str | None
    size: int

    @property
    def finished(self) -> bool:
        """Whether no more comes."""
        return self.state == "finished"

    @property
    def least(self) -> int:
        """Bytes that a file has which is the whole log, wherever it is found; nought where it grows."""
        return self.size if self.finished and self.at is None else 0

    @property
    def begun(self) -> bool:
        """Whether there may be a log."""
        return self.state in {"running", "finished"}


def load_log_place(connection: Connection, number: int) -> LogPlace | None:
    """Where the log of a run is; None when there is no such run."""
    row = connection.execute(_AT, {"run_key": number}).first()
    return None if row is None else LogPlace(*row)


def take_logs(connection: Connection, numbers: Sequence[int], place: str) -> None:
    """From now on these logs grow in that folder."""
    if numbers:
        connection.execute(_TAKE, [{"run_key": number, "place": place} for number in numbers])


def load_unsealed(connection: Connection, place: str) -> list[int]:
    """Runs that have ended, whose logs wait in that folder to be sealed: the first of them."""
    return list(connection.execute(_UNSEALED, {"place": place}).scalars())


def load_homeless(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Those of these runs that have ended and whose log is noted to lie nowhere: it is sealed, or of old times."""
    query = select(run.c.id).where(run.c.id.in_(numbers), *_HOMELESS).order_by(run.c.id)
    return list(connection.execute(query).scalars())


def adopt_logs(connection: Connection, numbers: Sequence[int], place: str) -> None:
    """These logs wait in that folder to be sealed."""
    connection.execute(update(run).where(run.c.id.in_(numbers), *_HOMELESS).values(log_at=place))


def keep_sealed(connection: Connection, numbers: Sequence[int], place: str) -> None:
    """These logs are in the object store."""
    connection.execute(_SEALED, {"ids": numbers, "place": place})
