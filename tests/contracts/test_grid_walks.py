"""Grids, branches, pull requests and blame against what a reader of all builds would say, on both databases."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from hubwright.errors import NotFoundError
from hubwright.store.database import Database
from hubwright.store.grid_values import Breakage, CommitRow, GridFilter, platforms_of
from hubwright.store.schema import build
from hubwright.store.views_blame import BlameFilter, load_breakages
from hubwright.store.views_branches import find_grid, load_branches, load_pull, load_pulls
from hubwright.store.views_grid import load_grid
from hubwright.store.views_values import Page
from served import Rows

BAD = ("failure", "error", "timeout")
HERE = "octo/app"
Row = dict[str, Any]


def fill(database: Database) -> list[Row]:
    """Two hundred builds by a fixed seed: two jobs and a copy of pull requests of one repository, and another one."""
    chance, rows = random.Random(7), Rows(database)
    rows.keep_job(1, "a/app", repository="Octo/App")
    rows.keep_job(2, "b/app", repository=HERE)
    rows.keep_job(3, "b/app_pr4", repository=HERE, copy_of=2, copy_key="pull_request:4")
    rows.keep_job(4, "c/other", repository="octo/other")
    made = []
    for number in range(1, 201):
        job = chance.choice((1, 1, 2, 2, 3, 4))
        pull = chance.choice((4, 9)) if job == 3 else None
        made.append({
            "id": number, "job_id": job, "family": {3: 2}.get(job, job), "pull_request": pull,
            "repository": "octo/other" if job == 4 else HERE, "sha": f"{chance.randrange(60):040x}",
            "branch": chance.choice(("main", "main", "dev", None)), "number": number, "trigger": f"t{number}",
            "event": "bisect" if chance.random() < 0.05 else "push", "ref": "refs/heads/x", "state": "finished",
            "result": chance.choice(("success", "success", *BAD, "cancellation", "skip")),
            "author_name": chance.choice(("Ann", "Bob")), "queued_at": 1000.0 + number, "finished_at": 2000.0 + number,
        })  # fmt: skip
    rows.keep(build, *made)
    return made


def walk(database: Database, load: Callable[[Connection, int, int | None], Page[Any]], limit: int = 3) -> list[Any]:
    """All items, a few at a time, over one connection: by then its statements are prepared."""
    found: list[Any] = []
    with database.reading() as connection:
        cursor = None
        while True:
            page = load(connection, limit, cursor)
            assert len(page.items) <= limit
            found += page.items
            if page.next is None:
                return found
            cursor = cast(int, page.next)


def expect_commits(rows: list[Row], wanted: GridFilter) -> list[tuple[int, set[int]]]:
    """Of each commit its place, and the newest build of each job."""
    told = [row for row in rows if row["repository"] == wanted.repository and row["event"] != "bisect"]
    told = [row for row in told if wanted.families is None or row["family"] in wanted.families]
    if wanted.branch is not None:
        told = [row for row in told if row["branch"] == wanted.branch and row["pull_request"] is None]
    if wanted.pull_request is not None:
        told = [row for row in told if row["pull_request"] == wanted.pull_request]
    places: dict[str, int] = {}
    for row in told:
        if not wanted.failed or row["result"] in BAD:
            places.setdefault(row["sha"], row["id"])
    newest = {sha: {row["job_id"]: row["id"] for row in told if row["sha"] == sha} for sha in places}
    return sorted(((place, set(newest[sha].values())) for sha, place in places.items()), reverse=True)


NARROWED: tuple[dict[str, Any], ...] = (
    {},
    {"branch": "main"},
    {"failed": True},
    {"branch": "dev", "failed": True},
    {"pull_request": 4},
    {"pull_request": 9, "failed": True},
    {"families": (1,)},
    {"families": (), "branch": "main"},
)


def test_every_commit_is_on_one_page_with_the_newest_build_of_each_job(database: Database) -> None:
    """Pages of three put together are what all builds say; nothing comes twice, nothing is left out."""
    rows = fill(database)
    for narrowed in NARROWED:
        wanted = GridFilter(repository=HERE, **narrowed)
        found = walk(database, lambda connection, limit, cursor, of=wanted: load_grid(connection, of, limit, cursor))
        shown = [(row.id, {one.id for one in row.builds}) for row in found]
        assert shown == expect_commits(rows, wanted), narrowed


def test_a_branch_shows_its_newest_commit_and_no_forks_branch(database: Database) -> None:
    """A pull request's branch may be called main as well."""
    rows = fill(database)
    own = [row for row in rows if row["repository"] == HERE and row["event"] != "bisect" and not row["pull_request"]]
    heads = {row["branch"]: row for row in own if row["branch"]}
    wanted = GridFilter(repository=HERE)
    found = walk(database, lambda connection, limit, cursor: load_branches(connection, wanted, limit, cursor), 1)
    expected = sorted(((row["id"], name, row["sha"]) for name, row in heads.items()), reverse=True)
    assert [(one.commit.id, one.name, one.commit.first.sha) for one in found] == expected
    assert all(one.pull_request is None for branch in found for one in branch.commit.builds)


