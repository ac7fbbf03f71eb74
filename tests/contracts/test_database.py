"""What the database must do for its callers, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from hubwright.store import writers
from hubwright.store.database import Database
from hubwright.store.schema import delivery, fact, metadata
from hubwright.store.writers import DatabaseBusyError, is_outage
from server_programs import OwnPostgresql
from waiting import until

NOW = 1_700_000_000.123456


def keep(connection: Connection, guids: list[str]) -> list[str]:
    values = [{"guid": guid, "event": "push", "received_at": NOW, "body": b"", "next_try_at": NOW} for guid in guids]
    connection.execute(insert(delivery), values)
    return guids


def kept(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(select(delivery.c.guid)).scalars())


@pytest.fixture
def commits(database: Database) -> list[int]:
    """Grows by one with every commit of the writer."""
    counted: list[int] = []
    event.listen(database._writer_engine, "commit", lambda _connection: counted.append(1))
    return counted


def test_many_writes_at_once_share_commits_and_each_gets_its_own_answer(database: Database, commits: list[int]) -> None:
    """Two hundred requests must not cost two hundred fsyncs."""

    async def ask() -> list[str]:
        return await asyncio.gather(*(database.write_each(keep, f"g{number}") for number in range(200)))

    assert asyncio.run(ask()) == [f"g{number}" for number in range(200)]
    assert kept(database) == {f"g{number}" for number in range(200)}
    assert len(commits) < 50


def test_a_write_that_would_wait_for_itself_fails_instead(database: Database) -> None:
    """Once a token was fetched inside a transaction: the only writer waited for its own turn, and the hub for it."""

    def nested(_connection: Connection) -> None:
        database.write(lambda connection: keep(connection, ["inner"]))

    with pytest.raises(RuntimeError, match="inside its transaction"):
        database.write(nested)
    database.write(lambda connection: keep(connection, ["later"]))
    assert kept(database) == {"later"}


def test_a_bad_write_fails_alone(database: Database) -> None:
    """Its neighbours in the group are written and answered; it gets its own error and leaves nothing."""
    database.write(lambda connection: keep(connection, ["taken"]))

    def bad(connection: Connection) -> None:
        connection.execute(insert(fact).values(kind="half", at=NOW, data={}))
        keep(connection, ["taken"])

    async def ask() -> list[object]:
        good = [database.write_each(keep, f"g{number}") for number in range(20)]
        wrong = [database.write_soon(bad), database.write_each(keep, "taken")]
        more = [database.write_each(keep, f"h{number}") for number in range(20)]
        return await asyncio.gather(*good, *wrong, *more, return_exceptions=True)

    answers = asyncio.run(ask())
    assert [answer for answer in answers if isinstance(answer, str)] == [
        *(f"g{number}" for number in range(20)),
        *(f"h{number}" for number in range(20)),
    ]
    assert [type(answer) for answer in answers[20:22]] == [IntegrityError, IntegrityError]
    assert not is_outage(answers[20])
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(fact)).scalar_one() == 0


def test_any_exception_of_a_write_reaches_its_owner_and_the_writer_goes_on(database: Database) -> None:
    def fail(_connection: Connection) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        database.write(fail)
    assert database.write(lambda connection: keep(connection, ["after"])) == ["after"]


def test_writes_keep_their_order(database: Database) -> None:
    """Of one caller, whatever their kind; facts are numbered in the order in which things happened."""

    async def ask() -> list[int]:
        def add(number: int) -> asyncio.Future[int]:
            row = {"kind": str(number), "at": NOW, "data": {}}
            return database.write_soon(lambda c: c.execute(insert(fact).values(row).returning(fact.c.id)).scalar_one())

        return list(await asyncio.gather(*(add(number) for number in range(50))))

    ids = asyncio.run(ask())
    assert ids == sorted(ids)


def test_what_was_answered_is_seen_by_the_next_reader(database: Database) -> None:
    async def ask() -> int:
        await database.write_each(keep, "g")
        return await database.read(lambda connection: len(connection.execute(select(delivery.c.id)).all()))

    assert asyncio.run(ask()) == 1


def test_times_and_documents_come_back_as_they_went_in(database: Database) -> None:
    data = {"text": "naïve \U0001f600", "number": 2**53, "nested": [None, True, {"a": 1.5}]}
    database.write(lambda connection: connection.execute(insert(fact).values(kind="k", at=NOW, data=data)))
    with database.reading() as connection:
        row = connection.execute(select(fact.c.at, fact.c.data)).one()
    assert (row.at, row.data) == (pytest.approx(NOW, abs=1e-6), data)


def test_threads_and_event_loop_write_side_by_side(database: Database) -> None:
    def work(name: str) -> None:
        for number in range(20):
            database.write(lambda connection, number=number: keep(connection, [f"{name}-{number}"]))

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()

    async def ask() -> None:
        await asyncio.gather(*(database.write_each(keep, f"loop-{number}") for number in range(20)))

    asyncio.run(ask())
    for thread in threads:
        thread.join()
    assert len(kept(database)) == 100


def test_a_caller_that_went_away_harms_nobody(database: Database) -> None:
    """A client that disconnects cancels its wait; the write stands and others are answered."""

    async def ask() -> None:
        gone = database.write_each(keep, "gone")
        gone.cancel()
        assert await database.write_each(keep, "here") == "here"

    asyncio.run(ask())
    assert kept(database) == {"gone", "here"}


def test_closing_finishes_what_waits_and_refuses_what_comes_later(database_url: str) -> None:
    database = Database(database_url)

    async def ask() -> list[str]:
        futures = [database.write_each(keep, f"g{number}") for number in range(100)]
        await asyncio.to_thread(database.close)
        return list(await asyncio.gather(*futures))

    assert len(asyncio.run(ask())) == 100
    with pytest.raises(DatabaseBusyError):
        database.write(lambda connection: keep(connection, ["late"]))
    database.close()  # twice is no error
    with create_engine(database_url, poolclass=NullPool).connect() as connection:
        assert connection.execute(select(func.count()).select_from(delivery)).scalar_one() == 100


def test_too_many_waiting_writes_are_refused_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk must not become a full memory."""
    monkeypatch.setattr(writers, "QUEUED_WRITES", 10)
    begun, release = threading.Event(), threading.Event()

    def wait(_connection: Connection) -> bool:
        begun.set()
        return release.wait(20)

    async def ask() -> None:
        slow = database.write_soon(wait)
        await asyncio.to_thread(begun.wait, 20)  # it waits no longer: it is written
        waiting = [database.write_each(keep, f"g{number}") for number in range(11)]
        with pytest.raises(DatabaseBusyError):
            database.write_each(keep, "one too many")
        release.set()
        await asyncio.gather(slow, *waiting)

    asyncio.run(ask())
    assert len(kept(database)) == 11


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[OwnPostgresql]:
    """A running PostgreSQL of this test's own."""
    own = OwnPostgresql(tmp_path)
    own.start()
    yield own
    own.kill()


