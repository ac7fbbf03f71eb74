"""System 1's `latestCommit`: what comes later builds the newest commit, once, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from build_lives import Clock, Lives
from hub_parts import Desk, open_desk, rows
from hubwright.hub.backfill import Kinds, ask_backfill
from hubwright.hub.definitions import Wish, put_definition
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.jobs import load_job
from hubwright.store.versions import Change, Kind

RECIPE = """\
platforms: [linux, freebsd-*]
stages:
- build: make
- docs: {run: make docs, once: true}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    with open_desk(database, tmp_path, clock) as desk:
        yield desk


def keep_builder(desk: Desk, name: str, platform: str, *labels: str) -> None:
    values = {"name": name, "platform": platform, "labels": list(labels), "slots": 1, "version": "1"}
    values |= {"executor": "process", "instance": name, "state": "connected"}
    desk.database.write(lambda connection: connection.execute(insert(schema.builder).values(values)))


def look(desk: Desk) -> None:
    """The hub looks whether a kind of builder is new, and works off what that leads to."""
    desk.clock.now += 1
    Kinds(desk.database, desk.clock, desk.woken.append).drain()
    desk.work()


def push(desk: Desk, files: dict[str, str], repository: Any = None) -> Any:
    repository = repository or desk.repository()
    desk.deliver("push", repository.push(files))
    desk.work()
    return repository


def places(desk: Desk, build: int) -> list[tuple[str, str]]:
    return [(run.platform, run.state) for run in desk.runs(build_id=build, latest=True)]


def stages(desk: Desk, run: int) -> list[str]:
    return [row.name for row in rows(desk.database, schema.stage, run_id=run)]


def test_a_builder_of_a_new_platform_gets_the_newest_commit_once(desk: Desk, database: Database) -> None:
    """At low priority, in the build that the commit has; documentation is not made a second time."""
    keep_builder(desk, "oak", "linux")
    keep_builder(desk, "fern", "freebsd-14")
    repository = push(desk, {".hubwright.yml": RECIPE, "n": "1"})
    push(desk, {"n": "2"}, repository)
    look(desk)
    older, newest = (build.id for build in desk.builds())
    Lives(database, desk.clock).live(newest, 0, 0)
    assert desk.builds(id=newest)[0].state == "finished"
    keep_builder(desk, "moss", "freebsd-15")
    for _ in range(3):
        look(desk)
    assert places(desk, older) == [("linux", "queued"), ("freebsd-14", "queued")]
    assert places(desk, newest) == [("linux", "finished"), ("freebsd-14", "finished"), ("freebsd-15", "queued")]
    (build,) = desk.builds(id=newest)
    assert (build.state, build.result, build.runs_left) == ("queued", None, 1)
    (added,) = desk.runs(build_id=newest, platform="freebsd-15")
    assert added.priority < 0
    assert added.assignment["source"]["sha"] == build.sha
    assert stages(desk, added.id) == ["build"]
    Lives(database, desk.clock).start(added.id)
    Lives(database, desk.clock).end(added.id, 1)
    assert desk.builds(id=newest)[0].result == "failure"


def test_a_run_that_waits_for_a_glob_is_not_joined_by_a_second_one(desk: Desk) -> None:
    """It is the new builder's already; but of two that come, the one that did not get it builds too."""
    keep_builder(desk, "oak", "linux")
    push(desk, {".hubwright.yml": RECIPE})
    (build,) = desk.builds()
    keep_builder(desk, "fern", "freebsd-14")
    look(desk)
    assert [platform for platform, _ in places(desk, build.id)] == ["linux", "freebsd-*"]
    (waiting,) = desk.runs(platform="freebsd-*")
    Lives(desk.database, desk.clock).start(waiting.id, "fern")
    keep_builder(desk, "moss", "freebsd-15")
    look(desk)
    assert [platform for platform, _ in places(desk, build.id)] == ["linux", "freebsd-*", "freebsd-15"]


def test_a_platform_that_a_folder_adds_builds_the_newest_commit_of_each_job_below(desk: Desk) -> None:
    """As the job's own definition would have; what brings no platform asks nothing."""
    push(desk, {".hubwright.yml": "stages:\n- build: make\n"})
    (build,) = desk.builds()
    for said in ({"timeout": 60}, {"timeout": 60, "platforms": ["linux", "mac"]}):
        desk.clock.now += 1
        wish = Wish(Kind.FOLDER, "octo", Change("ann", desk.clock()), lambda _version: None)
        desk.database.write(lambda it, wish=wish, said=said: put_definition(it, wish, said))
        desk.work()
    assert [platform for platform, _ in places(desk, build.id)] == ["linux", "mac"]
    assert len(rows(desk.database, schema.delivery, event="backfill")) == 1


def test_a_platform_that_a_definition_adds_builds_the_newest_commit(desk: Desk) -> None:
    """The settings of the job, not a commit; asked twice it is done once, and not at all when the job says no."""
    repository = push(desk, {".hubwright.yml": "stages:\n- build: make\n"})
    (build,) = desk.builds()

    def change(**settings: Any) -> None:
        def work(connection: Any) -> None:
            connection.execute(update(schema.job).values(settings=settings))
            job = load_job(connection, repository.full_name)
            assert job is not None
            ask_backfill(connection, [job], desk.clock())

        desk.clock.now += 1
        desk.database.write(work)
        desk.work()

    change(platforms=["linux", "mac"], backfill=False)
    assert [platform for platform, _ in places(desk, build.id)] == ["linux"]
    for _ in range(2):
        change(platforms=["linux", "mac"])
    assert [platform for platform, _ in places(desk, build.id)] == ["linux", "mac"]


def test_a_question_that_is_asked_again_after_a_crash_adds_nothing(desk: Desk) -> None:
    """The table of kinds is gone, say: everything is asked again, and all is there."""
    keep_builder(desk, "oak", "linux")
    push(desk, {".hubwright.yml": RECIPE})
    for _ in range(2):
        desk.database.write(lambda connection: connection.execute(delete(schema.builder_kind)))
        look(desk)
    (build,) = desk.builds()
    assert len(places(desk, build.id)) == 2
    assert {row.state for row in rows(desk.database, schema.delivery)} == {"done"}


def test_a_label_is_a_new_kind_too(desk: Desk) -> None:
    """`linux-*` with gpu expands to builders that have one: the first of them gets the commit."""
    keep_builder(desk, "oak", "linux-arm", "gpu")
    keep_builder(desk, "elm", "linux-x86")
    push(desk, {".hubwright.yml": "platforms: [linux-*]\nlabels: [gpu]\nstages:\n- build: make\n"})
    look(desk)
    (build,) = desk.builds()
    assert [platform for platform, _ in places(desk, build.id)] == ["linux-arm"]
    keep_builder(desk, "yew", "linux-x86", "big", "gpu")
    look(desk)
    assert [platform for platform, _ in places(desk, build.id)] == ["linux-arm", "linux-x86"]
