"""What a push, a pull request or a wish becomes: builds, each once, numbered as their commits follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.jobs import Commits, JobSettings
from hubwright.hub.builds import cancel
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.definitions import keep_definition

FILE = ".hubwright.yml"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def define(desk: Desk, path: str, repository: str, *, enabled: bool = True, **settings: Any) -> None:
    made = JobSettings(**settings)
    desk.database.write(
        lambda connection: keep_definition(
            connection, path, made, (repository, None), enabled=enabled, now=desk.clock()
        )
    )


def test_each_commit_of_a_push_is_built_and_the_head_has_the_highest_number(desk: Desk) -> None:
    """Numbers rise with the commits, though the head goes first."""
    repository = desk.repository()
    shas = repository.commit_each([({FILE: RECIPE, "a": str(number)}, f"Commit {number}") for number in range(4)])
    desk.understand("push", repository.push_payload(before="0" * 40))
    builds = {row.sha: row for row in desk.builds()}
    assert [builds[sha].number for sha in shas] == [1, 2, 3, 4]
    assert builds[shas[-1]].priority > 0 >= builds[shas[0]].priority
    assert {row.runs_left for row in builds.values()} == {1}


def test_the_same_push_twice_builds_once(desk: Desk) -> None:
    """R9: however often, and with the newer push before the older one."""
    repository = desk.repository()
    first = repository.push({FILE: RECIPE}, "One")
    second = repository.push({"a": "2"}, "Two")
    for payload in (second, first, second, first):
        desk.understand("push", payload)
    assert sorted(row.sha for row in desk.builds()) == sorted([first["after"], second["after"]])
    assert len(desk.runs()) == 2


def test_older_commits_that_another_branch_brought_are_not_built_again(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    (shared,) = repository.commit_each([({"a": "1"}, "Shared")], branch="main")
    desk.understand("push", repository.push_payload())
    repository.move("topic", shared)
    head = repository.commit({"a": "2"}, branch="topic")
    payload = repository.push_payload("topic", before=repository.find(f"{shared}^"), after=head)
    assert len(payload["commits"]) == 2
    desk.understand("push", payload)
    assert sorted(row.sha for row in desk.builds()) == sorted([shared, head])


def test_a_commit_that_a_push_lists_twice_is_built_once(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit_each([({FILE: RECIPE, "a": str(number)}, "m") for number in range(2)])
    payload = repository.push_payload(before="0" * 40)
    payload["commits"] = [payload["commits"][0]] * 3 + payload["commits"]
    desk.understand("push", payload)
    assert len(desk.builds()) == 2


def test_of_a_large_push_only_so_many_commits_are_built(desk: Desk) -> None:
    define(desk, "team/app", "octo/hello", max_commits_per_push=3)
    repository = desk.repository()
    shas = repository.commit_each([({FILE: RECIPE, "a": str(number)}, "m") for number in range(9)])
    desk.understand("push", repository.push_payload(before="0" * 40))
    assert [row.sha for row in sorted(desk.builds(), key=lambda row: row.number)] == shas[-3:]


def test_a_pull_request_and_the_push_of_the_same_commit_build_once(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    repository.commit({"a": "1"}, branch="topic")
    repository.move("topic", repository.commit({FILE: RECIPE, "b": "1"}, branch="topic"))
    desk.understand("push", repository.push_payload("topic"))
    desk.understand("pull_request", repository.pull_request_payload(7, "topic"))
    assert len(desk.builds(sha=repository.head("topic"))) == 1
    (pull_request,) = rows(desk.database, schema.gh_pull_request)
    assert (pull_request.number, pull_request.head_ref) == (7, "topic")


def test_a_fork_gets_no_secret(desk: Desk) -> None:
    """S25: the same recipe names them; its assignment does not."""
    repository, fork = desk.repository(), desk.repository("mallory/hello")
    recipe = "secrets: [TOKEN]\n" + RECIPE
    repository.commit({FILE: recipe})
    head = fork.commit({FILE: recipe, "evil": "1"}, branch="topic")
    repository.git("fetch", "-q", str(fork.path), "+refs/heads/topic:refs/pull/3/head")
    desk.understand("push", repository.push_payload())
    desk.understand("pull_request", repository.pull_request_payload(3, "topic", head=fork))
    own, foreign = (desk.runs(build_id=desk.builds(sha=sha)[0].id)[0] for sha in (repository.head(), head))
    assert own.assignment["secrets"] == {"TOKEN": ""}
    assert foreign.assignment.get("secrets", {}) == {}
    assert [desk.builds(sha=sha)[0].trust for sha in (repository.head(), head)] == ["trusted", "untrusted"]
    assert [run.assignment["trust"] for run in (own, foreign)] == ["trusted", "untrusted"]
    assert foreign.assignment["env"]["CI_COMMIT_PULL_REQUEST"] == "3"
    assert foreign.assignment["source"]["ref"] == "refs/pull/3/head"


def test_every_job_of_a_repository_builds_in_its_own_way(desk: Desk) -> None:
    define(desk, "team/app", "octo/hello", env={"WHICH": "app"})
    define(desk, "team/lint", "octo/hello", recipe="stages:\n  - lint: ruff\n", commits=Commits.HEAD, checkout=False)
    repository = desk.repository()
    repository.commit_each([({FILE: RECIPE, "a": str(number)}, "m") for number in range(2)])
    desk.understand("push", repository.push_payload(before="0" * 40))
    jobs = {row.id: row.path for row in rows(desk.database, schema.job)}
    assert sorted(jobs[row.job_id] for row in desk.builds()) == ["team/app", "team/app", "team/lint"]
    stages = {run.assignment["stages"][0]["name"]: run.assignment for run in desk.runs()}
    assert stages["lint"]["source"]["checkout"] is False
    assert stages["build"]["env"]["WHICH"] == "app"
    assert "WHICH" not in stages["lint"]["env"]


def test_a_disabled_job_is_not_built_nor_is_another_made_for_it(desk: Desk) -> None:
    """Its repository has a job: that nobody wants it built is not the same as that nobody has heard of it."""
    repository = desk.repository()
    define(desk, "octo/hello", "octo/hello", enabled=False)
    desk.understand("push", repository.push({FILE: RECIPE}))
    assert desk.builds() == []
    assert len(rows(desk.database, schema.job)) == 1
    assert len(rows(desk.database, schema.gh_commit)) == 1


def test_an_owner_who_may_not_build_is_kept_and_not_built(database: Database, tmp_path: Path) -> None:
    with open_desk(database, tmp_path, owners=("Octo",)) as desk:
        mine, theirs = desk.repository("octo/hello"), desk.repository("mallory/hello")
        for repository in (mine, theirs):
            desk.understand("push", repository.push({FILE: RECIPE}))
        assert {row.repository for row in desk.builds()} == {"octo/hello"}
        assert {row.repository_id for row in rows(database, schema.gh_commit)} == {mine.id, theirs.id}


@pytest.mark.parametrize(
    ("recipe", "shown"),
    [
        ("stages:\n  - test: make\n    runs: 2\n", "3 |"),
        ("stages: [{test: \x00}]\n", "U+0000"),
        ("platforms: [" + "p" * 150 + "]\nstages:\n  - test: x\n", "too long"),
        ("a: &a [*a]\n", "FILE"),
    ],
)
def test_a_wrong_recipe_is_a_failed_build_that_shows_the_lines(desk: Desk, recipe: str, shown: str) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: recipe}))
    (build,) = desk.builds()
    assert (build.state, build.result, build.runs_left) == ("finished", "failure", 0)
    assert shown.replace("FILE", FILE) in build.problem
    assert build.problem.startswith(FILE)
    assert [row.kind for row in rows(desk.database, schema.fact, build_id=build.id)] == ["BuildQueued", "BuildFinished"]


def test_a_repository_without_recipe_or_known_project_says_what_to_do(desk: Desk) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({"README": "hello"}))
    (build,) = desk.builds()
    assert build.result == "failure"
    assert "Add a file .hubwright.yml" in build.problem


@pytest.mark.parametrize(
    ("names", "result"),
    [
        ((b"m\xff\n.c", b"Makefile"), None),
        ((b"m\xff.c",), "failure"),
        ((b"m\n.c",), "failure"),
        ((b"\xff.c", b"b.c"), None),
    ],
)
def test_file_names_that_are_no_text_stop_no_detection(
    desk: Desk, names: tuple[bytes, ...], result: str | None
) -> None:
    """Names of files are bytes to git, and data to us."""
    repository = desk.repository()
    payload = repository.push({"a": "1"})
    source = repository.git("hash-object", "-w", "--stdin", stdin=b"int main(void) { return 0; }\n").strip()
    make = repository.git("hash-object", "-w", "--stdin", stdin=b"all:\n\tcc -c *.c\n").strip()
    lines = [b"100644 blob %b\t%b\x00" % (make if name == b"Makefile" else source, name) for name in names]
    tree = repository.git("mktree", "-z", stdin=b"".join(lines)).decode().strip()
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    odd = repository.git(*who, "commit-tree", "-m", "odd", tree).decode().strip()
    repository.move("main", odd)
    desk.understand("push", {**payload, "after": odd, "commits": [], "head_commit": None})
    (build,) = desk.builds()
    assert build.result == result, build.problem
    assert result is not None or build.recipe.startswith("detected")


def test_when_nothing_applies_the_build_is_a_skip(desk: Desk) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: "when: {branch: release}\n" + RECIPE}))
    (build,) = desk.builds()
    assert (build.state, build.result) == ("finished", "skip")
    assert "Nothing in the recipe applies" in build.problem


def test_commits_that_ask_for_no_build_get_none(desk: Desk) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: RECIPE}, "Typo [skip ci]"))
    assert desk.builds() == []


def test_a_deleted_branch_starts_nothing_and_is_remembered(desk: Desk) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: RECIPE}))
    before = repository.head()
    desk.understand("push", repository.push_payload(before=before, after="0" * 40))
    assert len(desk.builds()) == 1
    (branch,) = rows(desk.database, schema.gh_branch)
    assert branch.sha is None
    assert branch.deleted_at is not None


def test_a_tag_is_built_as_a_tag(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    repository.tag("v1", str(repository.head()))
    desk.understand("push", repository.push_payload(before="0" * 40, after=repository.head(), ref="refs/tags/v1"))
    (build,) = desk.builds()
    assert (build.event, build.branch, build.ref) == ("tag", None, "refs/tags/v1")
    (run,) = desk.runs()
    assert run.assignment["env"]["CI_COMMIT_TAG"] == "v1"


def test_an_unreachable_repository_is_waited_for_by_every_commit(desk: Desk) -> None:
    """Its builds show at once, say why they wait, and are filled when it answers."""
    repository = desk.repository()
    repository.commit_each([({FILE: RECIPE, "a": str(number)}, "m") for number in range(3)])
    payload = repository.push_payload(before="0" * 40)
    away = repository.path.rename(repository.path.with_suffix(".away"))
    assert "can't be fetched" in str(desk.understand("push", payload))
    assert [(row.state, row.runs_left, "can't be fetched" in row.problem) for row in desk.builds()] == [
        ("queued", 0, True)
    ] * 3
    assert {row.retry_at for row in desk.builds()} == {desk.clock() + 1.0}, "it tells when it is tried again"
    away.rename(repository.path)
    assert desk.understand("push", payload) is None
    assert [(row.state, row.runs_left, row.problem) for row in desk.builds()] == [("queued", 1, None)] * 3
    assert len(desk.runs()) == 3


def test_a_repository_that_stays_away_ends_its_builds_as_errors(desk: Desk) -> None:
    repository = desk.repository()
    payload = repository.push({FILE: RECIPE})
    repository.path.rename(repository.path.with_suffix(".away"))
    desk.understand("push", payload)
    assert desk.understand("push", payload, patient=False) is None
    (build,) = desk.builds()
    assert (build.state, build.result) == ("finished", "error")


def test_a_commit_that_is_gone_for_good_is_an_error_at_once(desk: Desk) -> None:
    """A force push took it; the others of the push are built."""
    repository = desk.repository()
    lost = repository.push({FILE: RECIPE, "a": "1"}, "Lost")
    other = repository.commit({FILE: RECIPE, "b": "1"}, branch="other")
    repository.move("main", other)
    repository.prune()
    assert desk.understand("push", lost) is None
    (build,) = desk.builds()
    assert (build.state, build.result) == ("finished", "error")
    assert "no longer has commit" in build.problem


def test_what_was_cancelled_while_it_waited_is_not_filled_later(desk: Desk) -> None:
    repository = desk.repository()
    payload = repository.push({FILE: RECIPE})
    away = repository.path.rename(repository.path.with_suffix(".away"))
    desk.understand("push", payload)
    (build,) = desk.builds()
    desk.database.write(lambda connection: cancel(connection, build.id, desk.clock(), "no"))
    away.rename(repository.path)
    desk.understand("push", payload)
    assert desk.runs() == []
    assert desk.builds()[0].result == "cancellation"


def test_platforms_of_the_job_stand_in_for_those_of_the_recipe(desk: Desk) -> None:
    define(desk, "team/app", "octo/hello", platforms=("linux-*", "windows"))
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: RECIPE}))
    assert sorted(row.platform for row in desk.runs()) == ["linux-*", "windows"]
    assert desk.builds()[0].runs_left == 2


def test_text_of_any_size_and_kind_is_kept(desk: Desk) -> None:
    """Names and messages as attack: they are data, on both databases."""
    repository = desk.repository()
    payload = repository.push({FILE: RECIPE}, "m")
    hostile = "<script>alert(1)</script> ' ; DROP TABLE build; -- \U0001f600 \u202e" + "x" * 200_000
    commit = {**payload["commits"][0], "message": hostile, "timestamp": "9" * 20_000}
    payload |= {"commits": [commit], "head_commit": commit}
    desk.understand("push", payload)
    (build,) = desk.builds()
    assert build.message == hostile
    (run,) = desk.runs()
    assert len(run.assignment["env"]["CI_COMMIT_MESSAGE"].encode()) < 128 * 1024


def test_a_commit_that_only_a_fork_had_built_is_built_when_it_is_pushed(desk: Desk) -> None:
    """S17: what ran without secrets is no answer for the branch; nor may anybody's wish make it trusted."""
    repository, fork = desk.repository(), desk.repository("mallory/hello")
    base = repository.commit({FILE: RECIPE})
    desk.understand("push", repository.push_payload())
    fork.git("fetch", "-q", str(repository.path), "+refs/heads/main:refs/heads/main")
    merged = fork.commit({"a": "1"})
    repository.git("fetch", "-q", str(fork.path), "+refs/heads/main:refs/pull/3/head")
    desk.understand("pull_request", repository.pull_request_payload(3, "main", head=fork))
    desk.wishes.start("octo/hello", None, merged, "ada", "wish", desk.clock())
    desk.work()
    assert {row.trust for row in desk.builds(sha=merged)} == {"untrusted"}
    repository.git("fetch", "-q", str(fork.path), "+refs/heads/main:refs/heads/merged")
    repository.move("main", merged)
    repository.commit({"b": "2"})
    desk.understand("push", repository.push_payload(before=base))
    assert sorted(row.trust for row in desk.builds(sha=merged)) == ["trusted", "untrusted", "untrusted"]
    desk.wishes.start("octo/hello", None, merged, "ada", "another wish", desk.clock())
    assert {row.trust for row in desk.builds(sha=merged, event="manual")} == {"untrusted", "trusted"}
