"""Who wants to be told on IRC when which build ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, delete, func, select

from hubwright.domain.irc_names import fold_name
from hubwright.store.schema import build, irc_watch

MAX_WATCHES = 20
"""Of one person."""

MOST = 1_000
"""Watches of everybody that are looked at; more are not taken."""


class Watch(NamedTuple):
    """A watch whose build `ended`."""

    id: int
    nick: str
    target: str
    ended: int


def keep_watch(connection: Connection, nick: str, target: str, of: tuple[int | None, int | None], now: float) -> bool:
    """Watch a build, or the next end of a job, `of` (build, job); False when that person or all watch too much."""
    own = func.count(case((irc_watch.c.nick == fold_name(nick), 1)))
    mine, everybody = connection.execute(select(own, func.count()).select_from(irc_watch)).one()
    if mine >= MAX_WATCHES or everybody >= MOST:
        return False
    build_id, job_id = of
    behind = None
    if job_id is not None:
        ended = select(build.c.number).where(build.c.job_id == job_id, build.c.state == "finished")
        behind = connection.execute(ended.order_by(build.c.number.desc()).limit(1)).scalar() or 0
    row = {"nick": fold_name(nick), "target": target, "build_id": build_id, "job_id": job_id, "behind": behind}
    connection.execute(irc_watch.insert().values(**row, at=now))
    return True


def load_ended(connection: Connection) -> list[Watch]:
    """The watches that are due, oldest first: what they watch has ended."""
    query = select(irc_watch).order_by(irc_watch.c.id).limit(MOST)
    due = [(row, _find_end(connection, row)) for row in connection.execute(query).all()]
    return [Watch(row.id, row.nick, row.target, ended) for row, ended in due if ended is not None]


def drop_watches(connection: Connection, ids: Sequence[int]) -> None:
    """They have been told."""
    connection.execute(delete(irc_watch).where(irc_watch.c.id.in_(ids)))


def drop_watches_of(connection: Connection, nick: str) -> int:
    """Somebody wants to be told of nothing any more; how many watches that ends."""
    return connection.execute(delete(irc_watch).where(irc_watch.c.nick == fold_name(nick))).rowcount


def _find_end(connection: Connection, row: Row[Any]) -> int | None:
    query = select(build.c.id).where(build.c.state == "finished").limit(1)
    if row.build_id is not None:
        query = query.where(build.c.id == row.build_id)
    else:
        query = query.where(build.c.job_id == row.job_id, build.c.number > row.behind).order_by(build.c.number)
    ended: int | None = connection.execute(query).scalar()
    return ended
