"""Deliveries are understood in their order, side by side, and nothing that one of them does stops the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from build_lives import Clock
from hub_parts import RECIPE, Desk, open_desk, rows, wait_for_lanes
from hubwright.hub import intake as module
from hubwright.store import schema
from hubwright.store.database import Database
from server_programs import OwnPostgresql
from waiting import until

FILE = ".hubwright.yml"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def states(desk: Desk) -> list[str]:
    return [row.state for row in rows(desk.database, schema.delivery)]


def test_a_push_becomes_builds_and_the_delivery_says_so(desk: Desk) -> None:
    repository = desk.repository()
    number = desk.deliver("push", repository.push({FILE: RECIPE}))
    desk.work()
    row = desk.delivery(number)
    assert (row.state, row.outcome, row.repository, row.attempts) == ("done", "1 build", "octo/hello", 1)
    assert len(desk.runs()) == 1
    assert {"runs", "facts"} <= set(desk.woken)


def test_deliveries_of_a_repository_are_understood_in_their_order(desk: Desk) -> None:
    """Whatever lane they take, the branch stands where the last push left it and numbers rise."""
    repositories = [desk.repository(f"octo/r{number}") for number in range(3)]
    pushed: dict[str, list[str]] = {}
    for number in range(8):
        for repository in repositories:
            payload = repository.push({FILE: RECIPE, "a": str(number)}, f"m{number}")
            pushed.setdefault(repository.full_name, []).append(payload["after"])
            desk.deliver("push", payload)
    desk.work()
    for full_name, shas in pushed.items():
        built = sorted(desk.builds(repository=full_name), key=lambda row: row.number)
        assert [row.sha for row in built] == shas
        (known,) = rows(desk.database, schema.gh_repository, full_name=full_name)
        (branch,) = rows(desk.database, schema.gh_branch, repository_id=known.id)
        assert branch.sha == shas[-1]


def test_unknown_events_are_kept_and_start_nothing(desk: Desk) -> None:
    repository = desk.repository()
    numbers = [
        desk.deliver("sponsorship_of_the_future", {"action": "made", "repository": repository.describe()}),
        desk.deliver("ping", {"zen": "Keep it simple."}),
        desk.deliver("star", {"repository": "not even an object"}),
    ]
    desk.work()
    assert [(desk.delivery(number).state, desk.delivery(number).outcome) for number in numbers] == [
        ("done", "kept")
    ] * 3
    assert desk.builds() == []


@pytest.mark.parametrize("body", [b"not zlib at all", b""])
def test_a_row_that_can_not_be_read_stops_no_other(desk: Desk, body: bytes) -> None:
    """R12: one corrupt queue row; it is tried again and given up, with the reason."""
    repository = desk.repository()
    bad = desk.deliver("push", {})
    desk.database.write(
        lambda connection: connection.execute(
            update(schema.delivery).where(schema.delivery.c.id == bad).values(body=body)
        )
    )
    good = desk.deliver("push", repository.push({FILE: RECIPE}))
    desk.work()
    assert desk.delivery(good).state == "done"
    for _ in range(module.TRIES):
        desk.clock.now += 1000
        desk.work()
    assert desk.delivery(bad).state == "failed"
    assert desk.delivery(bad).error
    assert [row.kind for row in rows(desk.database, schema.fact)].count("DeliveryFailed") == 1


def test_what_lacks_its_meaning_is_given_up_at_once(desk: Desk) -> None:
    number = desk.deliver("push", {"ref": "refs/heads/main"})
    odd = desk.deliver("manual", {"job_path": "x"}, source="manual")
    desk.work()
    assert desk.delivery(number).state == "failed"
    assert "repository" in desk.delivery(number).error
    assert desk.delivery(odd).state in {"waiting", "failed"}


def refuse_login(database: Database, login: str) -> None:
    """Have the database itself refuse a row."""
    if database.dialect == "sqlite":
        raising = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        rule = f"CREATE TRIGGER refused BEFORE INSERT ON gh_user WHEN NEW.login = '{login}' {raising}"
    else:
        rule = f"ALTER TABLE gh_user ADD CONSTRAINT refused CHECK (login <> '{login}')"
    database.write(lambda connection: connection.exec_driver_sql(rule))


def test_one_delivery_that_can_not_be_written_harms_no_neighbour(desk: Desk) -> None:
    """R12: written together, tried apart."""
    repository = desk.repository()
    refuse_login(desk.database, "poison")
    payloads = [repository.push({FILE: RECIPE, "a": str(number)}, f"m{number}") for number in range(5)]
    payloads[2]["sender"] = {"id": 7, "login": "poison"}
    numbers = [desk.deliver("push", payload) for payload in payloads]
    desk.work()
    assert [desk.delivery(number).state for number in numbers] == ["done", "done", "waiting", "done", "done"]


def test_one_bad_delivery_of_a_batch_costs_no_other(desk: Desk) -> None:
    """R12: what only tells news is written by the hundred; the bad one is found by halving, and alone tried again."""
    repository = desk.repository().describe()
    refuse_login(desk.database, "poison")
    numbers = []
    for number in range(40):
        sender = {"id": 100 + number, "login": "poison" if number == 23 else f"u{number}"}
        label = {"id": 500 + number, "name": f"l{number}"}
        payload = {"action": "created", "label": label, "repository": repository, "sender": sender}
        numbers.append(desk.deliver("label", payload))
    desk.work()
    ended = [desk.delivery(number) for number in numbers]
    assert [number for number, row in enumerate(ended) if row.state != "done"] == [23]
    assert ended[23].state == "waiting"
    assert "refused" in ended[23].error
    assert len(rows(desk.database, schema.gh_label)) == 39
    assert {row.attempts for row in ended} == {1}


def test_a_slow_repository_delays_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = desk.repository("octo/slow"), desk.repository("octo/quick")
    release = threading.Event()
    fetch = desk.mirrors.fetch

    def fetch_slowly(origin: Any, sha: str, ref: str) -> None:
        if origin.repository == "octo/slow":
            assert release.wait(20)
        fetch(origin, sha, ref)

    monkeypatch.setattr(desk.mirrors, "fetch", fetch_slowly)
    held = [desk.deliver("push", slow.push({FILE: RECIPE, "a": str(number)})) for number in range(3)]
    number = desk.deliver("push", quick.push({FILE: RECIPE}))
    desk.intake.drain()
    until(lambda: desk.delivery(number).state == "done")
    assert {desk.delivery(one).state for one in held} == {"leased"}
    release.set()
    wait_for_lanes(desk.intake)
    assert {desk.delivery(one).state for one in held} == {"done"}


def test_a_delivery_that_came_while_a_clock_was_an_hour_ahead_is_understood_at_once(desk: Desk) -> None:
    """R15: whoever understands it may have another clock than the hub that took it in."""
    desk.clock.now += 3600
    number = desk.deliver("push", desk.repository().push({FILE: RECIPE}))
    desk.clock.now -= 3600
    desk.work()
    assert desk.delivery(number).state == "done"


def test_an_unreachable_repository_is_tried_again_and_at_last_given_up(desk: Desk) -> None:
    """The pauses grow; in the end its builds are errors, and the delivery is done."""
    repository = desk.repository()
    number = desk.deliver("push", repository.push({FILE: RECIPE}))
    repository.path.rename(repository.path.with_suffix(".away"))
    pauses = []
    for _ in range(module.TRIES - 1):
        desk.work()
        row = desk.delivery(number)
        assert row.state == "waiting"
        assert "can't be fetched" in row.error
        pauses.append(row.next_try_at - desk.clock())
        desk.clock.now = row.next_try_at
    assert pauses == sorted(pauses)
    assert 1 < pauses[0] < 3
    assert sum(pauses) < 3600
    desk.work()
    assert desk.delivery(number).state == "done"
    (build,) = desk.builds()
    assert (build.state, build.result) == ("finished", "error")


def test_a_delivery_given_up_after_it_waited_leaves_no_build_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First its repository is away, so its build shows and waits; then a fault of ours ends it: so ends the build."""
    repository = desk.repository()
    number = desk.deliver("push", repository.push({FILE: RECIPE}))
    repository.path.rename(repository.path.with_suffix(".away"))
    desk.work()
    assert [build.state for build in desk.builds()] == ["queued"]

    def break_down(*_: Any) -> None:
        raise ZeroDivisionError("our fault")

    monkeypatch.setattr(desk.mirrors, "fetch", break_down)
    for _ in range(module.TRIES - 1):
        desk.clock.now = desk.delivery(number).next_try_at
        desk.work()
    assert desk.delivery(number).state == "failed"
    (build,) = desk.builds()
    assert (build.state, build.result) == ("finished", "error")
    assert "our fault" in build.problem


