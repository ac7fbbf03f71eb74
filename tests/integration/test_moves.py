"""The moves of runs and builds: every run ends once, truly, in whatever order its messages come (R13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from build_lives import RECIPE, Clock, Lives
from hub_parts import rows
from hubwright.domain.results import Result, verdict
from hubwright.errors import ConflictError, NotFoundError, WireError
from hubwright.hub import moves
from hubwright.hub.builds import cancel, rerun
from hubwright.hub.moves import Told
from hubwright.store import runs as store_runs
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.wire import Case, Event, Job
from hubwright.wire import Result as ResultMessage
from hubwright.wire import Tests as CasesMessage
from tables import with_tables

TWO = "platforms: [linux, macos]\n" + RECIPE


@pytest.fixture
def lives(database: Database) -> Lives:
    return Lives(database, Clock())


def tell(lives: Lives, *messages: Any, builder: str = "anvil") -> list[moves.Applied]:
    told = [Told(builder, message, lives.clock()) for message in messages]
    return lives.database.write(lambda connection: moves.apply_messages(connection, told))


def ended(run: int, seq: int, *, lease: int = 1, result: str = "success", **more: Any) -> ResultMessage:
    return ResultMessage(run=run, lease=lease, seq=seq, at=1.0, result=result, **more)


def facts_of(lives: Lives, kind: str) -> list[Any]:
    return rows(lives.database, schema.fact, kind=kind)


def the_build(lives: Lives, number: int) -> Any:
    return rows(lives.database, schema.build, id=number)[0]


def the_run(lives: Lives, number: int) -> Any:
    return rows(lives.database, schema.run, id=number)[0]


def test_a_message_that_comes_again_changes_nothing_and_is_acknowledged(lives: Lives) -> None:
    """A builder resends what was not acknowledged: test cases must not count twice, nor the end."""
    build = lives.build("a" * 40, recipe=TWO)
    first, _ = lives.runs(build)
    lives.start(first)
    tests = CasesMessage(
        run=first, lease=1, seq=1, stage=0, cases=(Case(suite="s", classname="c", name="n", result="passed"),)
    )
    assert tell(lives, tests, tests) == [moves.Applied(held=True), moves.Applied(held=True)]
    assert tell(lives, tests, ended(first, 2), ended(first, 2)) == [
        moves.Applied(held=True),
        moves.Applied(held=True, ended=True),
        moves.Applied(held=False),
    ]
    assert tell(lives, ended(first, 2)) == [moves.Applied(held=False)]
    assert the_run(lives, first).tests_total == 1
    assert the_build(lives, build).runs_left == 1
    assert len(facts_of(lives, "RunFinished")) == 1


def test_messages_after_a_gap_are_not_applied_but_asked_for(lives: Lives) -> None:
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    assert tell(lives, ended(run, 3)) == [moves.Applied(held=True, gap=True)]
    assert the_run(lives, run).seq == 0
    assert the_run(lives, run).state == "running"


@pytest.mark.parametrize(("lease", "builder"), [(2, "anvil"), (0, "anvil"), (1, "impostor")])
def test_only_the_holder_of_the_lease_is_heard(lives: Lives, lease: int, builder: str) -> None:
    """R4, S24: a builder that thawed, or another one, can neither end a run nor write to it."""
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    assert tell(lives, ended(run, 1, lease=lease), builder=builder) == [moves.Applied(held=False)]
    assert tell(lives, ended(10**9, 1)) == [moves.Applied(held=False)]
    assert the_run(lives, run).state == "running"


def test_a_result_that_nobody_knows_is_refused_and_leaves_nothing(lives: Lives) -> None:
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    with pytest.raises(WireError, match="splendid"):
        tell(lives, ended(run, 1, result="splendid", stage=0))
    assert the_run(lives, run).seq == 0


def test_stages_that_never_began_are_skipped_and_one_that_ran_shares_the_runs_fate(lives: Lives) -> None:
    build = lives.build("a" * 40, recipe=RECIPE + "  - docs: make docs\n")
    (run,) = lives.runs(build)
    lives.start(run)
    tell(lives, Job(run=run, lease=1, seq=1, at=1.0, stage=0, log=5), ended(run, 2, stage=0, exit_code=0, log=9))
    tell(lives, Job(run=run, lease=1, seq=3, at=1.0, stage=1), Event(run=run, lease=1, seq=4, at=1.0, event="warning"))
    tell(lives, ended(run, 5, result="timeout", detail="too long", log=20))
    stages = rows(lives.database, schema.stage, run_id=run)
    assert [stage.result for stage in stages] == ["success", "timeout", "skip"]
    assert (the_run(lives, run).log_size, the_run(lives, run).detail) == (20, "too long")
    assert (the_build(lives, build).state, the_build(lives, build).result) == ("finished", "timeout")


def lose(lives: Lives, run: int) -> None:
    def work(connection: Connection) -> None:
        (row,) = store_runs.load_runs(connection, [run])
        moves.keep_facts(connection, moves.lose_run(connection, row, lives.clock(), "lost"))

    lives.database.write(work)


def test_a_lost_run_is_begun_once_more_and_then_ends_as_an_error(lives: Lives) -> None:
    """R3: one automatic retry, with a new attempt number."""
    build = lives.build("a" * 40)
    (first,) = lives.runs(build)
    lives.start(first)
    lose(lives, first)
    (second,) = lives.runs(build)
    assert (the_run(lives, first).result, the_run(lives, first).latest) == ("error", False)
    assert (the_run(lives, second).state, the_run(lives, second).attempt) == ("queued", 2)
    assert (the_build(lives, build).state, the_build(lives, build).runs_left) == ("running", 1)
    stages = [[stage.name for stage in rows(lives.database, schema.stage, run_id=run)] for run in (first, second)]
    assert stages[0] == stages[1] == ["build", "test"]
    lives.start(second)
    lose(lives, second)
    assert lives.runs(build) == [second]
    assert (the_build(lives, build).state, the_build(lives, build).result) == ("finished", "error")


def test_a_lost_run_that_was_to_be_cancelled_is_not_begun_again(lives: Lives) -> None:
    build = lives.build("a" * 40)
    (run,) = lives.runs(build)
    lives.start(run)
    lives.cancel(build, "not needed")
    lose(lives, run)
    assert (the_build(lives, build).state, the_build(lives, build).result) == ("finished", "cancellation")


def put_back(lives: Lives, run: int) -> None:
    def work(connection: Connection) -> None:
        (row,) = store_runs.load_runs(connection, [run])
        moves.keep_facts(connection, moves.put_back(connection, row, lives.clock()))

    lives.database.write(work)


def test_what_was_never_begun_waits_again_and_what_was_begun_is_a_new_attempt(lives: Lives) -> None:
    """Stages, tests and log of a begun run must not be mixed with those of its second try."""
    never, begun = lives.build("a" * 40), lives.build("b" * 40)
    (idle,), (busy,) = lives.runs(never), lives.runs(begun)
    lives.start(idle)
    lives.start(busy)
    tell(lives, Job(run=busy, lease=1, seq=1, at=1.0, stage=0))
    put_back(lives, idle)
    put_back(lives, busy)
    assert (the_run(lives, idle).state, the_run(lives, idle).builder) == ("queued", None)
    assert the_run(lives, busy).result == "error"
    assert lives.runs(begun) != [busy]


def test_a_run_that_is_never_begun_does_not_go_round_for_ever(lives: Lives) -> None:
    """It breaks every builder that takes it: after some leases its attempt ends."""
    build = lives.build("a" * 40)
    for _ in range(moves.ATTEMPTS * moves.LEASES):
        (run,) = lives.runs(build)
        lives.start(run)
        put_back(lives, run)
    assert (the_build(lives, build).state, the_build(lives, build).result) == ("finished", "error")


def test_cancelling_ends_what_waits_at_once_and_tells_what_runs(lives: Lives) -> None:
    build = lives.build("a" * 40, recipe=TWO)
    first, second = lives.runs(build)
    lives.start(first)
    lives.cancel(build, "Cancelled by ada.")
    assert (the_run(lives, second).state, the_run(lives, second).result) == ("finished", "cancellation")
    assert (the_run(lives, first).state, the_run(lives, first).cancel) == ("running", "Cancelled by ada.")
    assert the_build(lives, build).runs_left == 1
    lives.end(first, 0, 0)
    assert the_build(lives, build).result == "cancellation"
    with pytest.raises(ConflictError):
        lives.cancel(build, "again")
    with pytest.raises(NotFoundError):
        lives.cancel(10**9, "nothing")


def test_running_again_gives_the_newest_attempts_verdict(lives: Lives) -> None:
    """R13: the build is finished again only when its new attempts are, and is as they are."""
    build = lives.build("a" * 40, recipe=TWO)
    first, second = lives.runs(build)
    lives.start(first)
    lives.end(first, 0, 0)
    lives.start(second)
    lives.end(second, 0, 1)
    assert the_build(lives, build).result == "failure"
    lives.database.write(lambda connection: rerun(connection, build, lives.clock(), failed_only=True))
    row = the_build(lives, build)
    assert (row.state, row.result, row.runs_left, row.finished_at) == ("queued", None, 1, None)
    (third,) = set(lives.runs(build)) - {first}
    assert the_run(lives, third).attempt == 2
    lives.start(third)
    lives.end(third, 0, 0)
    assert the_build(lives, build).result == "success"
    with pytest.raises(ConflictError):
        lives.database.write(lambda connection: rerun(connection, build, lives.clock(), failed_only=True))


# --- whatever happens, in whatever order

STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from(["success", "failure", "error", "timeout"])),
    min_size=1,
    max_size=25,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """One SQLite database for all examples: each has a build of its own."""
    database = Database(with_tables(f"sqlite:///{tmp_path_factory.mktemp('moves')}/hubwright.db"))
    yield Lives(database, Clock())
    database.close()


def act(connection: Connection, lives: Lives, build: int, step: tuple[int, int, str]) -> None:
    """One thing that may happen to a build: messages true, doubled, stale or early; losses, cancels, reruns."""
    kind, pick, _ = step
    newest = store_runs.load_newest(connection, build)
    row = newest[pick % len(newest)]
    now = lives.clock()
    if kind < 3 and row.state == "queued":
        moves.lease(connection, [(row.id, f"builder{pick}")], now)
    elif kind < 7:
        hear(connection, row, step, now)
    elif kind == 7 and row.state == "running":
        lost = moves.put_back(connection, row, now) if pick % 2 else moves.lose_run(connection, row, now, "lost")
        moves.keep_facts(connection, lost)
    elif kind == 8 and any(one.state != "finished" for one in newest):
        cancel(connection, build, now, "why not")
    elif kind == 9 and any(one.state == "finished" for one in newest):
        rerun(connection, build, now)


def hear(connection: Connection, row: Any, step: tuple[int, int, str], now: float) -> None:
    """A message, twice: the end of the run or of a stage, of this lease or an older one, in its place or too early."""
    kind, pick, result = step
    stage = 0 if kind == 5 else None
    lease = row.lease - 1 if kind == 6 and pick % 2 else row.lease
    seq = row.seq + (2 if kind == 6 else 1)
    message = ended(row.id, seq, lease=lease, result=result, stage=stage)
    told = Told(row.builder or "anvil", message, now)
    moves.apply_messages(connection, [told, told])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_run_ends_once_and_the_build_is_as_its_newest_attempts(shared: Lives, steps: list[Any]) -> None:
    """R13: over any sequence of events, doubled, reordered or stale; then everything left is worked off."""
    lives = shared
    build = lives.build("a" * 40, recipe=TWO)

    def check(connection: Connection) -> None:
        newest = store_runs.load_newest(connection, build)
        row = connection.execute(schema.build.select().where(schema.build.c.id == build)).one()
        left = sum(one.state != "finished" for one in newest)
        assert row.runs_left == left
        assert (row.state == "finished") is (left == 0)
        if left == 0:
            assert row.result == verdict(Result(one.result) for one in newest).value

    def live(connection: Connection) -> None:
        for step in steps:
            act(connection, lives, build, step)
            check(connection)
        for _ in range(10):
            for row in store_runs.load_newest(connection, build):
                if row.state == "queued":
                    moves.lease(connection, [(row.id, "last")], lives.clock())
                elif row.state == "running":
                    message = ended(row.id, row.seq + 1, lease=row.lease)
                    moves.apply_messages(connection, [Told(row.builder, message, lives.clock())])
        check(connection)
        assert all(one.state == "finished" for one in store_runs.load_newest(connection, build))

    def look_back(connection: Connection) -> None:
        finished = schema.fact.select().where(schema.fact.c.build_id == build, schema.fact.c.kind == "RunFinished")
        told = [one.run_id for one in connection.execute(finished)]
        assert len(told) == len(set(told))
        attempts = connection.execute(schema.run.select().where(schema.run.c.build_id == build)).all()
        assert set(told) == {one.id for one in attempts}

    lives.database.write(live)
    lives.database.write(look_back)


def test_builds_of_a_branch_that_end_in_one_transaction_go_on_from_each_other(lives: Lives) -> None:
    """Many ends are written together: the second of a branch has the first before it, which no fact tells of yet."""
    first, second = (lives.build(sha * 40) for sha in "ab")
    (one,), (two,) = lives.runs(first), lives.runs(second)
    lives.start(one)
    lives.start(two)
    tell(lives, ended(one, 1, result="failure"), ended(two, 1, result="failure"))
    broken, still = (fact.data["streak"] for fact in facts_of(lives, "BuildFinished"))
    assert (broken["turn"], broken["since"]) == ("broken", first)
    assert (still["turn"], still["since"]) == ("still-failing", first)
