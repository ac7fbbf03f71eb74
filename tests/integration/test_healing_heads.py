"""Branches, tags and pull requests are compared: what was missed is built exactly once, and the copy is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fake_repository import FakeRepository
from healing_parts import GREEN, Ward, open_ward
from hub_parts import rows
from hubwright.domain.job_copies import CopyKind
from hubwright.domain.repos import Repository
from hubwright.hub.healing import HEADS, HOOKS
from hubwright.hub.loads import LOADS, Load, ask_for
from hubwright.hub.replica import Replica
from hubwright.store.database import Database
from hubwright.store.definitions import keep_document
from hubwright.store.links import keep_link
from hubwright.store.schema import build, gh_branch, gh_pull_request, job, task
from hubwright.store.versions import Change
from waiting import next_second, until

PLACE = "/repos/octo/hello"


@pytest.fixture
def ward(database: Database, tmp_path: Path) -> Iterator[Ward]:
    with open_ward(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def replica(ward: Ward) -> Iterator[Replica]:
    """What loads."""
    opened = Replica(ward.database, ward.side.client, "ward", ward.clock, lambda _queue: None)
    try:
        yield opened
    finally:
        opened.close()


def load(ward: Ward, replica: Replica, *listings: str) -> None:
    """Have lists loaded, or with none what is asked for already."""
    if listings:
        where = {"owner": "octo", "repo": "hello"}
        ward.database.write(lambda connection: ask_for(connection, Load(listings=listings, where=where), ward.clock()))

    def step() -> bool:
        replica.drain(LOADS)
        with ward.database.reading() as connection:
            return connection.execute(select(task.c.id).where(task.c.state.in_(("waiting", "leased")))).first() is None

    until(step, 30, "the end of the loads")


def tag(repository: FakeRepository, name: str, *, annotated: bool = False) -> str:
    """Tag the head of main; what the tag's own object is called."""
    options = ("-a", "-m", name) if annotated else ()
    repository.git("-c", "user.name=ada", "-c", "user.email=ada@example.org", "tag", *options, name, "main")
    return repository.git("rev-parse", f"refs/tags/{name}").decode().strip()


def tag_payload(repository: FakeRepository, name: str) -> dict[str, object]:
    """The push as GitHub sends it: `after` is the tag's own object, `head_commit` the commit."""
    payload = repository.push_payload(after=repository.head(), ref=f"refs/tags/{name}")
    own = repository.git("rev-parse", f"refs/tags/{name}").decode().strip()
    return {**payload, "before": "0" * 40, "after": own, "commits": [], "created": True}


def branches(ward: Ward, repository: FakeRepository) -> dict[str, str]:
    """The copy's branches that are not tombstones."""
    found = rows(ward.database, gh_branch, repository_id=repository.id)
    return {row.name: row.sha for row in found if row.deleted_at is None}


def open_pulls(ward: Ward, repository: FakeRepository) -> dict[int, str]:
    found = rows(ward.database, gh_pull_request, repository_id=repository.id)
    return {row.number: row.head_sha for row in found if row.state == "open" and row.deleted_at is None}


@pytest.mark.parametrize("annotated", [False, True])
def test_a_missed_tag_is_built_exactly_once(ward: Ward, annotated: bool) -> None:
    """Found without a hook; the late webhook of the same tag, and further looks, build nothing more."""
    repository = ward.repository()
    tag(repository, "old")
    ward.look()
    assert [key for key in ward.builds() if "tags" in key] == [], "what was there before nobody has missed"
    head = repository.commit({"README": "release\n"}, "Release")
    tag(repository, "v1", annotated=annotated)
    for _ in range(3):
        ward.clock.ahead += 61
        ward.look()
    wanted = {f"refs/tags/v1 {head}": 1, f"refs/heads/main {head}": 1}
    assert {key: count for key, count in ward.builds().items() if head in key} == wanted
    (row,) = rows(ward.database, build, ref="refs/tags/v1")
    assert row.event == "tag"
    late = ward.desk.deliver("push", tag_payload(repository, "v1"))
    ward.desk.work()
    assert ward.desk.delivery(late).outcome == "0 builds"
    assert [one.way for one in ward.missed()] == ["compared", "compared"]


