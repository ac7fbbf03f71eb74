"""Every list and lookup of jobs, copies, folders, versions and links goes by an index, on both databases.

SQLite tells so by itself. PostgreSQL is asked with enough rows and fresh statistics, as with few of them it rightly
reads whole tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, insert, select, text

from hubwright.domain.job_copies import CopyKey, CopyKind
from hubwright.domain.repos import Repository
from hubwright.domain.scheduling import FreeBuilder
from hubwright.store import (
    admission,
    copies,
    definitions,
    folders,
    jobs,
    links,
    old_builds,
    repos,
    told,
    versions,
    views_jobs,
)
from hubwright.store.database import Database
from hubwright.store.old_builds import Line
from hubwright.store.runs import load_waiting
from hubwright.store.schema import build, definition, folder, job, link, run
from hubwright.store.standings import load_standing
from hubwright.store.turns import next_turn
from hubwright.store.versions import Kind
from tables import fresh_postgres, with_tables

NOW = 1_700_000_000.0
JOBS, COPIES, BUILDS = 3_000, 6_000, 12_000
TEAMS, FOLDERS = 300, 3_000
PAGE = 20  # of 9,000 jobs: for 200 at once PostgreSQL rightly reads so small a table whole
BY_NUMBER = Repository(id=1_500, owner="o", name="r1500")
BY_NAME = Repository(id=None, owner="o", name="r1500")
KEY = CopyKey(CopyKind.BRANCH, "b4000")

Ask = Callable[[Connection], object]

ASKED: dict[str, Ask] = {
    "all jobs": lambda it: views_jobs.load_jobs(it, limit=PAGE),
    "all jobs, deep": lambda it: views_jobs.load_jobs(it, limit=PAGE, cursor="team2/app2500"),
    "jobs below a folder": lambda it: views_jobs.load_jobs(it, "team7"),
    "jobs in a folder": lambda it: views_jobs.load_jobs(it, "team7", direct=True),
    "jobs in a folder, deep": lambda it: views_jobs.load_jobs(it, "team7", cursor="team7/app307", direct=True),
    "a job": lambda it: views_jobs.load_job(it, "team7/app7"),
    "copies": lambda it: views_jobs.load_copies(it, 1, PAGE),
    "copies, deep": lambda it: views_jobs.load_copies(it, 1, PAGE, 4_000),
    "copies, archived too": lambda it: views_jobs.load_copies(it, 1, PAGE, 4_000, archived=True),
    "the jobs of a repository by number": lambda it: jobs.load_jobs(it, BY_NUMBER),
    "the jobs of a repository by name": lambda it: jobs.load_jobs(it, BY_NAME),
    "a job with all that holds": lambda it: jobs.load_job(it, "team7/app7"),
    "jobs by number of ours": lambda it: jobs.load_jobs_by_ids(it, [7, 4_000]),
    "whose each value is": lambda it: jobs.load_effective(it, "team7/app7"),
    "a job's own definition": lambda it: definitions.load_document(it, "team7/app7"),
    "closing a copy": lambda it: copies.close_copy(it, 1, KEY, NOW),
    "archiving": lambda it: copies.archive_copies(it, NOW, 20),
    "dropping what was archived": lambda it: definitions.drop_archived_jobs(it, NOW + 1, 20, (NOW, 4_000)),
    "archiving, deep": lambda it: copies.archive_copies(it, NOW, 20, (NOW - 6_000, 0)),
    "a folder": lambda it: folders.load_folder(it, "team7"),
    "subfolders": lambda it: folders.load_subfolders(it, "", 50),
    "subfolders, deep": lambda it: folders.load_subfolders(it, "", 50, "team250"),
    "whether a folder is in use": lambda it: folders.is_in_use(it, "team7"),
    "versions": lambda it: versions.load_versions(it, Kind.JOB, 1, 20, 500),
    "a version": lambda it: versions.load_version(it, Kind.JOB, 1, 500),
    "links by number": lambda it: links.load_links(it, BY_NUMBER),
    "links by name": lambda it: links.load_links(it, BY_NAME),
    "what holds in a folder": lambda it: jobs.load_effective_folder(it, "team7"),
    "a job that is to be changed": lambda it: definitions.find_subject(it, Kind.JOB, "team7/app7", to_change=True),
    "a folder that is to be changed": lambda it: definitions.find_subject(it, Kind.FOLDER, "team7", to_change=True),
    "all links, deep": lambda it: links.load_all_links(it, PAGE, 1_500),
    "links to a job, newest first": lambda it: links.load_all_links(it, PAGE, job_id=1_500),
    "copies apart": lambda it: old_builds.load_copies_apart(it, [1, 2]),
    "old builds": lambda it: old_builds.load_builds_of_line(it, Line(1), 100),
    "old builds of a copy": lambda it: old_builds.load_builds_of_line(it, Line(1, copy=4_000), 0),
    "old builds of the release before": lambda it: old_builds.load_builds_of_line(it, Line(None), 0),
    "old logs": lambda it: old_builds.load_logs_of_line(it, Line(1), 100),
    "a pull request of a branch": lambda it: repos.load_pull_targets(it, BY_NUMBER, "b"),
    "links of many repositories": lambda it: links.load_links_of(it, [BY_NUMBER, BY_NAME]),
    "how a job stands": lambda it: load_standing(it, "team7/app7", "main"),
    "how a copy stands": lambda it: load_standing(it, "team1/app1_b4000"),
    "links to a job": lambda it: links.load_links_to(it, 1_500),
    "whether a build has to be admitted": admission.is_wanted,
    "the builds that have to be": admission.load_standing,
    "a run's turn": lambda it: it.execute(select(next_turn(7, 0, "linux", ""))),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with enough in it."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = with_tables(f"sqlite:///{tmp_path_factory.mktemp('plans')}/hubwright.db")
        else:
            url = stack.enter_context(fresh_postgres("postgresql"))
        opened = stack.enter_context(closing(Database(url)))
        opened.write(fill)
        if request.param == "postgresql":
            opened.write(lambda connection: connection.execute(text("ANALYZE")))
        yield opened


def fill(connection: Connection) -> None:
    """Jobs in teams, the copies of one of them, folders, versions, links, builds with a waiting run each."""
    connection.execute(delete(folder))  # migrations make the root
    connection.execute(insert(folder), [_folder(""), *(_folder(f"team{at}") for at in range(FOLDERS))])
    connection.execute(insert(job), [_job(at) for at in range(1, JOBS + 1)])
    connection.execute(insert(job), [_copy(at) for at in range(JOBS + 1, JOBS + COPIES + 1)])
    connection.execute(insert(definition), [_version(at) for at in range(1, 3_001)])
    connection.execute(insert(link), [_link(at) for at in range(1, JOBS + 1)])
    connection.execute(insert(build), [_build(at) for at in range(1, BUILDS + 1)])
    connection.execute(insert(run), [_run(at) for at in range(1, BUILDS + 1)])


def _folder(path: str) -> dict[str, Any]:
    return {"path": path, "parent": "" if path else None, "settings": {}, "created_at": NOW}


def _job(at: int) -> dict[str, Any]:
    team = f"team{at % TEAMS}"
    known = {"id": at, "path": f"{team}/app{at}", "folder": team, "repository_id": at if at % 2 == 0 else None}
    return {**known, "repository": f"o/r{at}", "settings": {}, "created_at": NOW}


def _copy(at: int) -> dict[str, Any]:
    closed = {"closed_at": NOW - at if at % 3 else None, "archived_at": NOW if at % 3 == 1 else None}
    known = {"id": at, "path": f"team1/app1_b{at}", "folder": "team1", "repository_id": 1, "repository": "o/r1"}
    return {**known, **closed, "settings": {}, "created_at": NOW, "copy_of": 1, "copy_key": f"branch:b{at}"}


def _version(at: int) -> dict[str, Any]:
    known = {"kind": "job", "subject_id": 1 if at <= 1_000 else at, "number": at if at <= 1_000 else 1}
    return {**known, "path": "team1/app1", "document": {}, "at": NOW}


def _link(at: int) -> dict[str, Any]:
    number = at if at % 2 == 0 else None
    known = {"repository_id": number, "repository": f"o/r{at}", "kind": "branch", "job_id": at}
    return {**known, "globs": ["**"], "created_at": NOW}


def _build(at: int) -> dict[str, Any]:
    of = at % (JOBS + COPIES) + 1
    known = {"id": at, "job_id": of, "number": at, "trigger": f"t{at}", "repository": "o/r", "sha": "a" * 40}
    return {**known, "ref": "refs/heads/b", "event": "push", "queued_at": NOW, "family": 1 if of > JOBS else of}


def _run(at: int) -> dict[str, Any]:
    known = {"id": at, "build_id": at, "platform": "linux", "matrix": {}, "assignment": {}, "queued_at": NOW}
    state = "finished" if at % 50 else "queued"
    return {**known, "job_id": at % (JOBS + COPIES) + 1, "turn": float(at // 50 % 3), "state": state}


@pytest.mark.parametrize("name", ASKED)
def test_it_goes_by_an_index(filled: Database, name: str) -> None:
    """And nothing is sorted that an index could have in order; what is scanned is the page that was found so."""
    bad = filled.write(lambda connection: [*find_bad_steps(connection, ASKED[name])])
    assert [step for step in bad if not step.startswith("SCAN page")] == []


def test_the_pull_requests_of_a_branch_are_found_by_an_index(filled: Database) -> None:
    """The few that there are of one branch may be sorted."""
    bad = filled.write(lambda it: [*find_bad_steps(it, lambda one: told.load_open_pulls(one, "o/r1500", "b"))])
    assert [step for step in bad if "TEMP B-TREE" not in step] == []


def test_families_are_found_by_leaping_over_their_builds(filled: Database) -> None:
    """Nothing is scanned but what has been found so far."""
    bad = filled.write(lambda it: [*find_bad_steps(it, lambda one: old_builds.load_families(one, 0, 20))])
    assert [step for step in bad if not step.startswith(("SCAN anon_", "SCAN found"))] == []
    assert [one.id for one in filled.write(lambda it: old_builds.load_families(it, 7, 3))] == [8, 9, 10]


def test_runs_that_wait_come_from_their_index_in_its_order(filled: Database) -> None:
    """The scheduler asks this again and again: priority, turn, then first come."""
    free = [FreeBuilder(name="b", platform="linux", slots=1)]
    assert filled.write(lambda it: [*find_bad_steps(it, lambda one: load_waiting(one, free, 50))]) == []
    found = filled.write(lambda it: load_waiting(it, free, 3))
    assert [row.id for row in found] == [150, 300, 450]


def find_bad_steps(connection: Connection, ask: Ask) -> Iterator[str]:
    """The steps of the plans of all that is asked which read a whole table, or sort."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    try:
        ask(connection)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    assert asked
    explain = _explain_sqlite if connection.dialect.name == "sqlite" else _explain_postgresql
    for statement, values in asked:
        yield from explain(connection, statement, values)


def _explain_sqlite(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all():
        scanned = row.detail.startswith("SCAN") and " USING " not in row.detail and "CONSTANT ROW" not in row.detail
        if scanned or "TEMP B-TREE FOR ORDER" in row.detail:
            yield f"{row.detail}: {statement}"


def _explain_postgresql(connection: Connection, statement: str, values: Any) -> Iterator[str]:
    told = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    for node in _walk((json.loads(told) if isinstance(told, str) else told)[0]["Plan"]):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG:
            yield f"{node['Node Type']} of {node['Relation Name']}: {statement}"


BIG = {"job", "build", "run", "definition", "link", "folder"}


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _walk(inner)
