"""Which processes are there, and in whose folder logs lie; on both databases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from hubwright.store import log_places, processes
from hubwright.store.database import Database
from hubwright.store.log_places import LogPlace, load_log_place, load_unsealed
from hubwright.store.processes import Process, load_addresses, load_other_addresses, load_processes
from served import Rows

DAY = 86_400.0
HUB = Process(
    owner="pine-1", kind="hub", address="http://pine:8010", place="aa", version="0.1.0", wire=2, started_at=1000.0,
    seen_at=1000.0,
)  # fmt: skip
WORKER = replace(HUB, owner="oak-1", kind="worker", address="", place="")


@pytest.fixture
def kept(database: Database) -> Database:
    """With a build of three runs."""
    rows = Rows(database)
    rows.keep_job()
    rows.keep_build(7)
    for number, state in ((1, "finished"), (2, "running"), (3, "finished")):
        rows.keep_run(number, 7, state=state, log_at="aa", log_size=10 * number)
    return database


def ask(database: Database, load: object, *arguments: object) -> object:
    with database.reading() as connection:
        return load(connection, *arguments)  # type: ignore[operator]


def owners(database: Database) -> list[str]:
    with database.reading() as connection:
        return [one.owner for one in load_processes(connection)]


def test_a_process_is_there_until_it_stops(database: Database) -> None:
    """It notes itself again and again; a clean stop leaves nothing that others would try to reach."""
    for one in (HUB, WORKER):
        database.write(partial(processes.begin_process, one=one))
    database.write(partial(processes.keep_process, one=replace(HUB, seen_at=1010.0)))
    assert owners(database) == ["pine-1", "oak-1"]
    with database.reading() as connection:
        assert [one.is_lost(1045.0) for one in load_processes(connection)] == [False, True]
    database.write(partial(processes.end_process, owner="pine-1"))
    assert owners(database) == ["oak-1"]


def test_a_new_start_takes_the_place_of_the_one_before(database: Database) -> None:
    """Killed, it left its row; what was not seen for a day goes with the next that begins, wherever it was."""
    database.write(partial(processes.begin_process, one=HUB))
    database.write(partial(processes.begin_process, one=replace(HUB, owner="elm-1", place="bb")))
    database.write(partial(processes.begin_process, one=WORKER))
    again = replace(HUB, owner="pine-2", started_at=2000.0, seen_at=2000.0)
    database.write(partial(processes.begin_process, one=again))
    assert owners(database) == ["elm-1", "pine-2", "oak-1"]
    late = replace(WORKER, owner="oak-2", started_at=1001.0 + DAY, seen_at=1001.0 + DAY)
    database.write(partial(processes.begin_process, one=late))
    assert owners(database) == ["pine-2", "oak-2"]


def test_hubs_are_found_by_the_folder_of_their_logs(database: Database) -> None:
    """The one that was seen last first; workers have no address, and nobody asks himself."""
    for one in (HUB, WORKER, replace(HUB, owner="elm-1", place="bb", address="http://elm:8010", seen_at=1005.0)):
        database.write(partial(processes.begin_process, one=one))
    assert ask(database, load_addresses, "aa") == ["http://pine:8010"]
    assert ask(database, load_addresses, "cc") == []
    assert ask(database, load_other_addresses, "aa") == ["http://elm:8010"]
    assert ask(database, load_other_addresses, "cc") == ["http://elm:8010", "http://pine:8010"]


def test_a_log_lies_with_its_hub_until_it_is_sealed(kept: Database) -> None:
    """Runs that have ended are due, each of one folder only; who has lost the log to another hub can't seal it."""
    assert ask(kept, load_unsealed, "aa") == [1, 3]
    assert ask(kept, load_unsealed, "bb") == []
    kept.write(partial(log_places.take_logs, numbers=[2, 3], place="bb"))
    assert ask(kept, load_unsealed, "aa") == [1]
    kept.write(partial(log_places.keep_sealed, numbers=[3], place="aa"))
    assert ask(kept, load_unsealed, "bb") == [3]
    kept.write(partial(log_places.keep_sealed, numbers=[3], place="bb"))
    assert ask(kept, load_log_place, 3) == LogPlace("finished", None, 30)
    assert ask(kept, load_log_place, 2) == LogPlace("running", "bb", 20)
    assert ask(kept, load_log_place, 4) is None
    kept.write(partial(log_places.take_logs, numbers=[], place="cc"))
    assert ask(kept, load_unsealed, "bb") == []
