"""What the store promises of jobs in folders, copies, links and versions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, event, insert, select, update

from hubwright.domain.builds import Wanted
from hubwright.domain.job_copies import CopyKey, CopyKind, Link
from hubwright.domain.job_inheritance import Layer, Origin, Source
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Commits, JobSettings
from hubwright.domain.repos import Repository
from hubwright.errors import ConflictError, NotFoundError
from hubwright.store import copies, folders, jobs, links, versions, views_jobs
from hubwright.store.builds import keep_build
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document, load_document
from hubwright.store.schema import build, job
from hubwright.store.versions import Change, Kind

T = TypeVar("T")
NOW = 1_700_000_000.0
DAY = 86_400
WHO = Change("ann", NOW, "why not")
OURS = Repository(id=7, owner="ann", name="compiler")
THEIRS = Repository(id=8, owner="ben", name="compiler")
PULL = CopyKey(CopyKind.PULL_REQUEST, "25")


class Store:
    """The store's functions, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        """The answer of `work`, which may write."""
        return self._database.write(lambda connection: work(connection, *given, **named))

    def define(self, path: str, **said: Any) -> DefinedJob:
        """The job at a path, defined so."""
        self(keep_document, path, {"repository": "ann/compiler", **said}, WHO)
        return self.job(path)

    def job(self, path: str) -> DefinedJob:
        """The job at a path."""
        found = self(jobs.load_job, path)
        assert found is not None
        return found

    def copy(self, path: str, key: CopyKey = PULL, now: float = NOW) -> DefinedJob:
        """The copy of a job, made where it is not there."""
        return self(copies.find_or_make_copy, self.job(path), key, now).job


@pytest.fixture
def store(database: Database) -> Store:
    """An empty store, once on SQLite and once on PostgreSQL."""
    return Store(database)


class TestSettings:
    """What holds for a job is laid together when it is read."""

    def test_folders_say_what_holds_below_them_and_the_nearest_counts(self, store: Store) -> None:
        store.define("team/sub/app", environment={"C": "3"})
        store(folders.keep_folder, "", {"timeout": 10, "environment": {"A": "1"}}, WHO)
        store(folders.keep_folder, "team", {"timeout": 20, "commits": "head", "environment": {"B": "2", "C": "2"}}, WHO)
        store(folders.keep_folder, "other", {"timeout": 30}, WHO)
        found = store.job("team/sub/app").settings
        assert (found.timeout, found.commits) == (20, Commits.HEAD)
        assert found.env == {"A": "1", "B": "2", "C": "3"}

    def test_every_value_tells_whose_it_is(self, store: Store) -> None:
        store.define("team/app", timeout=5, environment={"C": "3"})
        store(folders.keep_folder, "team", {"environment": {"B": "2"}}, WHO)
        hub = Layer(Origin(Source.HUB), {"commits": "head", "timeout": 1})
        found = store(jobs.load_effective, "team/app", hub)
        assert found is not None
        told = {place: str(origin) for place, origin in found.origins().items()}
        assert told["/timeout"] == "job team/app"
        assert told["/environment/B"] == "folder team"
        assert told["/commits"] == "settings of the hub"
        assert told["/checkout"] == "default"
        assert store(jobs.load_effective, "team/nothing") is None

    def test_a_change_of_the_parent_or_its_folder_reaches_every_copy_at_once(self, store: Store) -> None:
        """Nothing is written into copies: their rows stay as they are."""
        store.define("team/app", timeout=5, triggers={"poll": 60})
        store.copy("team/app")
        store.define("team/app", timeout=6, triggers={"poll": 60})
        store(folders.keep_folder, "team", {"commits": "head"}, WHO)
        copy = store.job("team/app_pr25")
        assert (copy.settings.timeout, copy.settings.commits, copy.settings.triggers.poll) == (6, Commits.HEAD, True)
        assert store(load_document, "team/app_pr25") == {}

    def test_a_copy_says_things_of_its_own_and_stays_what_it_is(self, store: Store) -> None:
        store.define("team/app", timeout=5, environment={"A": "1"})
        store.copy("team/app")
        store(keep_document, "team/app_pr25", {"environment": {"B": "2"}, "repository": "eve/else"}, WHO)
        copy = store.job("team/app_pr25")
        assert (copy.repository, copy.settings.timeout, copy.settings.env) == ("ann/compiler", 5, {"A": "1", "B": "2"})

    def test_a_copy_of_a_disabled_job_is_disabled(self, store: Store) -> None:
        store.define("app")
        store.copy("app")
        store.define("app", enabled=False)
        assert not store.job("app_pr25").enabled

    def test_settings_that_a_hub_of_the_release_before_has_just_written_are_understood(self, store: Store) -> None:
        """Both may run on one database while one is replaced by the other."""
        old = {"recipe": "stages: []", "env": {"A": "1"}, "commits": "head"}
        row = {"path": "old", "repository": "ann/compiler", "settings": old, "created_at": NOW}
        store(lambda connection: connection.execute(insert(job).values(row)))
        found = store.job("old").settings
        assert (found.recipe, found.env, found.commits) == ("stages: []", {"A": "1"}, Commits.HEAD)
        shown = store(views_jobs.load_job, "old").settings
        assert shown == {"recipe": "stages: []", "env": {"A": "1"}, "commits": "head"}


