"""The read side of the store, on both databases."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from sqlalchemy import event

from hubwright.errors import NotFoundError
from hubwright.store import schema, views, views_jobs, views_lists, views_queue, views_waiting
from hubwright.store.database import Database
from hubwright.store.views_values import BuildFilter
from served import NOW, Rows


@pytest.fixture
def rows(database: Database) -> Rows:
    """A job, and ways to add to it."""
    rows = Rows(database)
    rows.keep_job()
    return rows


def load(database: Database, work: Any, *arguments: Any, **options: Any) -> Any:
    with database.reading() as connection:
        return work(connection, *arguments, **options)


def test_a_build_has_its_runs_stages_and_totals(database: Database, rows: Rows) -> None:
    """Runs that were begun again are shown apart; only the latest count."""
    rows.keep_build(1, state="finished", result="success", started_at=NOW + 1, finished_at=NOW + 3.25)
    rows.keep_run(1, 1, latest=False, tests_total=9, tests_passed=0, tests_failed=9, tests_skipped=0)
    rows.keep_run(2, 1, ({"name": "build"}, {"name": "test"}), tests_total=5, tests_passed=4, tests_skipped=1)
    rows.keep_run(3, 1, tests_total=2, tests_passed=1, tests_failed=1)
    build = load(database, views.load_build, 1)
    assert [run.id for run in build.runs] == [2, 3]
    assert [run.id for run in build.earlier] == [1]
    assert [stage.name for stage in build.runs[0].stages] == ["build", "test"]
    assert (build.tests.total, build.tests.passed, build.tests.skipped, build.tests.failed) == (7, 5, 1, 1)
    assert build.finished_at == NOW + 3.25
    assert build.job == "team/app"


def test_what_is_not_there_is_said_so(database: Database, rows: Rows) -> None:
    """One sentence, and 404 at the door."""
    for work, argument in [
        (views.load_build, 7),
        (views.load_run, 7),
        (views_jobs.load_job, "no/such"),
        (views_lists.load_delivery, 7),
    ]:
        with pytest.raises(NotFoundError):
            load(database, work, argument)


def test_pages_of_builds_show_each_build_once(database: Database, rows: Rows) -> None:
    """Newest first, by key: builds that come meanwhile move nothing."""
    for number in range(1, 8):
        rows.keep_build(number)
    first = load(database, views.load_builds, BuildFilter(), 3)
    rows.keep_build(8)
    second = load(database, views.load_builds, BuildFilter(), 3, first.next)
    third = load(database, views.load_builds, BuildFilter(), 3, second.next)
    assert [build.id for page in (first, second, third) for build in page.items] == [7, 6, 5, 4, 3, 2, 1]
    assert third.next is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (BuildFilter(), [4, 3, 2, 1]),
        (BuildFilter(repository="other/lib"), [4]),
        (BuildFilter(job="other/lib"), [4]),
        (BuildFilter(job="other/none"), []),
        (BuildFilter(branch="dev"), [2]),
        (BuildFilter(state="finished"), [1]),
        (BuildFilter(state="queued"), [4, 2]),
        (BuildFilter(state="running"), [3]),
        (BuildFilter(result="failure"), [1]),
        (BuildFilter(sha=f"{3:040X}"), [3]),
        (BuildFilter(sha="abcdef1"), [2]),
        (BuildFilter(sha="abc%"), []),
        (BuildFilter(job="team/app", branch="main", state="running"), [3]),
    ],
)
def test_filters_narrow_the_list(database: Database, rows: Rows, wanted: BuildFilter, found: list[int]) -> None:
    """Each filter alone and together; a wildcard is a letter like any other."""
    rows.keep_job(2, "other/lib", repository="other/lib")
    rows.keep_build(1, state="finished", result="failure")
    rows.keep_build(2, branch="dev", sha="abcdef1" + "0" * 33)
    rows.keep_build(3, state="running")
    rows.keep_build(4, job_id=2, repository="other/lib")
    assert [build.id for build in load(database, views.load_builds, wanted).items] == found


def test_a_list_costs_three_queries_however_long(database: Database, rows: Rows) -> None:
    """No query for each build."""
    for number in range(1, 21):
        rows.keep_build(number)
        rows.keep_run(number, number, ({"name": "build"},))
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _cur, statement, *_rest: seen.append(statement))
    page = load(database, views.load_builds, BuildFilter(), 20)
    assert sum(len(build.runs[0].stages) for build in page.items) == 20
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 3


def test_the_first_page_tells_what_is_broken(database: Database, rows: Rows) -> None:
    """The default branch decides; skips, cancellations and pull requests say nothing of it."""
    known = {"id": 9, "owner_login": "team", "name": "app", "full_name": "team/app", "default_branch": "main"}
    rows.keep(schema.gh_repository, known)
    rows.keep_job(2, "team/broken", repository_id=9)
    rows.keep_job(3, "team/fine", repository_id=9)
    rows.keep_job(4, "team/unknown-branch")
    ended = {"state": "finished"}
    rows.keep_build(1, job_id=2, result="failure", **ended)
    rows.keep_build(2, job_id=2, result="cancellation", **ended)
    rows.keep_build(3, job_id=2, result="success", branch="dev", **ended)
    rows.keep_build(4, job_id=3, result="success", **ended)
    rows.keep_build(5, job_id=3, result="failure", pull_request=7, **ended)
    rows.keep_build(6, job_id=3, result="failure", branch="dev", **ended)
    rows.keep_build(7, job_id=4, result="timeout", branch="trunk", **ended)
    rows.keep_build(8, job_id=4, state="running")
    rows.keep_run(1, 8, state="running")
    rows.keep_run(2, 8)
    home = load(database, views.load_home)
    assert [build.id for build in home.broken] == [7, 1]
    assert [build.id for build in home.running] == [8]
    assert [build.id for build in home.finished] == [7, 6, 5, 4, 3, 2, 1]
    assert (home.queued, home.running_runs) == (1, 1)


def test_jobs_are_listed_by_folder_with_their_newest_build(database: Database, rows: Rows) -> None:
    """A folder is a whole name: `team` does not hold `teamwork`."""
    rows.keep_job(2, "team/lib", builds=3)
    rows.keep_job(3, "teamwork/x")
    rows.keep_build(3, job_id=2)
    page = load(database, views_jobs.load_jobs, "team", 1)
    assert [job.path for job in page.items] == ["team/app"]
    rest = load(database, views_jobs.load_jobs, "team", 5, page.next)
    assert [(job.path, job.newest.id) for job in rest.items] == [("team/lib", 3)]
    assert rest.next is None


def test_waiting_has_a_reason(database: Database, rows: Rows) -> None:
    """Every wait has a visible reason (architecture §6.2): no builder, none connected, all busy, others first."""
    rows.keep_build(1, state="running")
    rows.keep_build(2)
    rows.keep_run(1, 1, state="running", builder="b1")
    rows.keep_run(2, 1)
    rows.keep_run(3, 2)
    rows.keep_run(4, 2, platform="freebsd-*")
    rows.keep_run(5, 2, platform="windows")
    common = {"labels": [], "version": "1", "executor": "process", "instance": "i"}
    rows.keep(
        schema.builder,
        {"name": "b1", "platform": "linux", "slots": 1, "state": "connected", **common},
        {"name": "b2", "platform": "freebsd-15", "slots": 1, "state": "away", **common},
    )
    build = load(database, views.load_build, 2)
    linux, freebsd, windows = load(database, views_waiting.load_waits, build, 1.0).values()
    assert linux.ahead == 1
    assert linux.sentence == "Builder b1 is busy with team/app #1 (1 slot). 1 run is due before it."
    assert freebsd.sentence == "Builder b2 is away."
    assert "No builder has ever matched 'windows'" in windows.sentence
    assert load(database, views_queue.load_builders).items[0].running == (1,)
    assert [queued.id for queued, _ in load(database, views_waiting.load_waiting_runs, 200, 1.0)] == [2, 3, 4, 5]


def test_commits_are_paged_by_time(database: Database, rows: Rows) -> None:
    """Those without a time come last; none is shown twice or left out."""
    rows.keep(schema.gh_repository, {"id": 7, "full_name": "Team/App"})
    for number, at in enumerate([NOW + 1, NOW + 1, NOW, None, None]):
        commit = {"repository_id": 7, "sha": f"{number:040x}", "message": "m", "authored_at": at}
        rows.keep(schema.gh_commit, commit)
    found: list[str] = []
    cursor = None
    while True:
        page = load(database, views_lists.load_commits, "team/app", 2, cursor)
        found += [commit.sha[-1] for commit in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == ["1", "0", "2", "4", "3"]


def test_deliveries_show_their_body_plain(database: Database, rows: Rows) -> None:
    """Kept packed, shown as it came."""
    kept = {
        "id": 1,
        "guid": "g",
        "event": "push",
        "received_at": NOW,
        "body": zlib.compress(b'{"a":1}'),
        "next_try_at": NOW,
    }
    rows.keep(schema.delivery, kept)
    view, body = load(database, views_lists.load_delivery, 1)
    assert (view.event, view.state, body) == ("push", "waiting", b'{"a":1}')
    assert load(database, views_lists.load_deliveries).items == (view,)


def test_facts_of_a_newer_version_are_shown_too(database: Database, rows: Rows) -> None:
    """A hub that is older than the database still answers."""
    rows.keep(
        schema.fact,
        {"kind": "FutureFact", "at": NOW, "data": {}},
        {"kind": "BuildStarted", "at": NOW, "data": {"job": "j", "number": 2}},
    )
    assert [fact.sentence for fact in load(database, views_lists.load_facts)] == ["FutureFact.", "j #2 started."]
