"""Why builds are not admitted yet, and runs of admitted builds wait for room on their platform."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from hubwright.domain.concurrency import admit, admit_runs
from hubwright.domain.waiting import Reason
from hubwright.store.admission import load_going_runs, load_held_runs, load_standing
from hubwright.store.pauses import load_stops
from hubwright.store.schema import build

_BLOCKED = select(build.c.id).where(
    build.c.id.in_(bindparam("build_ids", expanding=True)), build.c.blocked.is_not(None)
)
_SOON = Reason(kind="starting", sentence="There is room for it: it is about to go into the queue.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Why builds wait, and runs of builds of which others do not; by number. Those that wait for approval are not
    among them."""

    builds: dict[int, Reason] = field(default_factory=dict)
    runs: dict[int, Reason] = field(default_factory=dict)


def load_limits(connection: Connection, build_ids: Collection[int], now: float) -> Limits:
    """Why those of these builds wait that limits or pauses hold."""
    blocked = set(connection.execute(_BLOCKED, {"build_ids": list(build_ids)}).scalars()) if build_ids else set()
    if not blocked:
        return Limits()
    standing = load_standing(connection)
    decided = admit(*standing.contenders(), load_stops(connection).hub, now)
    known = {row.id for row in standing.waiting} & blocked
    partly = [row.id for row in standing.partly if row.id in known]
    reasons = {number: decided.waits.get(number, _SOON) for number in known.difference(partly)}
    if not partly:
        return Limits(reasons)
    held = load_held_runs(connection, [row.id for row in standing.partly])
    going = load_going_runs(connection, [row.id for row in standing.running])
    _, waits = admit_runs(held, going, standing.platform_limits())
    return Limits(reasons, {run.id: waits.get(run.id, _SOON) for run in held if run.build in partly})
