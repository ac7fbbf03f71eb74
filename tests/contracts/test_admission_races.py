"""Admitting beside approving, cancelling, leasing, ending, pausing: at the same moment on PostgreSQL, in every order.

As in `test_approval_races`: whatever two hubs do at once, the outcome is that of one after the other, and it holds with
the second in front of every statement of the first. And two processes that admit never fill one place twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from hubwright.domain.repos import Trust
from hubwright.hub import builds
from hubwright.hub.approvals import approve, end_approval
from hubwright.store import approvals
from hubwright.store.approvals import Approver
from hubwright.store.pauses import keep_job_pause
from hubwright.store.schema import build, run
from interleaving import MOST, Ring
from limited_jobs import NOW, Builds, admit, define, end, lease, see

ADA = Approver(token_name="ada", token_id=None)
BUILDS = Builds()


@dataclass(frozen=True)
class Place:
    """A job that lets one build go on, a build of its own that does, and a fork's that waits."""

    path: str
    ours: int
    foreign: int
    sha: str


Move = Callable[[Connection, Place], Any]


def approve_it(connection: Connection, place: Place) -> Any:
    return approve(connection, place.foreign, place.sha, ADA, NOW) and None


def rearm(connection: Connection, place: Place) -> None:
    """The approval ends, as when its pull request is pushed to."""
    wait = connection.execute(
        select(approvals.approval.c.id, approvals.approval.c.pull_request).where(
            approvals.approval.c.build_id == place.foreign, approvals.approval.c.revoked_at.is_(None)
        )
    ).one()
    approvals._lock(connection, build.c.id == place.foreign)
    row = connection.execute(approvals._IN_FORCE.where(approvals.approval.c.id == wait.id)).one_or_none()
    if row is not None and row.approved_at is not None:
        end_approval(connection, row, "it was pushed to", NOW)


def finish(connection: Connection, place: Place) -> None:
    end(connection, place.ours)


MOVES: dict[str, Move] = {
    "admit": lambda it, _place: admit(it) and None,
    "approve": approve_it,
    "rearm": rearm,
    "finish": finish,
    "lease": lambda it, place: lease(it, place.foreign) and None,
    "cancel": lambda it, place: builds.cancel(it, place.foreign, NOW, "enough") and None,
    "rerun": lambda it, place: builds.rerun(it, place.ours, NOW) and None,
    "pause": lambda it, place: keep_job_pause(it, place.path, "ann", NOW) and None,
}

STANDS: dict[str, list[str]] = {
    "held": [],
    "approved": ["approve"],
    "room": ["finish", "approve"],
    "in": ["finish", "approve", "admit"],
}
SUITS: dict[str, tuple[str, ...]] = {
    "held": ("admit", "approve", "finish"),
    "approved": ("admit", "rearm", "finish"),
    "room": ("admit", "rearm", "rerun"),
    "in": ("admit", "rearm", "lease", "pause"),
}


@pytest.fixture
def ring(postgres_url: str) -> Iterator[Ring]:
    ring = Ring(postgres_url)
    try:
        yield ring
    finally:
        ring.close()


class Scenes:
    """Makes places that stand as they should, each of a job of its own."""

    def __init__(self, ring: Ring, stand: str) -> None:
        self._ring = ring
        self._stand = stand
        self._count = 0

    def make(self) -> Place:
        self._count += 1
        path = f"app{self._count}"
        job = self._ring.alone(lambda it: define(it, path, max_builds=1))
        ours = self._ring.alone(lambda it: BUILDS.push(it, job))
        self._ring.alone(admit)
        self._ring.alone(lambda it: lease(it, ours))
        fork = {"trust": Trust.UNTRUSTED, "event": "pull_request", "pull_request": self._count}
        foreign = self._ring.alone(lambda it: BUILDS.push(it, job, **fork))
        sha = self._ring.alone(lambda it: it.execute(select(build.c.sha).where(build.c.id == foreign)).scalar_one())
        place = Place(path, ours, foreign, sha)
        for name in STANDS[self._stand]:
            self._ring.alone(partial(MOVES[name], place=place) if name != "admit" else admit)
        return place

    def play(self, *names: str) -> Any:
        """What comes of the moves, one after the other."""
        place = self.make()
        for name in names:
            self._ring.alone(lambda it, name=name: MOVES[name](it, place))
        return self.look(place)

    def meet(self, first: str, second: str, point: int) -> tuple[bool, Any]:
        """What comes of both at once, and whether a later point may lead to anything else."""
        place = self.make()
        one, two = (lambda it, name=name: MOVES[name](it, place) for name in (first, second))
        *_, met = self._ring.meet(one, two, point)
        return met, self.look(place)

    def look(self, place: Place) -> Any:
        """How both builds stand once the limits have been looked at again, and how their runs do."""
        self._ring.alone(admit)
        self._ring.alone(admit)

        def load(connection: Connection) -> Any:
            runs = select(run.c.state, run.c.attempt).where(run.c.build_id.in_((place.ours, place.foreign)))
            going = select(func.count(func.distinct(run.c.build_id))).where(
                run.c.build_id.in_((place.ours, place.foreign)), run.c.state.in_(("queued", "running"))
            )
            assert connection.execute(going).scalar_one() <= 1, "two builds go on where one may"
            stands = ["waits" if one == "new" else one for one in see(connection, place.ours, place.foreign)]
            return stands, connection.execute(runs.order_by(run.c.build_id, run.c.id)).all()

        return self._ring.alone(load)


@pytest.mark.parametrize("stand", STANDS)
def test_two_moves_at_once_are_as_one_after_the_other(ring: Ring, stand: str) -> None:
    """Rows, both ways round; no more than one build ever goes on, and none is stuck."""
    scenes = Scenes(ring, stand)
    wrong: list[str] = []
    for first, second in product(SUITS[stand], repeat=2):
        if "admit" not in {first, second}:
            continue
        serial = [scenes.play(first, second), scenes.play(second, first)]
        for point in range(1, MOST):
            met, seen = scenes.meet(first, second, point)
            if not met:
                break
            if seen not in serial:
                wrong.append(f"{second} before statement {point} of {first}: {seen}, not {serial}")
    assert not wrong, "\n".join(wrong)
