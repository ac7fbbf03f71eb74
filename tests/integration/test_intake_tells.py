"""What deliveries tell of GitHub goes into the copy, in the transaction of what they lead to."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub_parts import RECIPE, Desk, open_desk, rows, wait_for_lanes
from hubwright.domain.replica import FollowUp
from hubwright.hub.intake import Intake
from hubwright.hub.loads import FOLLOW_UPS
from hubwright.hub.pressure import Pressure
from hubwright.hub.taken import form_portions
from hubwright.store import schema
from hubwright.store.database import Database
from payload_corpus import all_payloads

FILE = ".hubwright.yml"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database, tmp_path) as opened:
        yield opened


def payload_of(event: str, action: str) -> dict[str, Any]:
    """A published one."""
    return next(payload for name, payload in all_payloads() if name == event and payload.get("action") == action)


def test_events_that_build_nothing_become_rows(desk: Desk) -> None:
    """In any order and doubled; GitHub's deletion is final."""
    opened, deleted = payload_of("issues", "opened"), payload_of("issues", "deleted")
    deleted["issue"] = {**opened["issue"], "title": "the last"}
    numbers = [desk.deliver("issues", payload) for payload in (deleted, opened, opened)]
    desk.work()
    assert {desk.delivery(number).state for number in numbers} == {"done"}
    (issue,) = rows(desk.database, schema.gh_issue)
    assert issue.deleted_at == issue.last_replicated_via_webhook_at == issue.last_replicated_at
    assert issue.user_login == opened["issue"]["user"]["login"]
    assert {row.login for row in rows(desk.database, schema.gh_user)} >= {issue.user_login}


def test_a_push_that_can_t_be_built_tells_what_it_can(desk: Desk) -> None:
    """Nothing that one part of a document lacks costs the others."""
    payload = desk.repository().push({FILE: RECIPE})
    payload["after"] = "not a sha"
    number = desk.deliver("push", payload)
    desk.work()
    assert desk.delivery(number).state == "failed"
    assert [row.full_name for row in rows(desk.database, schema.gh_repository)] == ["octo/hello"]
    assert len(rows(desk.database, schema.gh_commit)) == 1


def test_late_news_of_a_pull_request_in_the_same_batch_are_late(desk: Desk) -> None:
    """The second asks how the pull request stands when the first has been kept."""
    repository = desk.repository()
    repository.commit({FILE: RECIPE})
    old_head = repository.commit({FILE: RECIPE, "a": "1"}, branch="topic")
    old = repository.pull_request_payload(3, "topic")
    repository.commit({FILE: RECIPE, "a": "2"}, branch="topic")
    new = repository.pull_request_payload(3, "topic", action="synchronize")
    for payload in (new, old):
        desk.deliver("pull_request", payload)
    desk.work()
    (pull,) = rows(desk.database, schema.gh_pull_request)
    assert pull.head_sha == new["pull_request"]["head"]["sha"] != old_head


def test_a_batch_that_builds_nothing_knows_what_is_late(database: Database, tmp_path: Path) -> None:
    """Nobody is asked about any of it; late news of a pull request is no fact, in one batch or in two."""
    with open_desk(database, tmp_path, owners=("nobody",)) as desk:
        opened = payload_of("pull_request", "opened")
        told = {action: copy.deepcopy(opened) for action in ("opened", "synchronize", "reopened")}
        for day, (action, payload) in enumerate(told.items(), 1):
            payload["action"] = action
            payload["pull_request"]["updated_at"] = f"2026-11-0{day}T00:00:00Z"
        numbers = [desk.deliver("pull_request", told[action]) for action in ("opened", "reopened", "synchronize")]
        desk.work()
        numbers.append(desk.deliver("pull_request", told["opened"]))
        desk.work()
        assert {desk.delivery(number).outcome for number in numbers} == {"the owner is not one of GITHUB__OWNERS"}
        facts = [row.data["action"] for row in rows(desk.database, schema.fact)]
        assert facts == ["opened", "reopened"]


def test_portions_are_bounded_by_their_bytes() -> None:
    """In their order; one that is larger than a portion is a portion."""
    sizes = [400_000, 400_000, 400_000, 3_000_000, 1, 2]
    told = [SimpleNamespace(body=bytes(size)) for size in sizes]
    portions: Any = form_portions(told)  # type: ignore[arg-type]
    assert [[len(row.body) for row in some] for some in portions] == [
        [400_000, 400_000],
        [400_000],
        [3_000_000],
        [1, 2],
    ]


def test_what_an_event_leaves_open_is_asked_for_in_the_same_transaction(desk: Desk) -> None:
    """And its queue is woken at once; one that leaves nothing open wakes nobody."""
    told: list[FollowUp] = []

    def follow(_connection: Any, wishes: Any, _now: float) -> int:
        told.extend(wishes)
        return len(told)

    intake = Intake(desk.database, desk.understanding, "other", desk.clock, desk.woken.append, Pressure(), follow)
    desk.deliver("star", payload_of("star", "created"))
    intake.drain()
    wait_for_lanes(intake)
    assert FOLLOW_UPS not in desk.woken
    desk.deliver("label", payload_of("label", "edited"))
    desk.deliver("membership", payload_of("membership", "removed"))
    intake.drain()
    wait_for_lanes(intake)
    intake.close()
    assert {wish.listing for wish in told} >= {"label"}
    assert FOLLOW_UPS in desk.woken
    assert len(rows(desk.database, schema.gh_label)) == 1
