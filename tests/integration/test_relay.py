"""The relay on both databases: order per target, at least once, nobody slowed by another's trouble."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, select

from build_lives import Clock
from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import GitHubError, GitHubRefusedError, GitHubUnavailableError, RateLimitedError, StorageError
from hubwright.reports import Report, Reporter
from hubwright.reports.courier import LEASE
from hubwright.reports.relay import Relay
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.figures import Tally
from hubwright.store.report_leases import Lease, finish_reports, hold_targets
from hubwright.store.reports import load_standings
from hubwright.store.schema import fact as fact_table
from hubwright.store.schema import report
from waiting import until

DAY = 86_400


class Recorder:
    """A reporter that remembers what it sent; `troubles` of a target are raised or called first, one a time."""

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.sent: list[tuple[str, list[int]]] = []
        self.tries = 0
        self.troubles: dict[str, deque[Exception | Callable[[], object]]] = defaultdict(deque)

    def read_reports(self, fact: Fact) -> Sequence[Report]:
        if fact.data.get("trap"):
            raise ZeroDivisionError("a fault of the reporter")
        return [Report(str(fact.data["target"]), {"n": fact.data["n"]})]

    def send(self, target: str, bodies: Sequence[dict[str, Any]], said: dict[str, Any]) -> None:
        self.tries += 1
        said["tries"] = said.get("tries", 0) + 1
        if self.troubles[target]:
            trouble = self.troubles[target].popleft()
            if isinstance(trouble, Exception):
                raise trouble
            trouble()
        self.sent.append((target, [body["n"] for body in bodies]))

    def numbers(self, target: str) -> list[int]:
        """What arrived at the target."""
        return [number for name, numbers in list(self.sent) if name == target for number in numbers]


class Crowd(Recorder):
    """All of its targets are as quick."""

    together = 5

    def send_together(self, told: Mapping[str, Sequence[dict[str, Any]]]) -> Mapping[str, Exception]:
        failed: dict[str, Exception] = {}
        for target, bodies in told.items():
            try:
                self.send(target, bodies, {})
            except StorageError as error:
                failed[target] = error
        return failed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def relaying(
    database: Database, clock: Clock, *reporters: Reporter, owner: str = "hub", woken: list[str] | None = None
) -> Iterator[Relay]:
    relay = Relay(database, reporters, owner, clock, (woken if woken is not None else []).append)
    try:
        relay.enroll()
        yield relay
    finally:
        relay.close()


def tell(database: Database, target: str, *numbers: int, **more: object) -> None:
    """Let facts happen."""
    facts = [Fact(kind=FactKind.BUILD_QUEUED, at=1.0, data={"target": target, "n": n, **more}) for n in numbers]
    database.write(lambda connection: keep_facts(connection, facts))


def drain(relay: Relay) -> float | None:
    relay.drain_facts()
    return relay.drain_reports()


def rows(database: Database) -> list[Any]:
    with database.reading() as connection:
        return list(connection.execute(select(report).order_by(report.c.id)))


def test_every_fact_is_told_once_and_in_order(database: Database, clock: Clock) -> None:
    """Also over more than one batch, and only the first drain has something to do."""
    recorder, woken = Recorder(), []
    with relaying(database, clock, recorder, woken=woken) as relay:
        for start in (0, 300, 600):
            tell(database, "a", *range(start, start + 300))
        tell(database, "b", 7)
        assert drain(relay) is None
        assert recorder.numbers("a") == list(range(900))
        assert recorder.numbers("b") == [7]
        assert drain(relay) is None
    assert woken == ["reports"]
    assert {row.state for row in rows(database)} == {"done"}


def test_a_moment_between_two_microseconds_is_due(database: Database, clock: Clock) -> None:
    """The database rounds times up or down; a drain must not see as due what it then can't have."""
    recorder = Recorder()
    clock.now += 0.1234567
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1)
        assert (drain(relay) or clock.now) <= clock.now + 1e-6
        clock.now += 1e-6
        assert drain(relay) is None
    assert recorder.numbers("a") == [1]


def test_a_new_reporter_begins_at_the_newest_fact(database: Database, clock: Clock) -> None:
    """Nobody wants the statuses of last year when a reporter is switched on."""
    first, second = Recorder("first"), Recorder("second")
    with relaying(database, clock, first) as relay:
        tell(database, "a", 1)
        drain(relay)
    with relaying(database, clock, first, second) as relay:
        tell(database, "a", 2)
        drain(relay)
    assert (first.numbers("a"), second.numbers("a")) == ([1, 2], [2])


def test_a_new_reporter_may_be_told_everything(database: Database, clock: Clock) -> None:
    recorder = Recorder()
    tell(database, "a", 1, 2)
    relay = Relay(database, [recorder], "hub", clock, [].append)
    relay.enroll(after=0)
    drain(relay)
    relay.close()
    assert recorder.numbers("a") == [1, 2]


