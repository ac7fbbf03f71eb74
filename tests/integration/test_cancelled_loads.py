"""Loads that people end before they are done, at the API's door and on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from hubwright.errors import ConflictError, NotFoundError
from hubwright.hub.loads import cancel
from hubwright.store import queues, tasks
from hubwright.store.database import Database
from hubwright.store.schema import task
from hubwright.web.pages.loads import OF_OWNER, OF_REPOSITORY, read_wanted
from load_parts import Yard, count_tasks, make_whole, open_yard
from quiet_hub import WholeHub, open_whole_hub

ADMIN = {"Authorization": "Bearer the-admin-token-of-these-tests"}


@pytest.fixture
def yard(database: Database) -> Iterator[Yard]:
    with open_yard(database) as opened:
        yield opened


def stop(yard: Yard, number: int) -> None:
    yard.database.write(partial(cancel, number=number, by="ann", now=yard.clock()))


def test_a_cancelled_load_ends_with_all_its_steps(yard: Yard) -> None:
    """What was read stays; nothing is read any more, and the same may be asked for anew."""
    make_whole(yard)
    number = yard.ask("repository", children=True)
    yard.drain_until(lambda: len(yard.rows("gh_repository")) == 1 and count_tasks(yard.database) > 3)
    stop(yard, number)
    progress = yard.look(number)
    assert (progress.state, progress.error) == ("failed", "It was cancelled by ann.")
    assert count_tasks(yard.database) == 0
    claim = partial(queues.claim, table=task, owner="other", now=yard.clock() + 1e6, lease_seconds=30, limit=9)
    assert yard.database.write(claim) == []
    assert len(yard.rows("gh_repository")) == 1
    again = yard.ask("repository", children=True)
    assert again != number
    assert yard.finish(again).state == "done"


def test_who_is_at_a_step_of_a_cancelled_load_finds_the_lease_lost(yard: Yard) -> None:
    """Nothing follows from a page that comes after the end: no step is added to what has ended."""
    yard.list_issues(250)
    number = yard.ask("issues")
    claim = partial(queues.claim, table=task, owner="other", now=yard.clock(), lease_seconds=30, limit=1)
    held = tasks.read_held(yard.database.write(claim)[0], "other")
    stop(yard, number)
    assert not yard.database.write(lambda connection: tasks.hold(connection, held, held.payload))
    yard.database.write(lambda connection: tasks.end(connection, held, yard.clock()))
    assert yard.look(number).state == "failed"
    with yard.database.reading() as connection:
        assert connection.execute(select(task.c.key).where(task.c.id == number)).scalar_one() is None


def test_what_has_ended_is_not_cancelled(yard: Yard) -> None:
    """And a step is no load."""
    yard.list_issues(3)
    number = yard.ask("issues")
    yard.finish(number)
    with pytest.raises(ConflictError):
        stop(yard, number)
    with pytest.raises(NotFoundError):
        stop(yard, 99_999)


@pytest.mark.parametrize("what", [*OF_REPOSITORY, *OF_OWNER])
def test_every_way_of_the_form_is_a_load(what: str) -> None:
    """The names in the form and the addresses of GitHub are two lists: none may lead nowhere."""
    of = "octo/hello" if what in OF_REPOSITORY else "octo"
    assert read_wanted({"what": what, "of": of}).title


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    folder: Path = tmp_path_factory.mktemp("hub")
    with open_whole_hub(folder, admin_token=ADMIN["Authorization"][7:]) as opened:
        yield opened


def test_a_load_is_asked_for_and_cancelled_on_the_page(hub: WholeHub) -> None:
    """By forms alone; what is no repository is refused, and an ended load has no button."""

    def send(path: str, **fields: str) -> tuple[int, str]:
        answer = hub.client.post(path, data=fields, headers=ADMIN, follow_redirects=True)
        return answer.status_code, answer.text

    assert "hubwright replica load" in hub.client.get("/loads", headers=ADMIN).text
    status, page = send("/loads", what="issues", of="octo/hello", last="1")
    assert (status, "octo/hello: issues" in page, "every=2" in page) == (200, True, True)
    number = re.search(r"/loads/(\d+)/cancel", page)
    assert number is not None
    status, page = send(f"/loads/{number[1]}/cancel")
    assert (status, "It was cancelled by admin token." in page.replace("<bdi>", "")) == (200, True)
    assert "/cancel" not in page
    assert send(f"/loads/{number[1]}/cancel")[0] == 409
    assert hub.client.post(f"/api/v1/loads/{number[1]}/cancel", headers=ADMIN).status_code == 409
    assert hub.client.post("/api/v1/loads/99999/cancel", headers=ADMIN).status_code == 404
    for what, of in (("issues", "octo"), ("issues", "a b/c"), ("everything", "octo/hello"), ("organization", "o/p")):
        assert send("/loads", what=what, of=of)[0] in {400, 422}, (what, of)
