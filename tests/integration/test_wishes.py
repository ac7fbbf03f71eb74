"""Builds that somebody asks for: once, as durable as a push, and nothing is kept of what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from git_repositories import Author
from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.repos import Repository
from hubwright.errors import ConflictError, NotFoundError, UnprocessableError, UnreachableRepositoryError
from hubwright.hub.builds import rerun
from hubwright.hub.wishes import Asked
from hubwright.store import schema
from hubwright.store.database import Database

FILE = ".hubwright.yml"
NAMED = Repository(id=None, owner="octo", name="hello")


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def register(desk: Desk, clone_url: str | None = None, branch: str | None = None) -> Asked:
    return desk.wishes.register(NAMED, clone_url, branch, desk.clock())


def test_registering_builds_the_newest_commit_once(desk: Desk) -> None:
    """The build shows at once, and its delivery sees to it that it is planned."""
    repository = desk.repository()
    head = repository.commit({FILE: RECIPE})
    asked = register(desk)
    assert (asked.sha, asked.state, asked.repository) == (head, "queued", "octo/hello")
    assert desk.builds()[0].problem == "The repository is being fetched."
    assert register(desk).build_id == asked.build_id
    desk.work()
    assert len(desk.runs()) == 1
    assert register(desk).build_id == asked.build_id
    desk.understand("push", repository.push_payload())
    assert len(desk.builds()) == len(desk.runs()) == 1


def test_a_branch_may_be_named(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    topic = repository.commit({FILE: RECIPE, "a": "1"}, branch="topic/a")
    assert register(desk, branch="topic/a").sha == topic
    assert desk.builds()[0].branch == "topic/a"


def test_a_tag_may_be_named(desk: Desk) -> None:
    repository = desk.repository()
    head = repository.commit({FILE: RECIPE})
    repository.tag("v1", head)
    asked = register(desk, branch="v1")
    assert asked.sha == head
    assert desk.builds()[0].ref == "refs/tags/v1"


@pytest.mark.parametrize("branch", ["gone", None])
def test_what_is_not_there_is_refused_and_nothing_is_kept(desk: Desk, branch: str | None) -> None:
    repository = desk.repository()
    if branch is not None:
        repository.commit({FILE: RECIPE})
    with pytest.raises(UnprocessableError, match="has no branch"):
        register(desk, branch=branch)
    assert rows(desk.database, schema.job) == rows(desk.database, schema.build) == []


def test_a_repository_that_does_not_answer_leaves_no_job_behind(desk: Desk) -> None:
    """Every refusal writes nothing."""
    with pytest.raises(UnreachableRepositoryError):
        register(desk)
    assert rows(desk.database, schema.job) == rows(desk.database, schema.delivery) == []


def test_the_same_name_at_another_address_is_another_repository(desk: Desk) -> None:
    """It must not be built under the job of the first, nor the first under its."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    register(desk)
    with pytest.raises(ConflictError, match="another address"):
        register(desk, clone_url="https://example.org/octo/hello")
    elsewhere = desk.repository("other/tree")
    elsewhere.commit({FILE: RECIPE})
    tree = Repository(id=None, owner="other", name="tree")
    first = desk.wishes.register(tree, elsewhere.clone_url, None, desk.clock())
    bare = elsewhere.clone_url.removesuffix(".git")
    assert desk.wishes.register(tree, bare, None, desk.clock()) == first
    with pytest.raises(ConflictError):
        desk.wishes.register(tree, None, None, desk.clock())


def test_a_job_is_started_with_parameters_and_the_same_wish_once(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE}, "Say hello")
    register(desk)

    def start(wish: str) -> int:
        return desk.wishes.start("octo/hello", None, None, "ada", wish, desk.clock(), {"LEVEL": "3"}).build_id

    first = start("one")
    assert start("one") == first
    assert start("two") != first
    desk.work()
    (run,) = desk.runs(build_id=first)
    assert run.assignment["env"]["LEVEL"] == "3"
    (build,) = desk.builds(id=first)
    assert (build.event, build.author_login) == ("manual", "ada")
    assert build.message == "Say hello"  # the commit's, as with a push: lists of builds tell commits apart
    assert build.author_name == Author().name


