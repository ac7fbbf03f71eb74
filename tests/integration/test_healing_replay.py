"""A stored delivery is understood again, on both databases: what is built is not built twice, whatever else happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from build_lives import Clock
from fake_repository import FakeRepository
from hub_parts import RECIPE, Desk, open_desk
from hubwright.errors import ConflictError, NotFoundError
from hubwright.hub.replay import replay
from hubwright.store.database import Database
from hubwright.store.schema import delivery


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path, Clock()) as opened:
        yield opened


@pytest.fixture
def repository(desk: Desk) -> FakeRepository:
    made = desk.repository()
    made.commit({".hubwright.yml": RECIPE}, "First")
    return made


def again(desk: Desk, number: int) -> None:
    """Replay it to its end."""
    desk.clock.now += 60
    desk.database.write(lambda connection: replay(connection, number, desk.clock()))
    assert desk.delivery(number).state == "waiting"
    desk.work()


def triggers(desk: Desk) -> list[str]:
    return [build.trigger for build in desk.builds()]


def test_a_push_of_several_commits_is_built_once_however_often_it_is_replayed(
    desk: Desk, repository: FakeRepository
) -> None:
    """The trigger of each build stays; runs, numbers and ends are those of the first time."""
    before = repository.head()
    for number in range(3):
        repository.commit({"README": f"{number}\n"}, f"Change {number}")
    number = desk.deliver("push", repository.push_payload(before=before))
    desk.work()
    first, runs = desk.builds(), desk.runs()
    assert len(first) == 3
    for _ in range(3):
        again(desk, number)
    assert desk.builds() == first
    assert desk.runs() == runs
    row = desk.delivery(number)
    assert (row.state, row.outcome, row.finished_at) == ("done", "0 builds", desk.clock())


def test_an_old_push_is_not_built_after_newer_ones(desk: Desk, repository: FakeRepository) -> None:
    """Replayed late, after newer pushes of the same branch and of a tag."""
    old = desk.deliver("push", repository.push_payload())
    desk.work()
    newer = desk.deliver("push", repository.push({"README": "newer\n"}))
    repository.git("tag", "v1")
    tag = desk.deliver("push", repository.push_payload(after=repository.head(), ref="refs/tags/v1"))
    desk.work()
    known = triggers(desk)
    assert len(known) == len(set(known)) == 3
    for number in (old, tag, newer, old):
        again(desk, number)
    assert triggers(desk) == known


def test_a_replay_and_its_redelivery_at_once_build_once(desk: Desk, repository: FakeRepository) -> None:
    """GitHub sends it again under the same guid while it is understood again: one row, one build."""
    payload = repository.push_payload()
    number = desk.deliver("push", payload, guid="the-guid")
    desk.work()
    desk.database.write(lambda connection: replay(connection, number, desk.clock()))
    assert desk.deliver("push", payload, guid="the-guid") == number
    desk.work()
    assert len(desk.builds()) == 1


def test_what_failed_is_mended_by_a_replay(desk: Desk, repository: FakeRepository) -> None:
    """The fault was ours: the kept body leads to what it should have led to at first."""
    number = desk.deliver("push", repository.push_payload())
    broken = {"state": "failed", "error": "a fault of ours", "finished_at": desk.clock(), "attempts": 7}
    desk.database.write(
        lambda connection: connection.execute(update(delivery).where(delivery.c.id == number).values(broken))
    )
    desk.work()
    assert desk.builds() == []
    again(desk, number)
    row = desk.delivery(number)
    assert (row.state, row.error, len(desk.builds())) == ("done", None, 1)
    again(desk, number)
    assert len(desk.builds()) == 1


def test_what_waits_what_people_asked_for_and_what_is_unknown_is_refused(
    desk: Desk, repository: FakeRepository
) -> None:
    """A button of a check run that was pressed once acts once."""
    number = desk.deliver("push", repository.push_payload())
    wish = desk.deliver("manual", {}, source="manual")
    button = desk.deliver("check_run", {"action": "created"})
    ended = {"state": "done", "finished_at": desk.clock()}
    with pytest.raises(ConflictError, match="waits to be understood already"):
        desk.database.write(lambda connection: replay(connection, number, desk.clock()))
    desk.database.write(
        lambda connection: connection.execute(update(delivery).where(delivery.c.id != number).values(ended))
    )
    with pytest.raises(ConflictError, match="no webhook"):
        desk.database.write(lambda connection: replay(connection, wish, desk.clock()))
    with pytest.raises(ConflictError, match="done once"):
        desk.database.write(lambda connection: replay(connection, button, desk.clock()))
    with pytest.raises(NotFoundError):
        desk.database.write(lambda connection: replay(connection, 10**9, desk.clock()))
