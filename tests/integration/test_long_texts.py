"""Texts longer than GitHub's own limits: every delivery is understood all the same, and kept whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_parts import RECIPE, Desk, open_desk, rows
from hubwright.store import schema
from hubwright.store.database import Database
from payload_corpus import all_payloads

LONG = "é" * 1200
BUILT = {"push", "pull_request", "merge_group"}
NEEDED = {
    "full_name", "ref", "sha", "before", "after", "head_sha", "head_branch", "default_branch", "state", "action",
    "ref_type", "type", "status", "conclusion", "tree_id", "filename", "identifier", "external_id", "due_on",
}  # fmt: skip
"""What a repository, a branch, a commit or a state is told by; a text of another form means something else."""

PLACES = {"repository", "repo", "forkee", "parent", "source", "owner", "base", "head"}
"""Whose names are parts of addresses."""


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def lengthen(value: Any, name: str = "", above: str = "") -> Any:
    """The same document with long texts wherever GitHub has free ones, names of people and things included."""
    if isinstance(value, dict):
        return {key: lengthen(each, key, name) for key, each in value.items()}
    if isinstance(value, list):
        return [lengthen(each, name, above) for each in value]
    if not isinstance(value, str) or name in NEEDED or name.endswith("_at") or name == "timestamp":
        return value
    if (above in PLACES and name in {"name", "login", "label"}) or (
        name == "id" and above in {"commits", "head_commit"}
    ):
        return value
    return value + LONG


def test_no_delivery_fails_for_a_long_text(desk: Desk) -> None:
    """All published payloads but those that are built: people, labels, titles, addresses of over two thousand bytes."""
    told = [(event, payload) for event, payload in all_payloads() if event not in BUILT]
    numbers = [desk.deliver(event, lengthen(payload)) for event, payload in told]

    desk.work()

    failed = [(told[at][0], desk.delivery(number).error) for at, number in enumerate(numbers)
              if desk.delivery(number).state != "done"]  # fmt: skip
    assert failed == []
    assert any(row.login.endswith(LONG) for row in rows(desk.database, schema.gh_user))


def test_what_is_built_may_be_of_people_with_long_names(desk: Desk) -> None:
    """The row of the copy has all of it; what a build shows of its author is cut."""
    repository = desk.repository()
    payload = lengthen(repository.push({".hubwright.yml": RECIPE}))
    repository.push({"README": "more"}, branch="topic")
    opened = lengthen(repository.pull_request_payload(7, "topic"))
    for commit in [*payload["commits"], payload["head_commit"]]:
        commit["author"]["username"] = "octocat" + LONG
    opened["pull_request"]["user"]["login"] = "octocat" + LONG
    numbers = [desk.deliver("push", payload), desk.deliver("pull_request", opened)]

    desk.work()

    assert [desk.delivery(number).state for number in numbers] == ["done", "done"]
    assert [build.author_login for build in desk.builds()] == [("octocat" + LONG)[:100]] * 2
    assert {row.user_login for row in rows(desk.database, schema.gh_pull_request)} == {"octocat" + LONG}