def test_a_tag_whose_webhook_came_is_not_built_again(ward: Ward) -> None:
    """Also where the recipe wants no tags: that was decided once."""
    recipe = "when: {event: push}\nstages:\n- a: 'true'\n"
    repository = ward.github.create_repository("octo/hello", {".hubwright.yml": recipe})
    ward.desk.deliver("push", repository.push_payload())
    ward.desk.work()
    ward.look()
    tag(repository, "v1", annotated=True)
    ward.desk.deliver("push", tag_payload(repository, "v1"))
    ward.desk.work()
    before = ward.builds()
    ward.clock.ahead += 61
    ward.look()
    assert ward.builds() == before
    assert ward.missed() == []


def test_a_tag_that_was_moved_is_built_where_it_is_now(ward: Ward) -> None:
    repository = ward.repository()
    ward.desk.deliver("push", tag_payload(repository, (tag(repository, "nightly"), "nightly")[1]))
    ward.desk.work()
    ward.look()
    head = repository.push({"README": "later\n"})["after"]
    repository.git("tag", "-f", "nightly", "main")
    ward.clock.ahead += 61
    ward.look()
    assert ward.builds()[f"refs/tags/nightly {head}"] == 1


def test_linked_heads_are_built_once_by_each_copy_and_end_with_them(ward: Ward) -> None:
    """Nobody delivers: what moves is found, in its copy, as a webhook would have had it; what is gone closes it."""
    repository = ward.repository()
    (parent,) = rows(ward.database, job)
    here = Repository(id=repository.id, owner="octo", name="hello")
    for kind in CopyKind:
        ward.database.write(lambda it, kind=kind: keep_link(it, here, kind, parent.id, ("**",), ward.clock()))

    def look() -> dict[str, list[str]]:
        """The commits that each copy has built, by then."""
        for _ in range(3):
            ward.clock.ahead += 61
            ward.look()
        copies = [row for row in rows(ward.database, job) if row.copy_of == parent.id]
        return {row.path: [one.sha for one in rows(ward.database, build, job_id=row.id)] for row in copies}

    ward.look()
    head = repository.commit({"a": "1"}, branch="next")
    assert look() == {"octo/hello_next": [head]}
    ward.github.state.pulls["octo/hello"] = [repository.pull_request_payload(7, "next")["pull_request"]]
    assert look() == {"octo/hello_next": [head], "octo/hello_pr7": [head]}
    repository.delete("next")
    look()
    assert rows(ward.database, job, path="octo/hello_next")[0].closed_at is not None


def test_a_hooked_repositorys_tag_is_given_time(ward: Ward) -> None:
    """Its delivery may be on its way; what does not come in half a minute is built."""
    repository = ward.repository()
    ward.hook(PLACE)
    ward.look()
    ward.look()
    head = repository.head()
    tag(repository, "v2")
    ward.look()
    assert f"refs/tags/v2 {head}" not in ward.builds()
    ward.clock.ahead += 31
    ward.drain()
    assert ward.builds()[f"refs/tags/v2 {head}"] == 1
    assert ward.text.endswith("1 recovered, 0 missing")


def test_what_is_only_copied_is_kept_right_and_never_built(ward: Ward, replica: Replica) -> None:
    """No job: branches that moved, came and went, and a pull request that was closed, all without a webhook."""
    repository = ward.github.create_repository("octo/hello", GREEN)
    repository.commit({"a": "1\n"}, "A", branch="going")
    pulls = ward.github.state.pulls
    repository.commit({"b": "1\n"}, "B", branch="topic")
    pulls["octo/hello"] = [repository.pull_request_payload(5, "topic")["pull_request"]]
    load(ward, replica, "repository", "branches", "pulls")
    known = {"main": repository.head(), "going": repository.head("going"), "topic": repository.head("topic")}
    assert branches(ward, repository) == known
    ward.look()
    assert set(ward.watches(HEADS)) == set(ward.watches(HOOKS)) == {PLACE}
    load(ward, replica)
    since = len(ward.github.requests)
    ward.look()
    load(ward, replica)
    assert len(ward.asked("/branches", since=since)) == 1, "nothing moved: nothing is loaded"

    next_second()
    repository.push({"README": "moved\n"})
    repository.git("update-ref", "-d", "refs/heads/going")
    repository.commit({"c": "1\n"}, "C", branch="new")
    pulls["octo/hello"] = []
    ward.look()
    load(ward, replica)
    assert branches(ward, repository) == {name: repository.head(name) for name in ("main", "topic", "new")}
    assert open_pulls(ward, repository) == {}
    assert rows(ward.database, build) == rows(ward.database, job) == []
    assert ward.missed() == []
    (row,) = ward.watches(HEADS).values()
    assert 500 < row.next_try_at - ward.clock() <= 600, "what is not built is not polled each minute"


