"""The rebuilder: repositories without a hook are asked by git, and what has moved there is built once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fake_repository import FakeRepository
from hub_parts import RECIPE, Desk, open_desk, rows, wait_for_lanes
from hubwright.domain.repos import Repository
from hubwright.hub.addresses import AddressRules
from hubwright.hub.rebuilding import Sources, make_rebuilder
from hubwright.hub.watching import Watching
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.versions import Change

FILE = ".hubwright.yml"
EVERY = 60.0


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    database = Database(sqlite_url)
    try:
        with open_desk(database, tmp_path) as opened:
            yield opened
    finally:
        database.close()


@pytest.fixture
def rebuilder(desk: Desk) -> Iterator[Watching]:
    made = make(desk, "one")
    yield made
    made.close()


def make(desk: Desk, owner: str, *, github_is_asked: bool = True) -> Watching:
    rules = AddressRules(clone_base="https://github.com", protocols=("file",))
    sources = Sources(mirrors=desk.mirrors, origin_of=desk.understanding.origin_of, rules=rules, interval=EVERY)
    return make_rebuilder(
        desk.database, sources, owner, desk.clock, desk.woken.append, github_is_asked=lambda: github_is_asked
    )


def look(desk: Desk, rebuilder: Watching, seconds: float = 1.2 * EVERY) -> None:
    """Let time pass, look at what is due, and understand what was found."""
    desk.clock.now += seconds
    rebuilder.drain()
    wait_for_lanes(rebuilder)  # type: ignore[arg-type]
    desk.work()


def register(desk: Desk, repository: FakeRepository) -> str:
    name = Repository(id=None, owner=repository.owner, name=repository.name)
    sha = desk.wishes.register(name, repository.clone_url, None, desk.clock()).sha
    desk.work()
    return sha


def define(desk: Desk, path: str, of: FakeRepository, **more: Any) -> None:
    document = {"repository": of.full_name, "clone_url": of.clone_url} | more
    desk.database.write(lambda connection: keep_document(connection, path, document, Change("ada", desk.clock())))


def shas(desk: Desk) -> list[str]:
    return [build.sha for build in desk.builds()]


def test_a_moved_head_of_a_plain_address_builds_once(desk: Desk, rebuilder: Watching) -> None:
    """System 3's rebuilder queued it under the old build's number, and looked no more after any error."""
    repository = desk.repository("octo/plain")
    first = repository.commit({FILE: RECIPE})
    register(desk, repository)
    look(desk, rebuilder, 0)
    second = repository.commit({"a": "2"}, "Fix it\n\nThoroughly.")
    look(desk, rebuilder)
    look(desk, rebuilder)
    assert shas(desk) == [first, second]
    build = desk.builds()[-1]
    assert (build.event, build.branch, build.message) == ("push", "main", "Fix it\n\nThoroughly.")
    assert len(desk.runs(build_id=build.id)) == 1


def test_each_commit_new_branches_and_tags_are_built_as_a_push_of_them_is(desk: Desk, rebuilder: Watching) -> None:
    """`commits: each`; what asks for no build is not built; a head that was there before the first look is no news."""
    repository = desk.repository("octo/plain")
    repository.commit({FILE: RECIPE})
    repository.commit({FILE: RECIPE, "old": "1"}, branch="old")
    register(desk, repository)
    look(desk, rebuilder, 0)
    one, two = repository.commit_each([({"a": "1"}, "one"), ({"a": "2"}, "two")])
    topic = repository.commit({FILE: RECIPE, "t": "1"}, branch="topic")
    repository.commit({FILE: RECIPE, "s": "1"}, "later [skip ci]", branch="skipped")
    repository.tag("v1", two)
    look(desk, rebuilder)
    found = [(build.event, build.ref, build.sha) for build in desk.builds()[1:]]
    assert sorted(found) == sorted(
        [("push", "refs/heads/main", one), ("push", "refs/heads/main", two), ("push", "refs/heads/topic", topic),
         ("tag", "refs/tags/v1", two)]
    )  # fmt: skip


def test_a_branch_that_was_pushed_back_or_over_is_built_at_its_head(desk: Desk, rebuilder: Watching) -> None:
    repository = desk.repository("octo/plain")
    base = repository.commit({FILE: RECIPE})
    repository.commit({"a": "1"})
    register(desk, repository)
    look(desk, rebuilder, 0)
    repository.move("main", base)
    look(desk, rebuilder)
    assert shas(desk)[-1] == base
    repository.delete("main")
    over = repository.commit({FILE: RECIPE, "b": "1"}, "over")
    look(desk, rebuilder)
    assert shas(desk)[-1] == over
    assert desk.builds()[-1].message == "over"


def test_broken_repositories_stop_no_other_and_are_said(desk: Desk, rebuilder: Watching) -> None:
    """One that is gone is asked ever more seldom, and is built again when it is back."""
    gone, well = desk.repository("octo/gone"), desk.repository("octo/well")
    for repository in (gone, well):
        repository.commit({FILE: RECIPE})
        register(desk, repository)
    look(desk, rebuilder, 0)
    away = gone.path.with_name("away.git")
    gone.path.rename(away)
    for number in range(3):
        news = well.commit({"a": str(number)})
        look(desk, rebuilder, 100)
        assert shas(desk)[-1] == news
    (row,) = rows(desk.database, schema.watch, place="octo/gone")
    assert row.told["failures"] >= 2
    assert "can't be fetched" in row.error
    away.rename(gone.path)
    news = gone.commit({"b": "1"})
    look(desk, rebuilder, 700)
    assert shas(desk)[-1] == news
    (row,) = rows(desk.database, schema.watch, place="octo/gone")
    assert (row.error, "failures" in row.told) == (None, False)


def test_two_jobs_and_two_hubs_build_a_moved_head_once_each(desk: Desk, rebuilder: Watching) -> None:
    """The same name at GitHub is another repository, and is not built by what moves here."""
    repository = desk.repository("octo/plain")
    repository.commit({FILE: RECIPE})
    define(desk, "team/one", repository)
    define(desk, "team/two", repository, commits="head")
    twin = desk.repository("github/octo-plain")
    define(desk, "team/twin", twin, repository="octo/plain", clone_url=None)
    other = make(desk, "two")
    try:
        look(desk, rebuilder, 0)
        repository.commit({"a": "1"})
        repository.commit({"a": "2"})
        desk.clock.now += 2 * EVERY
        for each in (rebuilder, other):
            each.drain()
        for each in (rebuilder, other):
            wait_for_lanes(each)  # type: ignore[arg-type]
        desk.work()
        look(desk, other)
    finally:
        other.close()
    jobs = {row.id: row.path for row in rows(desk.database, schema.job)}
    assert sorted(jobs[build.job_id] for build in desk.builds()) == ["team/one", "team/one", "team/two"]


def test_poll_says_whether_and_how_often(desk: Desk, rebuilder: Watching) -> None:
    """`triggers.poll`: `false` never, a time so often, without it ever more seldom while nothing moves."""
    due: dict[str, list[float]] = {"never": [], "often": [], "calm": []}
    for name, poll in (("never", False), ("often", 15), ("calm", None)):
        repository = desk.repository(f"octo/{name}")
        repository.commit({FILE: RECIPE})
        define(desk, name, repository, **({} if poll is None else {"triggers": {"poll": poll}}))
    for seconds in (0.0, 4000.0, 40_000.0):
        look(desk, rebuilder, seconds)
        for name, pauses in due.items():
            (row,) = rows(desk.database, schema.watch, place=name)
            pauses.append(row.next_try_at - desk.clock())
    assert all(13 < pause < 17 for pause in due["often"])
    assert [round(pause / EVERY) for pause in due["calm"]] in ([1, 1, 8], [1, 1, 7], [1, 1, 9])
    assert due["never"] == [300, 300, 300]
    (row,) = rows(desk.database, schema.watch, place="never")
    assert row.looked_at is None, "it was asked"


def test_repositories_at_github_are_asked_while_nothing_else_tells_of_them(desk: Desk) -> None:
    """Without credentials and without a hook; once a webhook comes git is asked no more."""
    repository = desk.repository("octo/hello")
    repository.commit({FILE: RECIPE})
    desk.wishes.register(Repository(id=None, owner="octo", name="hello"), None, None, desk.clock())
    desk.work()
    rebuilder = make(desk, "one", github_is_asked=False)
    try:
        look(desk, rebuilder, 0)
        moved = repository.commit({"a": "1"})
        look(desk, rebuilder)
        assert shas(desk)[-1] == moved
        desk.deliver("push", repository.push({"a": "2"}))
        desk.database.write(
            lambda connection: connection.execute(
                update(schema.delivery).where(schema.delivery.c.source == "github").values(repository="octo/hello")
            )
        )
        desk.work()
        before = len(desk.builds())
        repository.commit({"a": "3"})
        look(desk, rebuilder, 1000)
        assert len(desk.builds()) == before
    finally:
        rebuilder.close()
    asked_elsewhere = make(desk, "two")
    try:
        look(desk, asked_elsewhere)
        assert rows(desk.database, schema.watch) == []
    finally:
        asked_elsewhere.close()