def test_a_restart_anywhere_neither_doubles_nor_loses(database: Database, clock: Clock) -> None:
    """R17: facts read by one process are sent by the next, and the cursor is the database's."""
    recorder = Recorder()
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1, 2)
        relay.drain_facts()
    with relaying(database, clock, recorder, owner="next") as relay:
        tell(database, "a", 3)
        drain(relay)
        drain(relay)
    assert recorder.numbers("a") == [1, 2, 3]


def test_several_processes_share_the_work(database: Database, clock: Clock) -> None:
    """Whoever is quicker: each report goes out once, and each target hears in order."""
    recorder = Recorder()
    targets = [f"t{number}" for number in range(10)]
    with (
        relaying(database, clock, recorder, owner="one") as one,
        relaying(database, clock, recorder, owner="two") as two,
    ):
        for number in range(6):
            for target in targets:
                tell(database, target, number)
            threads = [threading.Thread(target=drain, args=(relay,)) for relay in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        drain(one)
    assert {target: recorder.numbers(target) for target in targets} == {target: list(range(6)) for target in targets}


def test_a_failing_target_holds_back_only_itself(database: Database, clock: Clock) -> None:
    """buildbot#6950: what comes later to the same target waits behind, in order; the others go on."""
    recorder = Recorder()
    recorder.troubles["a"].extend([GitHubUnavailableError("down", 503)] * 3)
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1)
        tell(database, "b", 1)
        due = drain(relay)
        tell(database, "a", 2)
        tell(database, "b", 2)
        assert drain(relay) == due
        assert (recorder.numbers("a"), recorder.numbers("b")) == ([], [1, 2])
        for _ in range(3):
            assert due is not None
            assert clock.now < due <= clock.now + 20
            clock.now = due
            due = drain(relay)
        assert due is None
        assert recorder.numbers("a") == [1, 2]


def test_a_rate_limit_pauses_its_reporter_alone(database: Database, clock: Clock) -> None:
    """R17: nobody asks during the pause, and a pause is not an attempt."""
    limited, other = Recorder("limited"), Recorder("other")
    limited.troubles["a"].append(RateLimitedError("wait", 403, 600.0))
    with relaying(database, clock, limited, other) as relay:
        tell(database, "a", 1)
        assert drain(relay) == clock.now + 600
        tell(database, "a", 2)
        tell(database, "b", 1)
        assert drain(relay) == clock.now + 600
        assert (limited.tries, limited.sent) == (1, [])
        assert (other.numbers("a"), other.numbers("b")) == ([1, 2], [1])
        assert max(row.attempts for row in rows(database) if row.reporter == "limited") == 0
        clock.now += 600
        assert drain(relay) is None
        assert (limited.numbers("a"), limited.numbers("b")) == ([1, 2], [1])


def test_a_refusal_is_given_up_and_says_why(database: Database, clock: Clock) -> None:
    """What comes later to the same target is tried for itself; when it is told, nothing is missing any more."""
    recorder = Recorder()
    recorder.troubles["a"].append(GitHubRefusedError("No commit found for SHA: a", 422))
    why = "No commit found for SHA: a"
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1)
        assert drain(relay) is None
        assert [(row.state, row.error) for row in rows(database)] == [("failed", why)]
        with database.reading() as connection:
            assert [(one.waiting, one.failed) for one in load_standings(connection)] == [(0, 1)]
        tell(database, "a", 2)
        assert drain(relay) is None
    assert [(row.state, row.error) for row in rows(database)] == [("done", why), ("done", None)]


@pytest.mark.parametrize(
    "trouble", [GitHubRefusedError("Bad credentials", 401), KeyError("a fault of the reporter"), GitHubError("odd")]
)
def test_other_troubles_are_waited_out(database: Database, clock: Clock, trouble: Exception) -> None:
    """A wrong token is put right by a person; a fault of ours by the next version."""
    recorder = Recorder()
    recorder.troubles["a"].append(trouble)
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1)
        due = drain(relay)
        with database.reading() as connection:
            (standing,) = load_standings(connection)
        assert standing.waiting == 1
        assert str(trouble) in str(standing.error)
        assert due is not None
        clock.now = due
        assert drain(relay) is None
        assert recorder.numbers("a") == [1]


def test_nothing_is_given_up_before_a_day_has_passed(sqlite_url: str, clock: Clock) -> None:
    """Then it is, so that nothing is tried for ever."""
    with opened(sqlite_url) as database:
        recorder = Recorder()
        recorder.troubles["a"].extend([GitHubUnavailableError("down", 503)] * 1000)
        with relaying(database, clock, recorder) as relay:
            tell(database, "a", 1)
            start = clock.now
            while (due := drain(relay)) is not None:
                assert due - clock.now <= 900
                clock.now = due
        assert DAY < clock.now - start < 1.5 * DAY
        assert [(row.state, row.error) for row in rows(database)] == [("failed", "down")]


def test_a_fact_that_a_reporter_stumbles_over_is_passed_by(database: Database, clock: Clock) -> None:
    recorder = Recorder()
    unknown = {"kind": "FromTheFuture", "at": 1.0, "data": {}}
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1, trap=True)
        database.write(lambda connection: connection.execute(insert(fact_table).values(unknown)))
        tell(database, "a", 2)
        assert drain(relay) is None
    assert recorder.numbers("a") == [2]


