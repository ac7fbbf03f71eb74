"""Of several processes one has a duty: it is never two, and never none for long."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from hubwright.store.database import Database
from hubwright.store.duties import give_back_duty, load_holder, take_duty
from hubwright.wiring.duties import Duty
from tables import with_tables


@pytest.fixture
def url(database_url: str) -> str:
    return with_tables(database_url) if database_url.startswith("sqlite") else database_url


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """A transaction that is never committed."""
    with create_engine(url, poolclass=NullPool).connect() as opened:
        yield opened


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def lives(_owner: str) -> bool:
    return False


def test_a_duty_is_held_until_its_time_is_over_or_it_is_given_back(connection: Connection) -> None:
    """Renewed by its owner, taken by others from whoever is late or known to be gone."""
    assert take_duty(connection, "speak", "a", 100.0, 130.0, lives)
    assert not take_duty(connection, "speak", "b", 129.0, 159.0, lives)
    assert take_duty(connection, "speak", "a", 110.0, 140.0, lives)
    assert not take_duty(connection, "speak", "b", 139.0, 169.0, lives)
    assert load_holder(connection, "speak", 139.0) == "a"
    assert load_holder(connection, "speak", 140.0) is None
    assert take_duty(connection, "speak", "b", 140.0, 170.0, lives)
    give_back_duty(connection, "speak", "a")
    assert not take_duty(connection, "speak", "a", 141.0, 171.0, lives)
    assert take_duty(connection, "speak", "c", 141.0, 171.0, lambda owner: owner == "b")
    give_back_duty(connection, "speak", "c")
    assert take_duty(connection, "speak", "a", 141.0, 171.0, lives)
    assert take_duty(connection, "listen", "b", 141.0, 171.0, lives)


def test_one_works_and_another_takes_over_when_it_goes(database: Database) -> None:
    """At every moment at most one works: also while the duty goes from one to the other."""
    at_work: list[str] = []
    changes: asyncio.Queue[str] = asyncio.Queue()

    def work_of(name: str) -> Callable[[], Coroutine[None, None, None]]:
        async def work() -> None:
            at_work.append(name)
            changes.put_nowait("".join(at_work))
            try:
                await asyncio.Event().wait()
            finally:
                at_work.remove(name)
                changes.put_nowait("".join(at_work))

        return work

    async def live() -> None:
        tasks = {
            name: asyncio.create_task(Duty(database, "speak", f"m-1-{name}", look=0.02, lease=0.3).serve(work_of(name)))
            for name in "ab"
        }
        first = await changes.get()
        other = "ba"["ab".index(first)]
        tasks[first].cancel()
        seen = [await changes.get(), await changes.get()]
        assert database.write(lambda connection: take_duty(connection, "speak", "else", 1.0, 1e10, lambda _: True))
        seen.append(await changes.get())  # it notices that the duty is another's
        tasks[other].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert seen == ["", other, ""]

    asyncio.run(asyncio.wait_for(live(), 20))
    assert changes.empty()


def test_a_killed_process_of_this_machine_is_replaced_at_once(database: Database) -> None:
    """Its lease would last for half a minute."""
    gone = f"{socket.gethostname()[:30]}-{2**22 + 1}-dead"
    assert database.write(lambda connection: take_duty(connection, "speak", gone, 1.0, 1e10, lives))
    works = threading.Event()

    async def work() -> None:
        works.set()
        await asyncio.Event().wait()

    async def live() -> None:
        own = f"{socket.gethostname()[:30]}-{os.getpid()}-own"
        task = asyncio.create_task(Duty(database, "speak", own, look=0.02).serve(work))
        await asyncio.to_thread(works.wait, 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(live())
    assert works.is_set()
    with database.reading() as connection:
        assert load_holder(connection, "speak", 2.0) is None