def test_pull_requests_come_by_number_each_with_its_newest_push(database: Database) -> None:
    rows = fill(database)
    wanted = GridFilter(repository=HERE)
    found = walk(database, lambda connection, limit, cursor: load_pulls(connection, wanted, limit, cursor), 1)
    heads = {row["pull_request"]: row["sha"] for row in rows if row["pull_request"] and row["event"] != "bisect"}
    assert [(one.pull.number, one.commit.first.sha) for one in found] == [(9, heads[9]), (4, heads[4])]
    with database.reading() as connection:
        assert load_pull(connection, HERE, 4) is None  # GitHub told nothing


def expect_breakages(rows: list[Row]) -> list[tuple[int, int | None]]:
    """The builds that broke a branch of a job, and those that mended it, by going through all."""
    lines: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        settled = row["result"] in {"success", *BAD} and row["event"] != "bisect"
        if settled and row["pull_request"] is None and row["branch"] is not None:
            lines.setdefault((row["job_id"], row["branch"]), []).append(row)
    found = []
    for line in lines.values():
        good = True
        for at, row in enumerate(line):
            if row["result"] in BAD and good:
                mends = (later["id"] for later in line[at:] if later["result"] == "success")
                found.append((row["id"], next(mends, None)))
            good = row["result"] == "success"
    return sorted(found, reverse=True)


def test_blame_names_who_broke_and_who_mended(database: Database) -> None:
    """System 0's blame: the first bad build after a good one, and the next good one; skips and searches say nothing."""
    rows = fill(database)
    for repository in (None, HERE):
        wanted = BlameFilter(None if repository is None else GridFilter(repository=repository))
        found: list[Breakage] = walk(
            database, lambda connection, limit, cursor, of=wanted: load_breakages(connection, of, limit, cursor)
        )
        told = [row for row in rows if repository in {None, row["repository"]}]
        assert [(one.broke.id, one.fixed and one.fixed.id) for one in found] == expect_breakages(told)
        assert all(one.lasted(9999.0) == (one.fixed.at if one.fixed else 9999.0) - one.broke.at for one in found)


def test_blame_below_folders_tells_of_jobs_there_alone(database: Database) -> None:
    fill(database)
    wanted = BlameFilter(None, ("b",))
    found = walk(database, lambda connection, limit, cursor: load_breakages(connection, wanted, limit, cursor))
    assert {one.job for one in found} == {"b/app"}


def test_a_repository_is_found_in_any_case_and_only_by_who_sees_a_job_of_it(database: Database) -> None:
    fill(database)
    with database.reading() as connection:
        assert find_grid(connection, "OCTO/OTHER", None).repository == "octo/other"
        assert find_grid(connection, "octo/other", ("c",)).families == (4,)
        for name, folders in (("octo/none", None), ("octo/other", ("a",)), ("octo/none", ("a",))):
            with pytest.raises(NotFoundError):
                find_grid(connection, name, folders)


def test_a_cell_shows_the_newest_attempts_of_all_matrix_points_the_worst_first(database: Database) -> None:
    """A platform may have several points of a matrix, and runs that were replaced."""
    rows = Rows(database)
    rows.keep_job(1, "a/app", repository=HERE)
    rows.keep_build(1, repository=HERE, family=1, state="finished", result="failure")
    ended = {"state": "finished"}
    rows.keep_run(1, 1, matrix={"cc": "gcc"}, result="success", **ended)
    rows.keep_run(2, 1, matrix={"cc": "clang"}, result="failure", latest=False, **ended)
    rows.keep_run(3, 1, matrix={"cc": "clang"}, result="failure", attempt=2, **ended)
    rows.keep_run(4, 1, platform="freebsd", state="running")
    with database.reading() as connection:
        (row,) = cast(tuple[CommitRow], load_grid(connection, GridFilter(repository=HERE)).items)
    assert platforms_of([row]) == ["linux", "freebsd"]
    assert [(run.id, run.attempt) for run in row.cells["linux"].runs] == [(3, 2), (1, 1)]
    assert (row.cells["linux"].alike, row.cells["freebsd"].worst.state) == (1, "running")
    assert row.state == ("finished", "failure")


def test_a_commit_that_is_built_again_and_again_leaves_the_others_their_rows(database: Database) -> None:
    """A schedule builds one commit every hour: its builds are more than are looked at for a page."""
    rows = Rows(database)
    rows.keep_job(1, "a/app", repository=HERE)
    sha = "a" * 40
    made = [
        {"id": at, "number": at, "trigger": f"t{at}", "sha": sha if at > 2 else f"{at:040x}"} for at in range(1, 1802)
    ]
    same = {"job_id": 1, "family": 1, "repository": HERE, "ref": "refs/heads/main", "event": "push", "queued_at": 1.0}
    rows.keep(build, *({**one, **same} for one in made))
    wanted = GridFilter(repository=HERE)
    found = walk(database, lambda connection, limit, cursor: load_grid(connection, wanted, limit, cursor), 50)
    assert [row.id for row in found] == [3, 2, 1]
    assert found[0].first.id == 1801