def test_leases_are_renewed_while_a_fetch_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other process takes a delivery whose repository is merely large."""
    monkeypatch.setattr(module, "LEASE", 0.3)

    class Now(Clock):
        def __call__(self) -> float:
            return time.time()

    with open_desk(database, tmp_path, Now()) as desk:
        repository = desk.repository()
        number = desk.deliver("push", repository.push({FILE: RECIPE}))
        release = threading.Event()
        monkeypatch.setattr(desk.mirrors, "fetch", lambda *_: release.wait(20))
        desk.intake.drain()
        begun = desk.delivery(number).lease_until
        until(lambda: desk.delivery(number).lease_until > begun + 0.3)
        assert desk.delivery(number).attempts == 1
        release.set()
        monkeypatch.undo()
        wait_for_lanes(desk.intake)


def test_what_a_killed_process_held_is_done_by_the_next(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    with open_desk(database, tmp_path, clock) as desk:
        repository = desk.repository()
        number = desk.deliver("push", repository.push({FILE: RECIPE}))
        held = {"state": "leased", "lease_owner": "the dead", "lease_until": clock() + 5, "next_try_at": clock() + 5}
        database.write(
            lambda connection: connection.execute(
                update(schema.delivery).where(schema.delivery.c.id == number).values(held)
            )
        )
        assert desk.intake.drain() == pytest.approx(clock() + 5)
        clock.now += 6
        desk.work()
        assert desk.delivery(number).state == "done"


def test_more_deliveries_than_memory_holds_are_all_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood waits as rows; the drain takes in portions."""
    monkeypatch.setattr(module, "BATCH", 7)
    numbers = [desk.deliver("ping", {"zen": str(number)}) for number in range(40)]
    desk.work()
    assert len(numbers) == 40
    assert set(states(desk)) == {"done"}


def test_intake_waits_out_a_database_that_is_away(tmp_path: Path) -> None:
    """R6: what is being understood when the server dies is written when it is back, without a restart."""
    server = OwnPostgresql(tmp_path)
    server.start()
    database = Database(server.url)
    try:
        database.write(schema.metadata.create_all)
        with open_desk(database, tmp_path) as desk:
            repository = desk.repository()
            number = desk.deliver("push", repository.push({FILE: RECIPE}))
            fetched, release = threading.Event(), threading.Event()
            fetch = desk.mirrors.fetch

            def fetch_later(origin: Any, sha: str, ref: str) -> None:
                fetched.set()
                assert release.wait(30)
                fetch(origin, sha, ref)

            desk.mirrors.fetch = fetch_later  # type: ignore[method-assign]
            desk.intake.drain()
            assert fetched.wait(20)
            server.kill()
            release.set()
            with pytest.raises(Exception, match="connection"):
                database.write(lambda connection: connection.execute(text("SELECT 1")))
            server.start()
            until(lambda: desk.delivery(number).state == "done", 30)
            assert len(desk.builds()) == 1
    finally:
        server.kill()
        database.close()
