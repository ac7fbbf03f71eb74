"""Approving, what ends approvals, leasing, cancelling: at the same moment on PostgreSQL, in every order (S11, S13).

Whatever two hubs do at once, the outcome is that of one after the other. Each pair of moves is tried with the second
in front of every single statement of the first, on real connections; a deadlock's victim is done again, as `Database`
does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, select

from hubwright.domain.builds import BuildPlan, pull_request_to_build
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.domain.replica import Record, Version
from hubwright.domain.repos import PullRequestEvent, Repository
from hubwright.git.mirrors import Origin
from hubwright.hub import builds, moves
from hubwright.hub.approvals import approve, end_approval
from hubwright.hub.news import keep_event
from hubwright.hub.plan_rows import keep_plans
from hubwright.hub.plans import Ground
from hubwright.store import approvals
from hubwright.store.approvals import Approver
from hubwright.store.database import Database
from hubwright.store.jobs import keep_job
from hubwright.store.replica import keep_records
from hubwright.store.runs import load_runs
from hubwright.store.schema import approval, build, gh_pull_request, run
from hubwright.wire import Job as StageMessage
from hubwright.wire import Result as ResultMessage
from interleaving import MOST, Ring

RECIPE = "stages:\n  - build: make\n"
NOW = 1_700_000_000.0
OURS = Repository(id=1, owner="octo", name="hello")
THEIRS = Repository(id=2, owner="mallory", name="hello")
ORIGIN = Origin(repository="octo/hello", clone_url="https://github.invalid/octo/hello.git")
GROUND = Ground(public_url="https://ci.example.org", version="1", default_platform="linux", log_limit=1000)
ADA = Approver(token_name="ada", token_id=None)
GRACE = Approver(user_id=7, login="grace")

Move = Callable[[Connection, "Pull"], Any]

TELLS = {
    "opened": ("head_sha", "base_ref", "state"),
    "synchronize": ("head_sha",),
    "edited": ("base_ref",),
    "closed": ("state",),
    "reopened": ("state",),
}
"""What each event changes, in the order of their times at GitHub."""


@dataclass(frozen=True)
class Pull:
    """A pull request of a fork, number `number`, with its one build."""

    job: Job
    number: int
    build: int = 0

    @property
    def sha(self) -> str:
        return f"{self.number:040x}"

    def event(self, action: str, **changes: Any) -> PullRequestEvent:
        told = PullRequestEvent(
            repository=OURS,
            action=action,
            number=self.number,
            title="T",
            head_sha=self.sha,
            head_ref="topic",
            head_repository=THEIRS,
            base_ref="main",
            base_sha="b" * 40,
        )
        return replace(told, **changes)

    def tell(self, connection: Connection, event: PullRequestEvent) -> int:
        """As intake does: what GitHub tells, and the build of the head when it is new."""
        version = Version(NOW + [*TELLS].index(event.action), NOW)
        told = {
            "head_sha": event.head_sha,
            "base_ref": event.base_ref,
            "state": "closed" if event.action == "closed" else "open",
        }
        values = {name: told[name] for name in TELLS[event.action]} | {"number": event.number, "repository_id": OURS.id}
        row = Record(kind="pull_request", key=(event.number,), version=version, values=values)
        keep_records(connection, [row], via="webhook", now=NOW)
        keep_event(connection, event, NOW)
        plans = []
        for wanted in pull_request_to_build(event):
            runs = plan_runs(read_recipe(RECIPE), wanted.circumstances(), (), "linux")
            plans.append(BuildPlan(wanted=wanted, runs=tuple(runs), recipe="file"))
        touched = keep_plans(connection, self.job, ORIGIN, plans, GROUND, NOW)
        return touched[0] if touched else 0

    def runs(self, connection: Connection) -> list[int]:
        """The newest attempts of the build."""
        query = select(run.c.id).where(run.c.build_id == self.build, run.c.latest).order_by(run.c.id)
        return list(connection.execute(query).scalars())


def lease(connection: Connection, pull: Pull) -> None:
    """As the scheduler: what is in the queue, locked unless somebody else has it."""
    query = select(run.c.id).where(run.c.id.in_(pull.runs(connection)), run.c.state == "queued")
    waiting = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if waiting:
        moves.lease(connection, [(number, "anvil") for number in waiting], NOW)


def begin(connection: Connection, pull: Pull) -> None:
    lease(connection, pull)


def finish(connection: Connection, pull: Pull) -> Any:
    (number,) = pull.runs(connection)
    told: list[moves.Telling] = [
        StageMessage(run=number, lease=1, seq=1, at=NOW, stage=0),
        ResultMessage(run=number, lease=1, seq=2, at=NOW, result="success"),
    ]
    return [one.ended for one in moves.apply_messages(connection, [moves.Told("anvil", one, NOW) for one in told])]


def lose(connection: Connection, pull: Pull) -> None:
    for row in load_runs(connection, pull.runs(connection)):
        if row.state == "running":
            moves.keep_facts(connection, moves.lose_run(connection, row, NOW, "gone"))


def give_back(connection: Connection, pull: Pull) -> None:
    for row in load_runs(connection, pull.runs(connection)):
        if row.state == "running":
            moves.keep_facts(connection, moves.put_back(connection, row, NOW))


def doubt_ends(connection: Connection, pull: Pull) -> None:
    """GitHub says that who approved may not write."""
    for row in approvals.load_doubts(connection, NOW + 9e9, 9):
        locked = approvals.load_doubted(connection, row.id)
        if locked is not None and locked.build_id == pull.build:
            end_approval(connection, locked, "they may not", NOW)


def doubt_clears(connection: Connection, pull: Pull) -> None:
    for row in approvals.load_doubts(connection, NOW + 9e9, 9):
        locked = approvals.load_doubted(connection, row.id)
        if locked is not None and locked.build_id == pull.build:
            approvals.confirm(connection, locked.id, NOW)
            approvals.release(connection, locked.build_id)


def later(connection: Connection, pull: Pull) -> None:
    """A builder is free when it was long ago that GitHub said what the approver may."""
    query = select(run.c.id).where(run.c.id.in_(pull.runs(connection)), run.c.state == "queued")
    waiting = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if waiting:
        moves.lease(connection, [(number, "anvil") for number in waiting], NOW + 3600)


MOVES: dict[str, Move] = {
    "approve": lambda it, pull: approve(it, pull.build, pull.sha, ADA, NOW),
    "push": lambda it, pull: pull.tell(it, pull.event("synchronize", head_sha="e" * 30 + f"{pull.number:010x}")) and 0,
    "close": lambda it, pull: pull.tell(it, pull.event("closed")),
    "reopen": lambda it, pull: pull.tell(it, pull.event("reopened")) and 0,
    "retarget": lambda it, pull: pull.tell(it, pull.event("edited", base_ref="stable", retargeted=True)),
    "lease": lease,
    "later": later,
    "finish": finish,
    "lose": lose,
    "give back": give_back,
    "cancel": lambda it, pull: builds.cancel(it, pull.build, NOW, "enough"),
    "rerun": lambda it, pull: len(builds.rerun(it, pull.build, NOW)),
    "doubt ends": doubt_ends,
    "doubt clears": doubt_clears,
}
GRACE_APPROVES: Move = lambda it, pull: approve(it, pull.build, pull.sha, GRACE, NOW)  # noqa: E731

STANDS: dict[str, list[Move]] = {
    "held": [],
    "approved": [MOVES["approve"]],
    "approved long ago": [GRACE_APPROVES],
    "in doubt": [GRACE_APPROVES, later],
    "running": [MOVES["approve"], begin],
    "closed": [MOVES["close"]],
    "done": [MOVES["approve"], begin, finish],
}
"""How a pull request stands when the two moves are made."""

SUITS: dict[str, tuple[str, ...]] = {
    "held": ("approve", "push", "close", "retarget", "cancel"),
    "approved": ("push", "retarget", "lease", "cancel"),
    "approved long ago": ("push", "later", "lease"),
    "in doubt": ("approve", "push", "retarget", "doubt ends", "doubt clears"),
    "running": ("push", "finish", "lose", "give back", "cancel"),
    "closed": ("approve", "reopen", "rerun", "push"),
    "done": ("rerun", "push", "close", "reopen"),
}

EVENTS = frozenset({"push", "close", "reopen", "retarget"})


@pytest.fixture
def ring(postgres_url: str) -> Iterator[Ring]:
    ring = Ring(postgres_url)
    try:
        yield ring
    finally:
        ring.close()


class Scenes:
    """Makes pull requests that stand as they should, each with a number of its own."""

    def __init__(self, ring: Ring, stand: str) -> None:
        self._ring = ring
        self._stand = stand
        self._count = 0
        self._job = ring.alone(lambda it: keep_job(it, OURS, JobSettings(), NOW))

    def make(self) -> Pull:
        self._count += 1
        pull = Pull(self._job, self._count)
        pull = replace(pull, build=self._ring.alone(lambda it: pull.tell(it, pull.event("opened"))))
        for move in STANDS[self._stand]:
            self._ring.alone(lambda it, move=move: move(it, pull))
        return pull

    def play(self, first: str, second: str, *, swapped: bool = False) -> Any:
        """What comes of one move after the other; `swapped`: with the second one's answer in front."""
        pull = self.make()
        answers = [self._ring.alone(partial(MOVES[name], pull=pull)) for name in (first, second)]
        return answers[::-1] if swapped else answers, self.look(pull)

    def meet(self, first: str, second: str, point: int) -> tuple[bool, Any]:
        """What comes of both at once."""
        pull = self.make()
        one, two = (partial(MOVES[name], pull=pull) for name in (first, second))
        *answers, met = self._ring.meet(one, two, point)
        return met, (answers, self.look(pull))

    def look(self, pull: Pull) -> Any:
        """All that can be seen of a pull request, without its numbers."""

        def load(connection: Connection) -> Any:
            of_pull = build.c.pull_request == pull.number
            rows = connection.execute(select(build).where(of_pull).order_by(build.c.id)).all()
            names = {row.id: place for place, row in enumerate(rows)}
            runs = connection.execute(select(run).where(run.c.build_id.in_(names)).order_by(run.c.id)).all()
            asked = connection.execute(select(approval).where(approval.c.build_id.in_(names))).all()
            moved = gh_pull_request.c.head_sha != pull.sha
            told = select(moved, gh_pull_request.c.state, gh_pull_request.c.base_ref)
            return (
                [(row.state, row.result, row.runs_left, row.base_ref) for row in rows],
                sorted(
                    (names[one.build_id], one.attempt, one.state, str(one.result), str(one.builder), str(one.cancel))
                    for one in runs
                ),
                sorted(
                    (
                        names[one.build_id],
                        str(one.base_ref),
                        one.approved_at is not None,
                        str(one.why),
                        one.ask_at is not None,
                    )
                    for one in asked
                ),
                tuple(connection.execute(told.where(gh_pull_request.c.number == pull.number)).one()),
            )

        return self._ring.alone(load)