class TestLookingForTheJobsOfARepository:
    """Asked for every push."""

    def test_copies_are_not_among_them(self, store: Store) -> None:
        """Else each push would be built by each of a thousand copies."""
        store.define("app")
        store.copy("app")
        assert [one.path for one in store(jobs.load_jobs, OURS)] == ["app"]
        assert [one.path for one in store(jobs.load_jobs, Repository(id=None, owner="Ann", name="Compiler"))] == ["app"]

    def test_a_number_is_the_identity_and_a_name_counts_only_without_one(self, store: Store) -> None:
        store(jobs.keep_job, OURS, JobSettings(), NOW)
        store.define("named")
        other = Repository(id=99, owner="ann", name="compiler")
        assert [one.path for one in store(jobs.load_jobs, OURS)] == ["ann/compiler", "named"]
        assert [one.path for one in store(jobs.load_jobs, other)] == ["named"]
        assert [one.path for one in store(jobs.load_jobs, Repository(id=7, owner="new", name="name"))] == [
            "ann/compiler"
        ]

    def test_a_job_that_comes_by_itself_has_folders_and_a_first_version(self, store: Store) -> None:
        made = store(jobs.keep_job, OURS, JobSettings(timeout=9), NOW)
        assert (made.version, made.settings.timeout) == (1, 9)
        assert store(folders.load_folder, "ann") is not None
        (version,) = store(versions.load_versions, Kind.JOB, made.id).items
        assert (version.author, version.document) == (None, {"timeout": 9, "repository": "ann/compiler"})


class TestVersions:
    """Who changed what, and the way back."""

    def test_each_change_keeps_the_whole_document(self, store: Store) -> None:
        first = store.define("team/app", timeout=1)
        store(keep_document, "team/app", {"repository": "ann/compiler", "timeout": 2}, Change("ben", NOW + 1, "slow"))
        page = store(versions.load_versions, Kind.JOB, first.id)
        assert [(one.number, one.author, one.reason, one.at, one.document["timeout"]) for one in page.items] == [
            (2, "ben", "slow", NOW + 1, 2),
            (1, "ann", "why not", NOW, 1),
        ]
        assert store.job("team/app").version == 2

    def test_keeping_an_older_one_again_restores_it(self, store: Store) -> None:
        made = store.define("app", timeout=1, title="The app", clone_url="https://git.example/app", enabled=False)
        store.define("app", timeout=2)
        old = store(versions.load_version, Kind.JOB, made.id, 1)
        store(keep_document, "app", old.document, WHO)
        again = store.job("app")
        assert (again.settings, again.clone_url, again.enabled) == (made.settings, made.clone_url, False)
        assert store(load_document, "app") == old.document

    def test_pages_go_through_all_of_them(self, store: Store) -> None:
        for number in range(5):
            store(folders.keep_folder, "team", {"timeout": number + 1}, WHO)
        found = store(folders.load_folder, "team")
        assert found is not None
        assert (found.version, found.settings) == (5, {"timeout": 5})
        first = store(versions.load_versions, Kind.FOLDER, found.id, 3)
        rest = store(versions.load_versions, Kind.FOLDER, found.id, 3, first.next)
        assert [one.number for one in (*first.items, *rest.items)] == [5, 4, 3, 2, 1]
        assert rest.next is None
        with pytest.raises(NotFoundError):
            store(versions.load_version, Kind.FOLDER, found.id, 6)

    def test_two_who_change_at_once_get_a_version_each(self, store: Store) -> None:
        made = store.define("app")
        threads = [threading.Thread(target=store.define, args=("app",), kwargs={"timeout": n + 1}) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.number for one in store(versions.load_versions, Kind.JOB, made.id).items] == [5, 4, 3, 2, 1]