def test_a_repository_without_a_hook_is_polled_as_its_jobs_say(ward: Ward) -> None:
    """`triggers.poll`: a time is kept to, `false` means never; GitHub is not asked ever more often than that."""
    repository = ward.repository()
    ward.desk.clock.ahead += 4 * 86_400  # the webhook of the first push tells of a hook for three days
    definition = {"repository": "octo/hello", "triggers": {"poll": 15}}

    def poll(often: bool | int) -> float:
        document = {**definition, "triggers": {"poll": often}}
        ward.database.write(lambda it: keep_document(it, "octo/hello", document, Change("ada", ward.clock())))
        ward.look()
        return ward.watches(HEADS)[PLACE].next_try_at - ward.clock()

    assert 13 < poll(often=15) < 17
    assert 40 < poll(often=True) < 70
    assert 500 < poll(often=False) <= 600
    head = repository.commit({"a": "1"})
    ward.look()
    assert head not in {row.sha for row in rows(ward.database, build)}


def test_deliveries_of_what_is_only_copied_are_recovered(ward: Ward, replica: Replica) -> None:
    """Its hook is watched like any other; a missed push is told to the copy."""
    ward.github.create_repository("octo/hello", {"README": "no recipe\n"})
    repository = ward.github.state.repositories["octo/hello"]
    load(ward, replica, "repository", "branches")
    hook = ward.hook(PLACE)
    hook.lose("label", {"action": "created", "label": {"id": 5, "name": "bug", "color": "f00"},
                        "repository": repository.describe()}, at=ward.clock() - 3600)  # fmt: skip
    found = ward.heal(1)
    assert (found.recovered, found.missing) == (1, 0)


def test_strangers_repositories_that_are_only_copied_have_no_hooks_to_see(ward: Ward, replica: Replica) -> None:
    """Whoever loads a public project may not see its hooks, and none sends here: that leaves no doubt."""
    repository = ward.github.create_repository("octo/hello", {"README": "hi\n"})
    load(ward, replica, "repository", "branches")
    ward.github.state.weak_hooks = True
    found = ward.look()
    assert (found.unseen_count, found.unlooked) == (0, 0)
    assert ward.text.endswith("0 missing")
    ward.desk.deliver("label", {"action": "created", "label": {"id": 5, "name": "bug", "color": "f00"},
                                "repository": repository.describe()})  # fmt: skip
    ward.desk.work()
    assert ward.look().unseen_count == 1, "something sends from there, so there may be more that was lost"


def test_branches_that_come_while_the_hub_is_down_are_each_built_once(ward: Ward) -> None:
    """A second process, the same rows: what moved meanwhile is found at its first look."""
    repository = ward.repository()
    ward.look()
    ward.healing.close()
    heads = [repository.commit({**GREEN, "n": f"{number}\n"}, f"C{number}", branch=f"b{number}") for number in range(5)]
    ward.healing = ward.another("next life")
    ward.clock.ahead += 61
    ward.drain()
    ward.look()
    assert {key: count for key, count in ward.builds().items() if "/b" in key} == {
        f"refs/heads/b{number} {head}": 1 for number, head in enumerate(heads)
    }


def test_what_loading_does_not_mend_is_loaded_once_in_an_interval(ward: Ward) -> None:
    """GitHub's lists may contradict each other for long: that must not become a load with every look."""
    repository = ward.repository()
    wrong = {"sha": "0" * 40, "deleted_at": None}
    ward.database.write(
        lambda connection: connection.execute(
            update(gh_branch).where(gh_branch.c.repository_id == repository.id).values(wrong)
        )
    )
    loads = []
    for _ in range(14):
        ward.drain()
        loads.append(len(rows(ward.database, task, queue=LOADS)))
        ward.database.write(lambda connection: connection.execute(task.delete()))  # and the copy stays wrong
        ward.clock.ahead += 61
    assert sum(loads) == 2, loads