@pytest.mark.parametrize("stand", STANDS)
def test_two_moves_at_once_are_as_one_after_the_other(ring: Ring, stand: str) -> None:
    """Answers and rows; each pair both ways round."""
    scenes = Scenes(ring, stand)
    wrong: list[str] = []
    for first, second in product(SUITS[stand], repeat=2):
        if EVENTS.issuperset({first, second}) and (first, second) != ("push", "close"):
            continue  # what GitHub tells of one repository waits for each other at the first statement
        serial = [scenes.play(first, second), scenes.play(second, first, swapped=True)]
        for point in range(1, MOST):
            met, seen = scenes.meet(first, second, point)
            if not met:
                break
            if seen not in serial:
                wrong.append(f"{second} before statement {point} of {first}: {seen}, not {serial}")
    assert not wrong, "\n".join(wrong)


def test_the_victim_of_a_deadlock_is_done_again(postgres_url: str) -> None:
    """Two hubs that change two rows the wrong way round: nobody hears of it."""

    def tell(number: int, connection: Connection) -> None:
        label = Record(kind="label", key=(number,), version=Version(NOW, NOW), values={"name": str(number)})
        keep_records(connection, [label], via="api", now=NOW)

    with closing(Database(postgres_url)) as one, closing(Database(postgres_url)) as two:
        for number in (1, 2):
            one.write(partial(tell, number))
        both = threading.Barrier(2)

        def change(first: int, second: int, connection: Connection) -> int:
            tell(first, connection)
            if not both.broken:
                with suppress(threading.BrokenBarrierError):
                    both.wait(10)
                both.abort()
            tell(second, connection)
            return first

        with ThreadPoolExecutor(2) as threads:
            answers = [
                threads.submit(one.write, partial(change, 1, 2)),
                threads.submit(two.write, partial(change, 2, 1)),
            ]
            assert [answer.result(30) for answer in answers] == [1, 2]
