"""GitHub's number is a repository's identity; its name may change, and pass to another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.domain.repos import Repository
from hubwright.store import schema
from hubwright.store.database import Database

FILE = ".hubwright.yml"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def test_a_job_that_was_registered_by_name_learns_its_number(desk: Desk) -> None:
    """Else a rename would lose it, and the next push would make a second job."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    desk.wishes.register(Repository(id=None, owner="octo", name="hello"), None, None, desk.clock())
    payload = repository.push({FILE: RECIPE, "a": "1"}, "next")
    desk.understand("push", payload)

    (job,) = rows(desk.database, schema.job)
    assert job.repository_id == payload["repository"]["id"]


def test_a_renamed_repository_keeps_its_job_and_its_old_name_is_free(desk: Desk) -> None:
    """Builds of a repository that takes the old name must not appear under the job of the first."""
    first = desk.repository()
    desk.understand("push", first.push({FILE: RECIPE}, "one"))
    payload = first.push({FILE: RECIPE, "a": "1"}, "two")
    payload["repository"] |= {"name": "renamed", "full_name": "octo/renamed"}
    desk.understand("push", payload)
    (job,) = rows(desk.database, schema.job)
    assert (job.path, job.repository) == ("octo/hello", "octo/renamed")

    other = {**payload["repository"], "id": 99, "name": "hello", "full_name": "octo/hello"}
    desk.understand("push", {**payload, "repository": other})
    paths = {job.path: job.repository for job in rows(desk.database, schema.job)}
    assert paths == {"octo/hello": "octo/renamed", "octo/hello-99": "octo/hello"}