def test_what_is_done_beside_a_wish_is_kept_with_it_or_not_at_all(desk: Desk) -> None:
    """So a door may answer what it has read there: build, audit entry and answer are one commit."""
    desk.repository().commit({FILE: RECIPE})
    register(desk)
    seen: list[int] = []

    def note(connection: Connection, asked: Asked) -> None:
        seen.append(connection.execute(select(schema.build.c.number).filter_by(id=asked.build_id)).scalar_one())
        if len(seen) == 1:
            raise ConflictError("not this time")

    start = desk.wishes.beside(note).start
    with pytest.raises(ConflictError):
        start("octo/hello", None, None, "ada", "w", desk.clock())
    assert len(desk.builds()) == 1
    first = start("octo/hello", None, None, "ada", "w", desk.clock())
    assert start("octo/hello", None, None, "ada", "w", desk.clock()) == first
    assert seen == [2, 2, 2]
    assert len(desk.builds()) == 2


def test_a_job_that_is_not_there_can_not_be_started(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.wishes.start("no/job", None, None, None, "w", desk.clock())


def test_no_webhook_can_take_the_place_of_a_wish(desk: Desk) -> None:
    """Neither by the source that it claims nor by the delivery id of a wish to come."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    for guid in ("manual:1", "manual-1", "manual"):
        desk.deliver("manual", {"job_path": "octo/hello", "repository": repository.describe()}, guid=guid)
    asked = register(desk)
    desk.work()
    assert len(desk.runs(build_id=asked.build_id)) == 1
    assert all(" " in row.guid for row in rows(desk.database, schema.delivery, source="manual"))


def test_a_wish_for_a_commit_that_is_gone_ends_as_an_error(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    register(desk)
    asked = desk.wishes.start("octo/hello", None, "d" * 40, None, "w", desk.clock())
    desk.work()
    (build,) = desk.builds(id=asked.build_id)
    assert (build.state, build.result) == ("finished", "error")
    assert "no longer has commit" in build.problem


def test_a_wish_that_is_given_up_ends_its_build(desk: Desk) -> None:
    """R12: its row is damaged; the build must not show as queued for ever, and others go on."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    asked = register(desk)
    damage = schema.delivery.update().values(body=b"not what was kept")
    desk.database.write(lambda connection: connection.execute(damage))
    desk.work()
    (build,) = desk.builds()
    assert (build.id, build.state, build.result) == (asked.build_id, "finished", "error")
    assert "can't be read" in build.problem
    ends = [fact.data["result"] for fact in rows(desk.database, schema.fact, kind="BuildFinished")]
    assert ends == ["error"]


def test_a_build_that_never_had_a_run_is_planned_again(desk: Desk) -> None:
    """Its repository did not answer, or its row was damaged: asked for again it gets its runs, as trusted as it was."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    asked = register(desk)
    damage = schema.delivery.update().values(body=b"not what was kept")
    distrust = schema.build.update().values(trust="untrusted")
    desk.database.write(lambda connection: (connection.execute(damage), connection.execute(distrust)))
    desk.work()
    desk.clock.now += 1
    assert desk.database.write(lambda connection: rerun(connection, asked.build_id, desk.clock())) == []
    (build,) = desk.builds()
    assert (build.state, build.result, build.problem) == ("queued", None, "The repository is being fetched.")
    with pytest.raises(ConflictError):
        desk.database.write(lambda connection: rerun(connection, asked.build_id, desk.clock()))
    desk.work()
    (build,) = desk.builds()
    assert (build.state, build.runs_left, build.problem) == ("queued", 1, None)
    (run,) = desk.runs()
    assert run.assignment["trust"] == "untrusted"