class TestFolders:
    """The tree above the jobs."""

    def test_there_is_a_folder_for_every_step_of_a_path(self, store: Store) -> None:
        store.define("a/b/c/app")
        store.define("a/x/app")
        assert [one.path for one in store(folders.load_subfolders, "").items] == ["a"]
        first = store(folders.load_subfolders, "a", 1)
        rest = store(folders.load_subfolders, "a", 1, first.next)
        assert [one.path for one in (*first.items, *rest.items)] == ["a/b", "a/x"]
        assert store(folders.is_in_use, "a/b/c")
        assert not store(folders.is_in_use, "a/b/c/app")

    def test_lists_are_of_jobs_below_or_right_in_a_folder_without_copies(self, store: Store) -> None:
        for path in ("team/app", "team/sub/app", "team-two/app", "app"):
            store.define(path)
        store.copy("team/app")
        below = store(views_jobs.load_jobs, "team")
        right = store(views_jobs.load_jobs, "team", direct=True)
        assert [one.path for one in below.items] == ["team/app", "team/sub/app"]
        assert [one.path for one in right.items] == ["team/app"]
        assert [one.path for one in store(views_jobs.load_jobs, direct=True).items] == ["app"]


class TestCopies:
    """Of pull requests and branches."""

    def test_asked_again_it_is_the_same_and_another_repositorys_is_not(self, store: Store) -> None:
        parent = store.define("team/app")
        one = store.copy("team/app")
        assert (one.path, one.parent, one.copy_of, one.copy_key) == (
            "team/app_pr25",
            "team/app",
            parent.id,
            "pull_request:25",
        )
        assert store.copy("team/app").id == one.id
        foreign = CopyKey(CopyKind.PULL_REQUEST, "25", "ben/compiler")
        other = store(copies.find_or_make_copy, parent, foreign, NOW, THEIRS).job
        assert (other.id != one.id, other.repository, other.repository_id) == (True, "ben/compiler", 8)

    def test_two_who_ask_at_once_get_the_same(self, store: Store) -> None:
        store.define("app")
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(store.copy("app").id)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1

    def test_a_path_that_is_a_jobs_is_left_to_it(self, store: Store) -> None:
        store.define("app")
        store.define("app_pr25")
        copy = store.copy("app")
        assert copy.path.startswith("app_pr25.")
        store.define("two")
        store.define("two_pr25")
        store.define(copy.path.replace("app", "two"))  # another digest: still free
        assert store.copy("two").path.startswith("two_pr25.")

    def test_when_both_paths_are_taken_it_is_refused_in_words(self, store: Store) -> None:
        store.define("app")
        second = store.copy("app")
        store(lambda connection: connection.execute(update(job).where(job.c.id == second.id).values(path="gone")))
        store(lambda connection: connection.execute(update(job).where(job.c.path == "gone").values(copy_key="x")))
        store.define("app_pr25")
        long = store.copy("app").path
        store(lambda connection: connection.execute(update(job).where(job.c.path == long).values(copy_key="y")))
        with pytest.raises(ConflictError, match="pull_request:25"):
            store.copy("app")

    def test_closed_ones_are_archived_after_the_parents_days_and_come_back(self, store: Store) -> None:
        store.define("app", retention={"archive": 2})
        store.define("slow", retention={"archive": 20})
        parent, quick, slow = store.job("app"), store.copy("app"), store.copy("slow")
        for one in (quick, slow):
            assert store(copies.close_copy, one.copy_of, PULL, NOW) == one.id
        assert store(copies.close_copy, parent.id, PULL, NOW) is None
        assert store(copies.archive_copies, NOW + 1.9 * DAY).ids == ()
        assert store(copies.archive_copies, NOW + 2 * DAY).ids == (quick.id,)
        assert store(views_jobs.load_copies, parent.id).items == ()
        assert [one.id for one in store(views_jobs.load_copies, parent.id, archived=True).items] == [quick.id]
        assert store.copy("app").id == quick.id
        (again,) = store(views_jobs.load_copies, parent.id).items
        assert (again.closed_at, again.archived_at) == (None, None)

    def test_archiving_goes_in_portions_past_those_that_stay(self, store: Store) -> None:
        store.define("app", retention={"archive": 2})
        store.define("slow", retention={"archive": 20})
        for at, path in enumerate(("slow", "slow", "app", "app")):
            copy = store.copy(path, CopyKey(CopyKind.BRANCH, f"b{at}"))
            store(copies.close_copy, copy.copy_of, CopyKey(CopyKind.BRANCH, f"b{at}"), NOW + at)
        gone, cursor = [], None
        for _ in range(3):
            archived = store(copies.archive_copies, NOW + 3 * DAY, 2, cursor)
            gone += archived.ids
            cursor = archived.cursor
        assert len(gone) == 2
        assert cursor is None

    def test_pages_go_through_all_of_them(self, store: Store) -> None:
        parent = store.define("app")
        made = [store.copy("app", CopyKey(CopyKind.BRANCH, f"b{at}")).id for at in range(5)]
        first = store(views_jobs.load_copies, parent.id, 3)
        rest = store(views_jobs.load_copies, parent.id, 3, first.next)
        assert [one.id for one in (*first.items, *rest.items)] == made[::-1]

    def test_a_build_of_a_copy_belongs_to_the_family_of_its_parent(self, store: Store) -> None:
        parent = store.define("app")
        for one in (parent, store.copy("app")):
            wanted = Wanted(trigger="t", sha="a" * 40, ref="refs/heads/x", branch="x", event="push", message="")
            store(keep_build, one.id, 1, "ann/compiler", wanted, NOW)
        families: set[int] = set(store(lambda connection: list(connection.execute(select(build.c.family)).scalars())))
        assert families == {parent.id}


