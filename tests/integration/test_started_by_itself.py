"""What starts builds without a push or a person: times, the builds of other jobs, releases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fake_repository import FakeRepository
from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_definitions import read_definition
from hubwright.domain.results import Result
from hubwright.errors import DefinitionError
from hubwright.hub.definitions import Wish, put_definition
from hubwright.hub.dependencies import Dependencies
from hubwright.hub.schedules import Schedules
from hubwright.store import schema
from hubwright.store.builds import finish_build
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.facts import keep_facts
from hubwright.store.versions import Change, Kind

FILE = ".hubwright.yml"
DAY = 86_400.0


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    """At noon, on both databases."""
    with open_desk(database, tmp_path) as opened:
        opened.clock.now = datetime(2026, 3, 28, 12, 0, tzinfo=UTC).timestamp()
        yield opened


@pytest.fixture
def desk_of_sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    database = Database(sqlite_url)
    try:
        with open_desk(database, tmp_path) as opened:
            opened.clock.now = datetime(2026, 3, 28, 12, 0, tzinfo=UTC).timestamp()
            yield opened
    finally:
        database.close()


def put(desk: Desk, path: str, said: dict[str, Any], kind: Kind = Kind.JOB) -> None:
    """Define a job or folder as the API does."""
    wish = Wish(kind, path, Change("ada", desk.clock()), lambda _version: None)
    document = read_definition(said, folder=kind is Kind.FOLDER)
    desk.database.write(lambda connection: put_definition(connection, wish, document))


def schedules(desk: Desk) -> Schedules:
    return Schedules(desk.database, desk.clock, desk.woken.append)


def at(desk: Desk, text: str) -> None:
    """Let it be this time."""
    desk.clock.now = datetime.fromisoformat(text).timestamp()


def tick(desk: Desk, text: str) -> list[Any]:
    """Drain the schedules at this time; the builds that this has made."""
    known = len(desk.builds())
    at(desk, text)
    schedules(desk).drain()
    desk.work()
    return desk.builds()[known:]


def test_a_time_builds_the_head_of_its_branch_with_its_parameters(desk_of_sqlite: Desk) -> None:
    """In its zone, also over the change of clocks; a recipe may ask whether a schedule started it."""
    desk = desk_of_sqlite
    repository = desk.repository()
    repository.commit({FILE: "when: {event: schedule}\n" + RECIPE})
    head = repository.commit({FILE: "when: {event: schedule}\n" + RECIPE, "a": "1"}, "Nightly", branch="dev")
    times = [
        {"cron": "30 2 * * *", "zone": "Europe/Zurich", "branch": "dev", "parameters": {"DEPTH": "all"}},
        {"cron": "@monthly"},
    ]
    put(desk, "nightly", {"repository": "octo/hello", "triggers": {"schedule": times}})
    assert tick(desk, "2026-03-29T00:59:00+00:00") == []
    (build,) = tick(desk, "2026-03-29T01:00:00+00:00")  # 02:30 does not come in that night: it is built at 03:00
    assert (build.sha, build.branch, build.event, build.message) == (head, "dev", "schedule", "Nightly")
    assert build.parameters == {"DEPTH": "all"}
    (run,) = desk.runs(build_id=build.id)
    assert (run.assignment["env"]["DEPTH"], run.assignment["env"]["CI_PIPELINE_EVENT"]) == ("all", "schedule")
    assert tick(desk, "2026-03-29T01:00:30+00:00") == []
    (next_night,) = tick(desk, "2026-03-30T00:30:00+00:00")
    assert next_night.sha == head


def test_times_that_were_missed_are_made_up_for_once_and_two_hubs_start_one_build(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    put(desk, "hourly", {"repository": "octo/hello", "triggers": {"schedule": "@hourly"}})
    at(desk, "2026-03-31T09:20:00+00:00")
    hubs = [schedules(desk), schedules(desk)]
    due = [hub.drain() for hub in hubs]
    desk.work()
    assert len(desk.builds()) == len(desk.runs()) == 1
    assert due == [datetime(2026, 3, 31, 10, tzinfo=UTC).timestamp()] * 2
    (row,) = rows(desk.database, schema.schedule)
    assert row.last_at == datetime(2026, 3, 28, 13, tzinfo=UTC).timestamp()


def test_a_change_of_job_or_folder_rewrites_the_times_in_its_transaction(desk_of_sqlite: Desk) -> None:
    """What is as it was keeps its next time; a job that is disabled or gone, or says nothing any more, is not built."""
    desk = desk_of_sqlite
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    for path in ("team/a", "team/b", "teams/c"):
        put(desk, path, {"repository": "octo/hello"})
    put(desk, "team", {"triggers": {"schedule": "@hourly"}}, Kind.FOLDER)
    jobs = {row.path: row.id for row in rows(desk.database, schema.job)}
    assert {row.job_id for row in rows(desk.database, schema.schedule)} == {jobs["team/a"], jobs["team/b"]}
    put(desk, "team/d", {"repository": "octo/hello"})
    assert len(rows(desk.database, schema.schedule)) == 3
    (before,) = rows(desk.database, schema.schedule, job_id=jobs["team/a"])
    at(desk, "2026-03-28T12:30:00+00:00")
    put(desk, "team/a", {"repository": "octo/hello", "title": "A"})
    put(desk, "team/b", {"repository": "octo/hello", "enabled": False})
    assert rows(desk.database, schema.schedule, job_id=jobs["team/a"]) == [before]
    assert len(tick(desk, "2026-03-28T13:00:00+00:00")) == 2
    put(desk, "team/a", {"repository": "octo/hello", "triggers": {"schedule": []}})
    assert rows(desk.database, schema.schedule, job_id=jobs["team/a"]) == []
    put(desk, "team", {}, Kind.FOLDER)
    assert rows(desk.database, schema.schedule) == []


def test_a_schedule_that_can_not_be_built_stops_no_other_and_says_why(desk_of_sqlite: Desk) -> None:
    desk = desk_of_sqlite
    repository = desk.repository()
    head = repository.commit({FILE: RECIPE})
    asking = [{"name": "FLAVOUR", "required": True}]
    hourly = {"schedule": [{"cron": "@hourly"}]}
    said = {"repository": "octo/hello", "parameters": asking, "triggers": hourly}  # as people may not say it any more
    desk.database.write(lambda connection: keep_document(connection, "asking", said, Change("ada", desk.clock())))
    put(desk, "gone", {"repository": "octo/away", "triggers": {"schedule": "@hourly"}})
    put(desk, "lost", {"repository": "octo/hello", "triggers": {"schedule": {"cron": "@hourly", "branch": "no"}}})
    put(desk, "well", {"repository": "octo/hello", "triggers": {"schedule": "@hourly"}})
    (build,) = tick(desk, "2026-03-28T13:00:00+00:00")
    assert (build.sha, build.branch) == (head, "main")
    (fact,) = rows(desk.database, schema.fact, kind="DeliveryFailed")
    assert fact.data["reason"] == "asking was not built: FLAVOUR is required."
    told = {row.guid.split()[1]: row for row in rows(desk.database, schema.delivery, event="schedule")}
    jobs = {row.path: str(row.id) for row in rows(desk.database, schema.job)}
    assert told[jobs["lost"]].outcome == "octo/hello has no branch or tag refs/heads/no."
    assert "can't be fetched" in told[jobs["gone"]].error


# --- after other jobs


def dependencies(desk: Desk) -> Dependencies:
    return Dependencies(desk.database, desk.clock, desk.woken.append)


def end(desk: Desk, build: Any, result: str = "success") -> list[Any]:
    """A build ends; the builds that come after it."""
    known = len(desk.builds())

    def keep(connection: Any) -> None:
        finish_build(connection, build.id, Result(result), desk.clock())
        path = next(row.path for row in rows(desk.database, schema.job, id=build.job_id))
        data = {"job": path, "result": result}
        fact = Fact(kind=FactKind.BUILD_FINISHED, at=desk.clock(), job_id=build.job_id, build_id=build.id, data=data)
        keep_facts(connection, [fact])

    desk.database.write(keep)
    for each in (dependencies(desk), dependencies(desk)):  # two hubs
        each.drain()
    desk.work()
    return desk.builds()[known:]


def build(desk: Desk, path: str, ref: str | None = None) -> Any:
    """A build of a job."""
    asked = desk.wishes.start(path, ref, None, "ada", f"{path} {len(desk.builds())}", desk.clock(), {})
    desk.work()
    return desk.builds(id=asked.build_id)[0]


def jobs_by_id(desk: Desk) -> dict[int, str]:
    return {row.id: row.path for row in rows(desk.database, schema.job)}


def test_a_job_is_built_once_after_each_build_of_another(desk: Desk) -> None:
    """Of the same repository the same commit; of another the newest, after builds of the default branch only."""
    one, other = desk.repository("octo/hello"), desk.repository("octo/site")
    one.commit({FILE: RECIPE})
    topic = one.commit({FILE: RECIPE, "t": "1"}, branch="topic")
    site = other.commit({FILE: RECIPE})
    put(desk, "lib", {"repository": "octo/hello"})
    put(desk, "docs", {"repository": "octo/hello", "triggers": {"after": "lib"}})
    put(desk, "site", {"repository": "octo/site", "triggers": {"after": [{"job": "lib", "result": "always"}]}})
    put(desk, "off", {"repository": "octo/site", "enabled": False, "triggers": {"after": "lib"}})
    old = build(desk, "lib")
    one.commit({"new": "1"})
    after = {jobs_by_id(desk)[row.job_id]: row for row in end(desk, old)}
    assert {path: (row.sha, row.event, row.branch) for path, row in after.items()} == {
        "docs": (old.sha, "dependency", "main"),
        "site": (site, "dependency", "main"),
    }
    assert end(desk, old) == [], "it has ended once more, as after a rerun"
    (failed,) = end(desk, build(desk, "lib"), "failure")
    assert jobs_by_id(desk)[failed.job_id] == "site"
    assert end(desk, build(desk, "lib"), "cancellation") == []
    (of_topic,) = end(desk, build(desk, "lib", "topic"))
    assert (jobs_by_id(desk)[of_topic.job_id], of_topic.sha, of_topic.branch) == ("docs", topic, "topic")
    untrusted = build(desk, "lib")
    desk.database.write(lambda connection: connection.execute(
        schema.build.update().where(schema.build.c.id == untrusted.id).values(trust="untrusted")
    ))  # fmt: skip
    assert end(desk, untrusted) == [], "a fork's code must not start what others trust"


def test_only_what_ends_from_now_on_counts_and_an_idle_hub_reads_no_facts(desk_of_sqlite: Desk) -> None:
    desk = desk_of_sqlite
    desk.repository().commit({FILE: RECIPE})
    put(desk, "lib", {"repository": "octo/hello"})
    assert end(desk, build(desk, "lib")) == []
    assert dependencies(desk).drain() is None
    put(desk, "docs", {"repository": "octo/hello", "triggers": {"after": "lib"}})
    assert dependencies(desk).drain() is not None
    assert len(desk.builds()) == 1
    assert len(end(desk, build(desk, "lib"))) == 1
    put(desk, "docs", {"repository": "octo/hello"})
    assert end(desk, build(desk, "lib")) == []
    assert dependencies(desk).drain() is None


def test_circles_are_refused_with_the_way_that_they_take(desk_of_sqlite: Desk) -> None:
    """Also those that a folder would close; nothing of the change is kept. What is not there yet may be named."""
    desk = desk_of_sqlite

    def after(path: str, *others: str) -> None:
        put(desk, path, {"repository": "octo/hello", "triggers": {"after": list(others)}})

    after("a", "b", "later/one")
    after("b", "c")
    with pytest.raises(DefinitionError) as refused:
        after("c", "x", "a")
    (wrong,) = refused.value.problems
    assert wrong.pointer == "/triggers/after"
    assert wrong.message == (
        "c would come after a, which comes after b, which comes after c: their builds would never end"
    )
    assert "c" not in jobs_by_id(desk).values()
    with pytest.raises(DefinitionError, match="D would come after d"):
        after("d", "d")
    put(desk, "team/e", {"repository": "octo/hello"})
    after("f", "team/e")
    with pytest.raises(DefinitionError, match=r"^Team/e would come after f, which comes after team/e"):
        put(desk, "team", {"triggers": {"after": "f"}}, Kind.FOLDER)
    assert {row.after for row in rows(desk.database, schema.dependency)} == {"b", "later/one", "c", "team/e"}


def test_what_asks_nobody_must_give_what_the_job_asks_for(desk_of_sqlite: Desk) -> None:
    """Told when it is said, with its place, not when its time has come; also where a folder says it for others."""
    desk = desk_of_sqlite
    asking = {"repository": "octo/hello", "parameters": [{"name": "FLAVOUR", "required": True, "allowed": ["a", "b"]}]}
    daily = {"cron": "@daily"}

    def refuse(path: str, said: dict[str, Any], kind: Kind = Kind.JOB) -> list[tuple[str, str]]:
        with pytest.raises(DefinitionError) as refused:
            put(desk, path, said, kind)
        return [(one.pointer, one.message) for one in refused.value.problems]

    words = "this starts builds and asks nobody, but FLAVOUR"
    timed = [daily, {**daily, "parameters": {"FLAVOUR": "a"}}, {**daily, "parameters": {"FLAVOUR": "c"}}]
    assert refuse("app", {**asking, "triggers": {"schedule": timed, "after": "lib"}}) == [
        (
            "/triggers/schedule/0/parameters/FLAVOUR",
            f"{words} is required: give it among its `parameters`, or say a `default`",
        ),
        ("/triggers/schedule/2/parameters/FLAVOUR", f"{words} must be one of a, b, not 'c'"),
        ("/triggers/after", f"{words} is required: say a `default`"),
    ]
    put(desk, "team/app", {**asking, "triggers": {"schedule": timed[1]}})
    put(desk, "team/other", {"repository": "octo/other"})
    told = refuse("team", {"triggers": {"release": True}}, Kind.FOLDER)
    assert told == [("", f"team/app could not be built: {words} is required: say a `default`")]
    put(
        desk,
        "team",
        {"parameters": [{"name": "FLAVOUR", "default": "a"}], "triggers": {"schedule": daily}},
        Kind.FOLDER,
    )
    assert {row.cron for row in rows(desk.database, schema.schedule)} == {"@daily"}


# --- tags and releases


def release(repository: FakeRepository, tag: str, action: str = "published", **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "release": {"id": 7, "tag_name": tag, "target_commitish": "main", "draft": False, **more},
        "repository": repository.describe(webhook=True),
        "sender": {"login": "ada", "id": 1},
    }


def test_a_release_builds_its_tag_where_a_job_asks_for_releases(desk_of_sqlite: Desk) -> None:
    """Once, however often it is told; drafts and edits start nothing, nor tags that no glob names."""
    desk = desk_of_sqlite
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    head = repository.commit({FILE: "when: {event: release, tag: 'v*'}\n" + RECIPE}, "Release it")
    repository.commit({"more": "1"})
    for tag in ("v1", "w1"):
        repository.tag(tag, head)
    put(desk, "ship", {"repository": "octo/hello", "triggers": {"release": "v*", "push": False, "tag": False}})
    put(desk, "rest", {"repository": "octo/hello", "triggers": {"push": False, "tag": False}})
    for payload in (
        release(repository, "v1", "created"), release(repository, "v1", draft=True), release(repository, "w1"),
        release(repository, "v1"), release(repository, "v1"), release(repository, "../evil"),
    ):  # fmt: skip
        desk.deliver("release", payload)
    desk.work()
    desk.work()
    (found,) = desk.builds()
    assert (jobs_by_id(desk)[found.job_id], found.sha, found.ref) == ("ship", head, "refs/tags/v1")
    assert (found.event, found.message) == ("release", "Release it")
    (run,) = desk.runs()
    assert run.assignment["env"]["CI_COMMIT_TAG"] == "v1"
