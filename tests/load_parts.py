"""Loads on a temporary folder: a fake GitHub over HTTP, the drains in threads, and the rows that come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Row, Table, func, select

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_items import comment, issue, label, milestone, pull, pull_file, review
from hubwright.domain.github_budget import Limits
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.hub.loads import LOADS, Load, ask_for
from hubwright.hub.replica import Replica
from hubwright.store import tasks
from hubwright.store.database import Database
from hubwright.store.schema import metadata, task
from hubwright.store.tasks import Progress
from waiting import until

HELLO = {"owner": "octo", "repo": "hello"}
ISSUES = "/repos/octo/hello/issues"
FAST = Limits(points_per_minute=1_000_000)
"""No pace: GitHub's own would make a hundred pages take a quarter of a minute."""


class Skipping:
    """A clock that may be set ahead, as time goes by where a test would have to wait."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Yard:
    """What loads work on. `work` drains in this thread; `running` in threads of a dispatcher."""

    database: Database
    github: FakeGitHub
    repository: FakeRepository
    clock: Skipping
    client: GitHubClient
    replica: Replica
    woken: list[str] = field(default_factory=list)

    def ask(self, *listings: str, where: dict[str, Any] | None = None, **options: Any) -> int:
        """Ask for a load; its number."""
        load = Load(listings=listings, where=where or HELLO, **options)
        return self.database.write(lambda connection: ask_for(connection, load, self.clock()))

    def load(self, *listings: str, **options: Any) -> Progress:
        """Ask for a load and see it end well."""
        progress = self.finish(self.ask(*listings, **options))
        assert progress.state == "done", progress
        return progress

    def finish(self, number: int, seconds: float = 30) -> Progress:
        """Drain until the load has ended; when GitHub or a failure makes it wait, the clock is set ahead."""
        deadline = time.monotonic() + seconds
        while (progress := self.look(number)).state not in {"done", "failed"}:
            assert time.monotonic() < deadline, progress
            if progress.waits_until is not None:
                self.clock.ahead += max(0.0, progress.waits_until - self.clock())
            for drain in self.replica.drains().values():
                drain()
            time.sleep(0.005)
        return progress

    def drain_until(self, condition: Callable[[], object], queue: str = LOADS) -> None:
        """Drain one queue until something is so."""
        drain = partial(self.replica.drain, queue)
        until(lambda: (drain(), condition())[1], 20, "the condition of a load")

    def look(self, number: int) -> Progress:
        """How the load stands."""
        with self.database.reading() as connection:
            return tasks.load_progress(connection, number)

    def rows(self, table: str | Table, **wanted: Any) -> list[Row[Any]]:
        """The rows of a table with these values, by their keys."""
        table = metadata.tables[table] if isinstance(table, str) else table
        query = select(table).order_by(*table.primary_key.columns)
        for name, value in wanted.items():
            query = query.where(table.c[name] == value)
        with self.database.reading() as connection:
            return list(connection.execute(query))

    def alive(self, table: str = "gh_issue") -> list[int]:
        """The numbers of what has no tombstone."""
        return [row.number for row in self.rows(table) if row.deleted_at is None]

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the copy as it stands."""
        names = [name for name in metadata.tables if name.startswith("gh_")]
        return {name: [tuple(row) for row in self.rows(name)] for name in names}

    def list_issues(self, count: int, **options: Any) -> Any:
        """Have so many issues listed."""
        return self.github.list_at(ISSUES, [issue(number) for number in range(1, count + 1)], by="number", **options)

    def asked(self, part: str = ISSUES) -> list[str]:
        """The addresses that were asked for, as far as they have this part; those by number have the name instead."""
        named = [
            f"{one.path}?{one.query}".replace(f"/repositories/{self.repository.id}", "/repos/octo/hello")
            for one in self.github.requests
        ]
        return [address for address in named if part in address]

    @contextmanager
    def running(self) -> Iterator[InProcessDispatcher]:
        """The drains in threads, as in a hub."""
        dispatcher = InProcessDispatcher(self.replica.drains(), reconcile=0.05, idle=0.2)
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            dispatcher.stop()


@contextmanager
def open_yard(database: Database, wake: Callable[[str], None] = lambda _queue: None, **options: Any) -> Iterator[Yard]:
    """A yard with a repository octo/hello; closed afterwards."""
    clock = Skipping()
    with FakeGitHub() as github:
        github.set_quota(1_000_000)
        repository = github.create_repository("octo/hello", {"README": "hi"})
        gate = MemoryGate(FAST, clock)
        with GitHubClient(github.api_url, github.token, gate=gate, clock=clock, **options) as client:
            replica = Replica(database, client, "yard", clock, wake)
            try:
                yield Yard(database, github, repository, clock, client, replica)
            finally:
                replica.close()


def count_tasks(database: Database) -> int:
    """How many steps have not ended."""
    open_ones = select(func.count()).select_from(task).where(task.c.state.in_(["waiting", "leased"]))
    with database.reading() as connection:
        return int(connection.execute(open_ones).scalar_one())


def wait_until_done(yard: Yard, number: int, seconds: float = 60) -> Progress:
    """Until a load that others work on has ended."""
    until(lambda: yard.look(number).state in {"done", "failed"}, seconds, "the load's end")
    return yard.look(number)


def make_whole(yard: Yard) -> None:
    """A repository with something in most of its lists."""
    here = "/repos/octo/hello"
    yard.list_issues(130)
    yard.github.list_at(f"{here}/labels", [label(n) for n in range(13)], by="name")
    yard.github.list_at(f"{here}/milestones", [milestone(n) for n in range(1, 4)], by="number")
    yard.github.list_at(f"{here}/issues/comments", [comment(n) for n in range(1, 4)], by="id")
    yard.github.list_at(f"{here}/pulls/comments", [], by="id")
    yard.github.list_at(f"{here}/comments", [], by="id")
    yard.github.list_at(f"{here}/releases", [], by="id")
    yard.github.list_at(f"{here}/pulls", [pull(n, yard.repository) for n in (1, 2)], by="number")
    for number in (1, 2):
        yard.github.list_at(f"{here}/pulls/{number}/files", [pull_file(n) for n in range(1, 4)])
        yard.github.list_at(f"{here}/pulls/{number}/reviews", [review(n + 10 * number) for n in (1, 2)], by="id")
