"""How many builders of a kind are wanted: what scalers ask for, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from hubwright.domain.scheduling import BuilderKind, PlatformRoom, suits
from hubwright.store.builders import DRAINING, GONE
from hubwright.store.pauses import load_running, load_stops
from hubwright.store.schema import builder, run
from hubwright.store.views import RUNNING
from hubwright.store.views_waiting import count_queues

MAX_OWN = 1_000
"""Builders of one token that are told of, at most."""

_OWN = (
    select(builder.c.name, builder.c.state)
    .where(builder.c.token_id == bindparam("token"), builder.c.state.not_in(GONE))
    .order_by(builder.c.name)
    .limit(MAX_OWN)
)
_BUSY = (
    select(run.c.builder, func.count().label("amount"))
    .where(run.c.state == RUNNING, run.c.builder.in_(bindparam("names", expanding=True)))
    .group_by(run.c.builder)
)


@dataclass(frozen=True, slots=True)
class OwnBuilder:
    """A connected builder: how many runs it has, and whether it takes no more and will end."""

    name: str
    running: int
    leaving: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandView:
    """What waits for builders of a kind: only what may start now, so nothing that a pause or a platform's limit keeps.

    `running` counts what goes on of such runs, wherever; `oldest` is when the first that waits came (Unix seconds).
    `builders`: those that came with the token of who asks and are connected.
    """

    waiting: int
    running: int
    oldest: float | None
    builders: tuple[OwnBuilder, ...]


def load_demand(
    connection: Connection, kind: BuilderKind, limits: Mapping[str, int] | None, token_id: int | None = None
) -> DemandView:
    """The demand for builders of this kind; `limits` of platforms are the hub's."""
    queues = [counts for want, counts in count_queues(connection, most=None).items() if suits(want, kind)]
    room = _load_room(connection, kind.platform, limits)
    waiting = int(min(sum(depth for depth, _, _ in queues), room))
    times = [oldest for _, _, oldest in queues if oldest is not None]
    return DemandView(
        waiting=waiting,
        running=sum(busy for _, busy, _ in queues),
        oldest=min(times) if waiting and times else None,
        builders=() if token_id is None else _load_own(connection, token_id),
    )


def _load_room(connection: Connection, platform: str, limits: Mapping[str, int] | None) -> float:
    """How many more runs may start on a platform, whatever waits."""
    stops = load_stops(connection, limits)
    if stops.hub is not None:
        return 0
    running = load_running(connection) if stops.limits else {}
    return PlatformRoom(stops.limits, running, stops.platforms).left(platform)


def _load_own(connection: Connection, token_id: int) -> tuple[OwnBuilder, ...]:
    own = connection.execute(_OWN, {"token": token_id}).all()
    if not own:
        return ()
    names = [row.name for row in own]
    busy = {row.builder: row.amount for row in connection.execute(_BUSY, {"names": names})}
    return tuple(OwnBuilder(row.name, busy.get(row.name, 0), row.state == DRAINING) for row in own)
