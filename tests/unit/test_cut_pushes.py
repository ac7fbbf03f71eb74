"""A push that lists fewer commits than it has: what is missing is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from hubwright.domain.replica import FollowUp
from hubwright.github.listings import LISTINGS
from hubwright.github.payloads import MAX_COMMITS
from hubwright.github.records import read_delivery

BEFORE, AFTER, NONE = "b" * 40, "a" * 40, "0" * 40
REPOSITORY = {"id": 7, "name": "hello", "full_name": "octo/hello", "default_branch": "main"}
PLACE = {"owner": "octo", "repo": "hello", "repository_id": 7}


def follow_ups(count: int, *, head: bool = True, **told: Any) -> tuple[FollowUp, ...]:
    """Those of a push of so many commits, whose list ends with the head or lacks it."""
    commits = [{"id": f"{number:040x}"} for number in range(count - head)] + [{"id": AFTER}] * head
    push = {"ref": "refs/heads/topic", "before": BEFORE, "after": AFTER, "commits": commits, "repository": REPOSITORY}
    return read_delivery("push", {**push, **told}, 1_800_000_000.0).follow_ups


def compared(before: str) -> tuple[FollowUp, ...]:
    return (FollowUp("compared", tuple(sorted({**PLACE, "before": before, "after": AFTER}.items()))),)


def test_a_push_that_lists_all_leaves_nothing_open() -> None:
    assert follow_ups(3) == follow_ups(3, size=3) == ()
    assert follow_ups(0, head=False) == ()  # a branch of commits that are known
    assert follow_ups(3, head=False, ref="refs/tags/v1") == ()  # an annotated tag has an object of its own


@pytest.mark.parametrize(
    ("count", "told"),
    [(MAX_COMMITS, {}), (20, {"size": 21}), (20, {"head": False}), (0, {"head": False, "size": 2})],
    ids=["GitHub's bound", "size", "no head", "none listed"],
)
def test_what_a_push_leaves_out_is_found_by_comparing(count: int, told: dict[str, Any]) -> None:
    assert follow_ups(count, **told) == compared(BEFORE)


def test_a_new_branch_is_compared_with_the_default_one() -> None:
    """It has no commit from before; the first push of all is the default branch itself."""
    assert follow_ups(20, before=NONE, size=50) == compared("main")
    (whole,) = follow_ups(20, before=NONE, size=50, ref="refs/heads/main")
    assert (whole.listing, dict(whole.where)) == ("commits", PLACE)
    assert {*LISTINGS["compared"].parameters} <= dict(follow_ups(20, size=50)[0].where).keys()


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, {"id": []}, {"id": {}}])
def test_odd_commits_harm_nothing(odd: Any) -> None:
    push = {
        "ref": "refs/heads/topic",
        "before": BEFORE,
        "after": AFTER,
        "commits": [odd, odd],
        "repository": REPOSITORY,
    }
    assert len(read_delivery("push", push, 1_800_000_000.0).follow_ups) <= 1