class TestLinks:
    """Of repositories to jobs."""

    def test_one_of_each_kind_and_the_last_said_counts(self, store: Store) -> None:
        one, two = store.define("one"), store.define("two")
        assert store(links.keep_link, OURS, CopyKind.BRANCH, one.id, ("release/*",), NOW)
        assert not store(links.keep_link, OURS, CopyKind.BRANCH, two.id, ("**",), NOW)
        assert store(links.keep_link, OURS, CopyKind.PULL_REQUEST, one.id, ("**",), NOW)
        found = store(links.load_links, OURS)
        assert [(link.kind, link.job, link.globs) for link in found] == [
            (CopyKind.BRANCH, "two", ("**",)),
            (CopyKind.PULL_REQUEST, "one", ("**",)),
        ]
        assert [link.kind for link in store(links.load_links_to, one.id)] == [CopyKind.PULL_REQUEST]
        assert store(links.drop_link, OURS, CopyKind.BRANCH)
        assert not store(links.drop_link, OURS, CopyKind.BRANCH)

    def test_a_link_by_name_gets_the_number_and_then_follows_it(self, store: Store) -> None:
        """A repository that takes the old name later has no link."""
        made = store.define("app")
        store(
            links.keep_link, Repository(id=None, owner="Ann", name="Compiler"), CopyKind.BRANCH, made.id, ("**",), NOW
        )
        store(links.keep_link_identity, OURS)
        store(links.keep_link_identity, Repository(id=7, owner="ann", name="renamed"))
        (found,) = store(links.load_links, Repository(id=7, owner="whatever", name="name"))
        assert found.repository == "ann/renamed"
        assert store(links.load_links, Repository(id=9, owner="ann", name="compiler")) == []
        store(links.keep_link, Repository(id=9, owner="ann", name="compiler"), CopyKind.BRANCH, made.id, ("**",), NOW)
        assert len(store(links.load_links_to, made.id)) == 2

    def test_the_job_sees_whose_it_is(self, store: Store) -> None:
        made = store.define("app")
        store(links.keep_link, THEIRS, CopyKind.BRANCH, made.id, ("**",), NOW)
        link = store(links.load_link, THEIRS, CopyKind.BRANCH)
        assert link is not None
        assert link.of_job("ann/compiler") == Link(CopyKind.BRANCH, ("**",), "ben/compiler")
        assert link.of_job("BEN/compiler") == Link(CopyKind.BRANCH, ("**",), None)


def test_what_is_read_of_many_jobs_takes_two_statements(database: Database, store: Store) -> None:
    """Every push asks for the jobs of its repository."""
    for number in range(5):
        store.define(f"team{number}/app")
    counted: list[str] = []

    def count(connection: Connection) -> list[DefinedJob]:
        def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            counted.append(statement)

        event.listen(connection, "before_cursor_execute", note)
        try:
            return jobs.load_jobs(connection, OURS)
        finally:
            event.remove(connection, "before_cursor_execute", note)

    assert len(store(count)) == 5
    assert len(counted) == 2
