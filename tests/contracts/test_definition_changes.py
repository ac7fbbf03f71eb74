"""Jobs and folders as people change and remove them, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import delete, insert
from test_jobs_in_folders import NOW, OURS, PULL

from hubwright.errors import ConflictError, OutdatedError
from hubwright.hub.definitions import Wish, change_definition, put_definition, remove_definition
from hubwright.store import database as database_module
from hubwright.store import links, views_jobs
from hubwright.store.copies import archive_copies, find_or_make_copy
from hubwright.store.database import Database
from hubwright.store.definitions import drop_archived_jobs, find_subject
from hubwright.store.jobs import load_job, load_job_by_id, load_jobs
from hubwright.store.schema import build
from hubwright.store.versions import Change, Kind

SAID = {"repository": "ann/compiler"}


def wish(path: str = "team/app", expected: int | None = None) -> Wish:
    """Of somebody who has read version `expected`; None: who does not mind."""

    def check(version: int | None) -> None:
        if expected is not None and version != expected:
            raise OutdatedError("another version")

    return Wish(Kind.JOB, path, Change("ann", NOW), check)


def put(database: Database, of: Wish, **said: Any) -> bool:
    """Define it."""
    return database.write(lambda connection: put_definition(connection, of, {**SAID, **said}))


def test_of_those_who_have_read_one_version_one_changes_it(database: Database) -> None:
    """The rest is told so: nobody's change is lost unseen, in whatever order they come, from however many hubs."""
    put(database, wish())
    other = Database(database.url)
    outcomes: list[str] = []

    def change(through: Database, timeout: int) -> None:
        try:
            put(through, wish(expected=1), timeout=timeout)
            outcomes.append("changed")
        except OutdatedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=change, args=((database, other)[at % 2], at + 1)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(outcomes) == ["changed", "refused", "refused", "refused"]


def test_two_who_make_one_job_make_one_job(database: Database) -> None:
    other = Database(database.url)
    outcomes: list[bool | str] = []

    def make(through: Database, timeout: int) -> None:
        try:
            outcomes.append(put(through, wish("new"), timeout=timeout))
        except ConflictError:
            outcomes.append("told")

    threads = [threading.Thread(target=make, args=((database, other)[at % 2], at + 1)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert outcomes.count(True) == 1


def test_a_change_of_what_has_moved_on_is_not_kept(database: Database) -> None:
    """What was merged into version 1 must not replace version 2."""
    put(database, wish())
    put(database, wish(), timeout=2)
    kept = database.write(lambda it: change_definition(it, wish(), {**SAID, "timeout": 3}, 1))
    found = database.write(lambda it: find_subject(it, Kind.JOB, "team/app"))
    assert found is not None
    assert (kept, found.document["timeout"], found.version) == (False, 2, 2)


@pytest.mark.parametrize("built", [True, False])
def test_a_job_that_was_removed_is_in_no_list_and_builds_nothing(database: Database, built: bool) -> None:
    put(database, wish())
    parent = database.write(lambda it: load_job(it, "team/app"))
    assert parent is not None
    database.write(lambda it: links.keep_link(it, OURS, PULL.kind, parent.id, ["**"], NOW))
    if built:
        database.write(lambda it: find_or_make_copy(it, parent, PULL, NOW))
        row = {"job_id": parent.id, "number": 1, "trigger": "t", "repository": "ann/compiler", "sha": "a" * 40}
        row |= {"ref": "refs/heads/x", "event": "push", "queued_at": NOW, "family": parent.id}
        database.write(lambda it: it.execute(insert(build).values(row)))
    database.write(lambda it: remove_definition(it, wish()))
    with database.reading() as it:
        assert load_job(it, "team/app") is None
        assert load_jobs(it, OURS) == []
        assert views_jobs.load_jobs(it).items == ()
        assert links.load_links(it, OURS) == []
        left = load_job_by_id(it, parent.id)
        copy = load_job(it, "team/app_pr25")
    assert (left is not None, copy is not None) == (built, built)
    assert left is None or (left.path, left.enabled) == (f"team/app~{parent.id}", False)
    assert put(database, wish()), "its path is free"


def test_what_was_archived_long_ago_goes_when_nothing_stands_on_it(database: Database) -> None:
    """Nothing grows without a bound: not the rows of 200,000 pull requests, nor those of jobs that were removed."""
    put(database, wish())
    parent = database.write(lambda it: load_job(it, "team/app"))
    assert parent is not None
    copy = database.write(lambda it: find_or_make_copy(it, parent, PULL, NOW).job)
    row = {"number": 1, "trigger": "t", "repository": "ann/compiler", "sha": "a" * 40, "ref": "refs/heads/x"}
    row |= {"event": "push", "queued_at": NOW}
    rows = [{**row, "job_id": one, "family": parent.id} for one in (parent.id, copy.id)]
    database.write(lambda it: it.execute(insert(build), rows))
    database.write(lambda it: remove_definition(it, wish()))

    def drop(before: float) -> int:
        return len(database.write(lambda it: drop_archived_jobs(it, before)).ids)

    def is_there(number: int) -> bool:
        return database.write(lambda it: load_job_by_id(it, number)) is not None

    database.write(lambda it: archive_copies(it, NOW + 8 * 86_400))
    assert drop(NOW + 9 * 86_400) == 0
    database.write(lambda it: it.execute(delete(build).where(build.c.job_id == copy.id)))
    assert (drop(NOW + 8 * 86_400), drop(NOW + 9 * 86_400), is_there(copy.id)) == (0, 1, False)
    database.write(lambda it: it.execute(delete(build)))
    assert (drop(NOW), drop(NOW + 1), is_there(parent.id)) == (0, 1, False)


def test_changes_that_touch_each_others_jobs_wait_for_each_other_in_one_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a folder says is written down for the jobs below it, and a change of one of these looks for circles in the
    whole tree: PostgreSQL broke one of such a pair off, a second later, to be done again."""
    for path in ("team/a", "team/b"):
        put(database, wish(path))
    other = Database(database.url)
    failed: list[BaseException] = []
    crossed: list[int] = []
    monkeypatch.setattr(database_module, "give_way", crossed.append)

    def change(through: Database, kind: Kind, path: str) -> None:
        try:
            for at in range(6):
                after = {"after": [{"job": f"none/{at}", "result": "success"}]}
                said = {**SAID, "timeout": at + 1} if kind is Kind.JOB else {"triggers": after}
                of = Wish(kind, path, Change("ann", NOW + at), lambda _version: None)
                through.write(lambda it, of=of, said=said: put_definition(it, of, said))
        except BaseException as error:  # noqa: BLE001  it is told by the test
            failed.append(error)

    whose = [(database, Kind.FOLDER, ""), (other, Kind.JOB, "team/a"), (other, Kind.FOLDER, "")]
    with closing(other):
        threads = [threading.Thread(target=change, args=args) for args in [*whose, (database, Kind.JOB, "team/b")]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (failed, crossed) == ([], [])
