"""Facts that several follow in one process: read once, and none is missed."""

from __future__ import annotations

import threading

from sqlalchemy import Connection, event

from hubwright.domain.facts import Fact, FactKind
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactReader
from hubwright.store.facts import keep_facts
from hubwright.store.reports import load_facts

KIND = FactKind.BUILD_QUEUED


class Followed:
    """A database whose facts are read through one reader; `asked` are the statements that it took."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reader = FactReader()
        self.asked: list[str] = []
        event.listen(database.engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        self.asked.append(statement)

    def happen(self, *numbers: int) -> None:
        facts = [Fact(kind=KIND, at=1.0, data={"n": number}) for number in numbers]
        self.database.write(lambda connection: keep_facts(connection, facts))

    def read(self, after: int, limit: int = 100) -> list[object]:
        with self.database.reading() as connection:
            found = self.reader.load(connection, after, limit)
            self.asked, asked = [], self.asked
            assert found == load_facts(connection, after, limit) or not asked  # what is asked is never old
            self.asked = asked
        return [fact.data["n"] for _, fact in found if fact is not None]


def test_those_who_follow_read_the_same_facts_once(database: Database) -> None:
    followed = Followed(database)
    followed.happen(1, 2, 3)
    followed.reader.note()
    assert [followed.read(0), followed.read(0), followed.read(2)] == [[1, 2, 3], [1, 2, 3], [3]]
    assert len(followed.asked) == 1


def test_what_has_been_noted_is_read(database: Database) -> None:
    """Whoever is woken after a note finds what it was noted for, also when all that is remembered is older."""
    followed = Followed(database)
    followed.happen(1)
    assert followed.read(0) == [1]
    followed.happen(2)
    followed.reader.note()
    assert [followed.read(0), followed.read(1)] == [[1, 2], [2]]


def test_who_has_read_all_that_is_remembered_asks_again(database: Database) -> None:
    """A hint may be lost: a look without one asks the database."""
    followed = Followed(database)
    followed.happen(1)
    assert followed.read(0) == [1]
    followed.happen(2)
    assert followed.read(1) == [2]
    assert followed.read(0) == [1, 2]  # what is remembered begins behind it


def test_a_full_batch_is_not_taken_for_all(database: Database) -> None:
    """More facts may follow one, and who reads in smaller batches is not given a larger one's part for the whole."""
    followed = Followed(database)
    followed.happen(*range(5))
    assert followed.read(0, limit=3) == [0, 1, 2]
    assert followed.read(0, limit=5) == [0, 1, 2, 3, 4]
    assert followed.read(0, limit=100) == [0, 1, 2, 3, 4]
    assert followed.read(0, limit=2) == [0, 1]


def test_drains_that_are_woken_together_read_once(database: Database) -> None:
    """Whoever comes while another reads waits for that, and has it too."""
    followed = Followed(database)
    followed.happen(1, 2)
    found: list[int] = []
    second = threading.Event()

    def load() -> None:
        with database.reading() as connection:
            found.extend(number for number, _ in followed.reader.load(connection, 0, 100))

    def hold_up(*_: object) -> None:
        if other.ident is None:
            other.start()
            second.wait(0.2)  # in vain: the other one is not let in
        else:
            second.set()

    other = threading.Thread(target=load)
    event.listen(database.engine, "before_cursor_execute", hold_up)
    load()
    other.join()
    assert found == [1, 2, 1, 2]
    assert len(followed.asked) == 1
