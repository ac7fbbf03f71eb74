"""Joining, names and wishes of builders, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from build_lives import Clock, Lives
from hub_parts import held, make_hello, rows
from hubwright.errors import ConflictError, ForbiddenError, HubwrightError, RefusedError, UnauthenticatedError
from hubwright.hub import fleet
from hubwright.hub.arrivals import Arrival, Greeting, greet
from hubwright.store import builders, schema
from hubwright.store.database import Database
from hubwright.store.tokens import Bounds, keep_join, keep_token

NOW = 1_000.0


def new_join(database: Database, secret: str = "j", expires: float | None = None, **bounds: Any) -> str:
    within = Bounds(**bounds)
    return database.write(lambda connection: keep_join(connection, secret, bounds=within, now=NOW, expires=expires))


def join(database: Database, text: str, name: str = "anvil", secret: str = "own", now: float = NOW) -> fleet.Joined:
    return database.write(lambda connection: fleet.join(connection, text, secret, name, now))


def arrive(database: Database, *arrivals: Arrival) -> list[Greeting | RefusedError]:
    return database.write(lambda connection: greet(connection, list(arrivals)))


def token_of(database: Database, name: str) -> int:
    (row,) = [row for row in rows(database, schema.token, builder=name) if row.revoked_at is None]
    return int(row.id)


def test_of_two_that_join_at_once_with_one_token_one_wins(database: Database) -> None:
    """Each in a transaction of its own, over a connection of its own (two hubs)."""
    text = new_join(database)
    other = Database(database.url)
    outcomes: list[object] = []
    ready = threading.Barrier(2)

    def go(mine: Database, name: str) -> None:
        ready.wait(10)
        try:
            outcomes.append(join(mine, text, name, secret=name))
        except HubwrightError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=go, args=pair) for pair in ((database, "one"), (other, "two"))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        other.close()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Joined", "UnauthenticatedError"]
    assert len([row for row in rows(database, schema.token) if row.role == "builder"]) == 1


def test_of_two_tokens_for_one_name_at_once_one_wins(database: Database) -> None:
    """The name's second token breaks a unique index, also when nobody saw the first."""
    database.write(lambda connection: fleet.tokens.keep_builder(connection, "a", "anvil", None, NOW))
    with pytest.raises(IntegrityError):
        database.write(lambda connection: fleet.tokens.keep_builder(connection, "b", "anvil", None, NOW))


def test_a_join_token_grows_old(database: Database) -> None:
    text = new_join(database, expires=NOW + 60)
    with pytest.raises(UnauthenticatedError):
        join(database, text, now=NOW + 61)
    assert join(database, text, now=NOW + 59).name == "anvil"


def test_a_refused_join_leaves_its_token_of_use(database: Database) -> None:
    join(database, new_join(database, "1"))
    text = new_join(database, "2")
    with pytest.raises(ConflictError):
        join(database, text, secret="x")
    assert join(database, text, "bellows", secret="y").name == "bellows"


def test_an_own_token_is_for_its_name_and_within_its_bounds(database: Database) -> None:
    """S22: neither another's name nor a label or platform that was not given (CVE-2026-50141)."""
    join(database, new_join(database, platform="linux", labels=("fast",)))
    mine = token_of(database, "anvil")

    def refused(hello: Any, token: int | None) -> bool:
        (answer,) = arrive(database, Arrival(hello, token, NOW))
        return isinstance(answer, ForbiddenError)

    assert refused(make_hello("bellows"), mine)
    assert refused(make_hello("anvil", platform="mac"), mine)
    assert refused(make_hello("anvil", labels=("fast", "secret")), mine)
    (greeting,) = arrive(database, Arrival(make_hello("anvil"), mine, NOW))
    assert isinstance(greeting, Greeting)
    assert greeting.hello.labels == ("fast",)
    shared = database.write(lambda connection: keep_token(connection, "s", name="s", role="builder", now=NOW))
    (row,) = [row for row in rows(database, schema.token) if row.name == "s"]
    assert shared
    assert refused(make_hello("anvil"), row.id)
    assert rows(database, schema.builder, name="bellows") == []


def test_a_revoked_token_lets_nobody_in(database: Database) -> None:
    """Even while the gate still remembers it."""
    join(database, new_join(database))
    mine = token_of(database, "anvil")
    database.write(lambda connection: fleet.revoke(connection, mine, NOW))
    (answer,) = arrive(database, Arrival(make_hello("anvil"), mine, NOW + 1))
    assert isinstance(answer, UnauthenticatedError)
    assert join(database, new_join(database, "2"), secret="again").name == "anvil"


def test_many_that_arrive_at_once_are_each_judged_alone(database: Database) -> None:
    """R24: one bad hello among a hundred; those that hold runs keep them."""
    lives = Lives(database, Clock())
    (run,) = lives.runs(lives.build("a" * 40))
    lives.start(run, "b7")
    arrivals = [Arrival(make_hello(f"b{number}"), None, NOW) for number in range(100)]
    arrivals[7] = Arrival(make_hello("b7", runs=(held(run),)), None, NOW)
    arrivals[50] = Arrival(make_hello("b50"), 999, NOW)
    answers = arrive(database, *arrivals)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, RefusedError)] == [50]
    assert [list(answer.held) for answer in answers if isinstance(answer, Greeting) and answer.held] == [[run]]
    assert len(rows(database, schema.builder)) == 99
    assert rows(database, schema.run, id=run)[0].state == "running"


def test_wishes_outlive_connections(database: Database) -> None:
    """A paused builder that comes back is paused still; one that was told to drain and has left may come again."""
    arrive(database, Arrival(make_hello("anvil"), None, NOW))
    for wish, left in ((builders.PAUSE, builders.PAUSE), (builders.DRAIN, None)):
        arrive(database, Arrival(make_hello("anvil"), None, NOW))
        database.write(lambda connection, wish=wish: fleet.set_wish(connection, "anvil", wish, "ada", NOW))
        database.write(lambda connection: builders.keep_away(connection, "anvil", NOW, drained=True))
        (greeting,) = arrive(database, Arrival(make_hello("anvil"), None, NOW))
        assert isinstance(greeting, Greeting)
        assert greeting.wish == left


def test_a_removed_builders_runs_are_begun_again(database: Database) -> None:
    lives = Lives(database, Clock())
    (run,) = lives.runs(lives.build("a" * 40))
    arrive(database, Arrival(make_hello("anvil"), None, NOW))
    lives.start(run)
    with pytest.raises(ConflictError, match="drain it first"):
        database.write(lambda connection: fleet.remove(connection, "anvil", "ada", NOW))
    database.write(lambda connection: builders.keep_away(connection, "anvil", NOW))
    database.write(lambda connection: fleet.remove(connection, "anvil", "ada", NOW))
    (old, new) = rows(database, schema.run)
    assert (old.result, old.detail, new.state, new.attempt) == ("error", "Builder anvil was removed.", "queued", 2)
    assert rows(database, schema.builder) == []
