"""What a token with folders may see, in each database: paths are compared letter by letter, whatever their order."""

from __future__ import annotations

import pytest

from hubwright.store import reach
from hubwright.store.audit import AuditFilter, Entry, keep_entries, load_entries
from hubwright.store.database import Database
from hubwright.store.reach import load_job_of_build, load_job_of_run
from hubwright.store.retention import delete_rows, load_old_audit
from hubwright.store.schema import audit
from hubwright.store.views import load_builds
from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_queue import count_runs, load_running
from hubwright.store.views_values import BuildFilter
from served import NOW, Rows

INSIDE = ["team/sub/app", "team/sub/deep/er/app", "team/sub/a-b"]
OUTSIDE = [
    "team/sub",
    "team/sub0",
    "team/sub-x/app",
    "team/subway/app",
    "team/other",
    "Team/sub/app",
    "team-sub/app",
    "a/team/sub/x",
]


@pytest.mark.parametrize("few", [0, 50])
def test_only_what_lies_below_is_seen(database: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """With few jobs and with many; page by page; with filters; and copies of jobs too."""
    monkeypatch.setattr(reach, "FEW", few)
    keep = Rows(database)
    for number, path in enumerate([*INSIDE, *OUTSIDE], 1):
        keep.keep_job(number, path, folder=path.rpartition("/")[0])
    keep.keep_job(99, "team/sub/app_pr25", folder="team/sub", copy_of=1, copy_key="pull_request:25")
    jobs = len(INSIDE) + len(OUTSIDE)
    for build in range(1, 4 * jobs + 1):
        job = (build - 1) % jobs + 1
        keep.keep_build(build, job_id=job, family=job, state="running" if build <= jobs else "queued")
        keep.keep_run(build, build)
    keep.keep_build(500, job_id=99, family=1)
    with database.reading() as connection:
        assert {one.path for one in load_jobs(connection, within=["team/sub"]).items} == set(INSIDE)
        assert {one.path for one in load_jobs(connection, within=["team/sub/deep", "nobody"]).items} == {INSIDE[1]}
        assert not load_jobs(connection, within=[]).items
        seen, cursor = [], None
        while True:
            page = load_builds(connection, BuildFilter(folders=("team/sub",)), 5, cursor)
            seen += [(build.id, build.job) for build in page.items]
            if page.next is None:
                break
            cursor = int(page.next)
        assert [number for number, _ in seen] == sorted({number for number, _ in seen}, reverse=True)
        assert len(seen) == 4 * len(INSIDE) + 1
        assert {job for _, job in seen} == {*INSIDE, "team/sub/app_pr25"}
        wanted = BuildFilter(folders=("team/sub",), state="running")
        assert {build.job for build in load_builds(connection, wanted).items} == set(INSIDE)
        assert not load_builds(connection, BuildFilter(folders=("team/sub",), job="team/other")).items
        assert not load_builds(connection, BuildFilter(folders=())).items
        assert len(load_running(connection, ["team/sub"])) == len(INSIDE)
        assert count_runs(connection, "queued", ["team/sub"]) == 4 * len(INSIDE)
        assert (load_job_of_build(connection, 500), load_job_of_build(connection, 501)) == ("team/sub/app_pr25", None)
        assert (load_job_of_run(connection, 1), load_job_of_run(connection, 500)) == (INSIDE[0], None)


def test_the_audit_log_is_bounded(database: Database) -> None:
    """In time by retention, in size by what is kept of names and addresses; no name breaks it."""
    odd = Entry(
        at=NOW - 400, actor="a\0b" + "x" * 500, by="token", role="write", method="POST", action="y" * 900,
        path="/%_" + "z" * 9000, status=200, address="::1",
    )  # fmt: skip
    plain = Entry(at=NOW, actor="ann", by="cookie", role="admin", method="PUT", action="d", path="/x", status=403)
    database.write(lambda connection: keep_entries(connection, [odd, plain]))
    with database.reading() as connection:
        newest, oldest = load_entries(connection, AuditFilter()).items
        assert (newest.actor, newest.status, oldest.address) == ("ann", 403, "::1")
        assert (len(oldest.actor), len(oldest.path), len(oldest.action)) == (200, 500, 200)
        assert [one.id for one in load_entries(connection, AuditFilter(below="/%_")).items] == [oldest.id]
        assert load_entries(connection, AuditFilter(since=NOW - 1)).items == (newest,)
        assert load_entries(connection, AuditFilter(until=NOW - 1)).items == (oldest,)
        old = load_old_audit(connection, NOW - 300)
    database.write(lambda connection: delete_rows(connection, audit, old))
    with database.reading() as connection:
        assert load_entries(connection, AuditFilter()).items == (newest,)
