"""Where commits come from: the operator's addresses, never those of a payload; and what of an event is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.repos import Repository
from hubwright.errors import GitHubUnavailableError
from hubwright.store import schema
from hubwright.store.database import Database

FILE = ".hubwright.yml"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def job_of(clone_url: str | None) -> Job:
    return Job(id=1, path="a/b", repository_id=None, repository="a/b", clone_url=clone_url, settings=JobSettings())


def test_the_operators_base_and_token_are_used_and_a_foreign_address_gets_no_token(
    database: Database, tmp_path: Path
) -> None:
    """A token goes to the forge that it belongs to and nowhere else."""
    with open_desk(database, tmp_path, clone_base="https://github.com", token_of=lambda owner: f"for-{owner}") as desk:
        ours = desk.understanding.origin_of(job_of(None))
        assert (ours.clone_url, ours.token_of()) == ("https://github.com/a/b.git", "for-a")
        theirs = desk.understanding.origin_of(job_of("https://example.org/a/b.git"))
        assert (theirs.clone_url, theirs.token_of()) == ("https://example.org/a/b.git", None)


def test_nobody_is_asked_for_a_token_that_git_does_not_need(database: Database, tmp_path: Path) -> None:
    """A token of an App may cost a request to GitHub: no transaction waits for one, and no push for a GitHub that is
    down while its repository answers.
    """

    def ask(_owner: str) -> str:
        raise GitHubUnavailableError("GitHub does not answer.")

    with open_desk(database, tmp_path, token_of=ask) as desk:
        repository = desk.repository()
        assert desk.understand("push", repository.push({FILE: RECIPE})) is None
        assert len(desk.runs()) == 1
        sha = repository.push({FILE: RECIPE, "more": "1"})["after"]
        asked = desk.wishes.start("octo/hello", None, sha, "ann", "1", desk.clock())
        desk.work()
        assert [run.build_id for run in desk.runs()][-1] == asked.build_id


def test_an_address_in_a_payload_is_never_fetched(desk: Desk, tmp_path: Path) -> None:
    """S39."""
    repository, evil = desk.repository(), desk.repository("evil/hello")
    evil.commit({FILE: RECIPE, "evil": "1"})
    payload = repository.push({FILE: RECIPE})
    for key in ("clone_url", "git_url", "ssh_url", "url", "html_url"):
        payload["repository"][key] = evil.clone_url
    desk.understand("push", payload)
    (run,) = desk.runs()
    assert run.assignment["source"]["clone_url"] == f"file://{tmp_path}/remotes/octo/hello.git"


def test_a_push_tells_of_repository_commits_and_branch(desk: Desk) -> None:
    repository = desk.repository()
    shas = repository.commit_each([({FILE: RECIPE, "a": str(number)}, f"m{number}") for number in range(3)])
    payload = repository.push_payload(before="0" * 40)
    desk.understand("push", payload)
    desk.understand("push", payload)
    assert {row.sha for row in rows(desk.database, schema.gh_commit)} == set(shas)
    (known,) = rows(desk.database, schema.gh_repository)
    assert (known.full_name, known.default_branch) == ("octo/hello", "main")
    (branch,) = rows(desk.database, schema.gh_branch)
    assert (branch.name, branch.sha, branch.deleted_at) == ("main", shas[-1], None)


def test_deleting_and_making_branches_is_told(desk: Desk) -> None:
    repository = desk.repository()
    desk.understand("push", repository.push({FILE: RECIPE}))
    desk.understand("create", repository.ref_payload("topic"))
    desk.understand("delete", repository.ref_payload("main"))
    kinds = [row.kind for row in rows(desk.database, schema.fact)]
    assert kinds.count("RefCreated") == kinds.count("RefDeleted") == 1
    gone = {row.name: row.deleted_at is not None for row in rows(desk.database, schema.gh_branch)}
    assert gone == {"main": True, "topic": False}


def test_a_wish_for_a_job_that_is_gone_makes_no_new_one(desk: Desk) -> None:
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    desk.wishes.register(Repository(id=None, owner="octo", name="hello"), None, None, desk.clock())
    for table in (schema.build, schema.job):
        desk.database.write(lambda connection, table=table: connection.execute(delete(table)))
    desk.work()
    assert rows(desk.database, schema.job) == []
    assert rows(desk.database, schema.delivery)[0].outcome == "the job is gone"


def test_a_renamed_repository_keeps_its_job(desk: Desk) -> None:
    """GitHub's number is the identity, the name is not."""
    repository = desk.repository()
    first = repository.push({FILE: RECIPE})
    desk.understand("push", first)
    second = repository.push({"a": "2"})
    second["repository"] |= {"name": "renamed", "full_name": "octo/renamed"}
    desk.understand("push", second)
    assert len(rows(desk.database, schema.job)) == 1
    assert [row.number for row in desk.builds()] == [1, 2]