def test_what_a_killed_process_was_sending_is_taken_over(database: Database, clock: Clock) -> None:
    """R17: its lease ends within half a minute, and until then the target waits: order before speed."""
    recorder = Recorder()
    with relaying(database, clock, recorder) as relay:
        tell(database, "a", 1)
        relay.drain_facts()
        lease = Lease("dead", clock.now, clock.now + LEASE)
        held = database.write(partial(hold_targets, name="recorder", targets=["a"], lease=lease, limit=10))
        assert [one.target for one in held] == ["a"]
        tell(database, "a", 2)
        assert drain(relay) == pytest.approx(clock.now + LEASE)
        clock.now += LEASE
        assert drain(relay) is None
        assert recorder.numbers("a") == [1, 2]
        assert not database.write(lambda connection: finish_reports(connection, held, "dead", clock.now))


def test_targets_that_are_told_together_are_each_told_once_and_fail_alone(database: Database, clock: Clock) -> None:
    """Eight threads with five targets each are more than there are; what fails is told again without the others."""
    recorder = Crowd()
    recorder.troubles["7"].append(StorageError("full"))
    with relaying(database, clock, recorder) as relay:
        for number in range(60):
            tell(database, str(number), number)
        due = drain(relay)
        assert due is not None
        assert sorted(number for _, numbers in recorder.sent for number in numbers) == [*range(7), *range(8, 60)]
        assert [row.target for row in rows(database) if row.state != "done"] == ["7"]
        clock.now = due
        assert drain(relay) is None
    assert recorder.numbers("7") == [7]
    assert {row.state for row in rows(database)} == {"done"}


def test_a_slow_target_keeps_its_lease_and_nobody_waits_for_it(database: Database, clock: Clock) -> None:
    """buildbot#6950: reports that come while one hangs go out at once, and no other process repeats the one."""
    gate, recorder = threading.Event(), Recorder()
    recorder.troubles["slow"].append(lambda: gate.wait(20))
    with (
        relaying(database, clock, recorder, owner="one") as one,
        relaying(database, clock, recorder, owner="two") as two,
    ):
        tell(database, "slow", 1)
        draining = threading.Thread(target=drain, args=(one,))
        draining.start()
        until(lambda: recorder.tries == 1)
        for number in range(5):
            clock.now += LEASE / 2  # in all more than two leases
            tell(database, "quick", number)
            one.drain_facts()
            until(lambda known=number: recorder.numbers("quick") == list(range(known + 1)))
            until(lambda now=clock.now: rows(database)[0].next_try_at > now)
            drain(two)
        gate.set()
        draining.join()
    assert recorder.numbers("slow") == [1]


def test_a_reporter_that_hangs_delays_no_other(database: Database, clock: Clock) -> None:
    """R26: it may fill all its own threads."""
    gate, hanging, other = threading.Event(), Recorder("hanging"), Recorder("other")
    with relaying(database, clock, hanging, other) as relay:
        for number in range(20):
            hanging.troubles[f"t{number}"].append(lambda: gate.wait(20))
            tell(database, f"t{number}", number)
        draining = threading.Thread(target=drain, args=(relay,))
        draining.start()
        until(lambda: len(other.sent) == 20)
        assert hanging.sent == []
        gate.set()
        draining.join()
    assert len(hanging.sent) == 20


def test_the_memory_of_a_target_outlives_failures_and_restarts(database: Database, clock: Clock) -> None:
    """What a reporter said is kept however the call ended, target by target."""
    recorder, seen = Recorder(), []
    recorder.troubles["a"].extend([GitHubUnavailableError("down", 503), GitHubRefusedError("no", 422)])
    for number in range(4):
        with relaying(database, clock, recorder, owner=f"p{number}") as relay:
            tell(database, "a", number)
            clock.now = drain(relay) or clock.now
            seen.append(rows(database)[-1].body["said"]["tries"])
    assert seen == [1, 2, 3, 4]


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def test_what_came_of_each_report_is_counted(database: Database, clock: Clock) -> None:
    """Told, tried again, kept quiet, given up: by the number of reports, not of calls."""
    recorder, tally = Recorder(), Tally()
    recorder.troubles["away"].append(GitHubUnavailableError("502"))
    recorder.troubles["gone"].append(GitHubRefusedError("404", 404))
    relay = Relay(database, [recorder], "hub", clock, [].append, tally=tally)
    relay.enroll()
    for target in ("well", "away", "gone"):
        tell(database, target, 1, 2)
    drain(relay)
    recorder.troubles["away"].append(RateLimitedError("slowly", 429, 60.0))
    clock.now += 3600
    drain(relay)
    relay.close()
    outcomes = {labels[1]: amount for (_, labels), amount in tally.take().items()}
    assert outcomes == {"told": 2, "delayed": 2, "given_up": 2, "paused": 2}