def test_an_outage_is_told_quickly_and_the_database_comes_back_by_itself(own_postgres: OwnPostgresql) -> None:
    """The server is killed under open connections and started again: no restart of the hub, no lost answer."""
    database = Database(own_postgres.url)
    database.write(metadata.create_all)
    database.write(lambda connection: keep(connection, ["before"]))
    assert kept(database) == {"before"}
    own_postgres.kill()

    async def ask() -> list[object]:
        return await asyncio.gather(
            *(database.write_each(keep, f"lost{number}") for number in range(100)), return_exceptions=True
        )

    started = time.monotonic()
    for _ in range(2):  # once with a connection that was open, once with none
        errors = asyncio.run(ask())
        assert all(isinstance(error, Exception) and is_outage(error) for error in errors)
    with pytest.raises(Exception, match="connection") as caught:
        kept(database)
    assert is_outage(caught.value)
    assert time.monotonic() - started < 20  # no pool's or connection's time limit was waited for

    own_postgres.start()
    assert database.write(lambda connection: keep(connection, ["after"])) == ["after"]
    assert kept(database) == {"before", "after"}
    database.close()


def test_a_connection_that_breaks_in_mid_transaction_leaves_nothing(own_postgres: OwnPostgresql) -> None:
    database = Database(own_postgres.url)
    database.write(metadata.create_all)

    def cut(connection: Connection) -> None:
        keep(connection, ["half"])
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Exception, match="terminat") as caught:
        database.write(cut)
    assert is_outage(caught.value)
    assert kept(database) == set()
    assert database.write(lambda connection: keep(connection, ["after"])) == ["after"]
    database.close()


def test_another_process_that_holds_sqlite_is_waited_for(sqlite_url: str) -> None:
    """`hubwright token new` beside a running hub: neither fails."""
    first, second = Database(sqlite_url), Database(sqlite_url)
    held, release = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        keep(connection, ["first"])
        held.set()
        release.wait(20)

    holder = threading.Thread(target=first.write, args=(hold,))
    holder.start()
    held.wait(20)
    waiter = threading.Thread(target=second.write, args=(lambda connection: keep(connection, ["second"]),))
    waiter.start()
    assert kept(second) == set()  # readers are not held up
    release.set()
    holder.join()
    waiter.join()
    until(lambda: kept(first) == {"first", "second"})
    first.close()
    second.close()


def test_what_strangers_wait_for_stands_behind_no_lock(postgres_url: str) -> None:
    """R6: two hubs that write of one repository wait for each other's rows; GitHub must not wait with them."""
    with closing(Database(postgres_url)) as database, closing(Database(postgres_url)) as other:
        database.write(lambda connection: keep(connection, ["old"]))
        lock = update(delivery).where(delivery.c.guid == "old").values(event="ping")
        ready, release = threading.Event(), threading.Event()

        def hold(connection: Connection) -> None:
            connection.execute(lock)
            ready.set()
            release.wait(30)

        async def ask() -> bool:
            holding = other.write_soon(hold)
            await asyncio.to_thread(ready.wait)
            waiting = database.write_soon(lambda connection: connection.execute(lock).rowcount)
            await database.write_at_door(keep, "new")
            waited = not waiting.done()
            release.set()
            await asyncio.gather(holding, waiting)
            return waited

        assert asyncio.run(ask())
        assert kept(database) == {"old", "new"}
