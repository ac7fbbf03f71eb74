"""Who approved may have lost the right to write before the run begins: it is asked again then (S13)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from builder_process import scenario
from fake_github import FakeGitHub
from fake_github_state import Fault
from fork_parts import Fork, comment, outcome
from hub_parts import open_desk, open_floor, rows
from hubwright.domain.facts import FactKind
from hubwright.github.client import GitHubClient
from hubwright.hub.approvals import approve
from hubwright.hub.doubts import Doubts
from hubwright.hub.moves import lease
from hubwright.hub.permissions import find_refusal
from hubwright.store import schema
from hubwright.store.approvals import APPROVER_KNOWN, Approver
from hubwright.store.database import Database
from hubwright.store.tokens import find_token, keep_session, keep_token, revoke_token
from hubwright.store.views import load_build
from hubwright.store.views_waiting import load_waiting_runs, load_waits
from hubwright.wire import Do


class Ground:
    """A fork's pull request that grace, GitHub user 7, has approved; GitHub says what she may."""

    def __init__(self, fork: Fork, github: FakeGitHub, doubts: Doubts, woken: list[str]) -> None:
        self.fork, self.github, self.doubts, self.woken = fork, github, doubts, woken
        self.database, self.clock = fork.desk.database, fork.desk.clock

    def may(self, permission: str) -> None:
        self.github.state.permissions["grace"] = (7, permission)

    def approve(self) -> None:
        self.may("write")
        told = outcome(self.fork, comment(self.fork, f"/hubwright approve {self.fork.head.head('topic')}"))
        assert told == "approved: 1 build"

    def lease(self) -> list[Any]:
        """A builder is free."""
        number = max(run.id for run in self.fork.desk.runs())
        return self.database.write(lambda it: lease(it, [(number, "anvil")], self.clock()))

    def reason(self) -> Any:
        """Why it waits: the same on the build and in the queue."""
        with self.database.reading() as connection:
            build = load_build(connection, 1)
            ((_, queued),) = load_waiting_runs(connection, 5, self.clock())
            waits = load_waits(connection, build, self.clock())
        (run,) = (each for each in build.runs if each.state == "held")
        assert waits[run.id].reasons == queued.reasons
        return queued.reasons[0]

    def asked(self) -> int:
        return sum("permission" in one.path for one in self.github.state.requests)


@pytest.fixture
def ground(database: Database, tmp_path: Path) -> Iterator[Ground]:
    with FakeGitHub() as github, GitHubClient(github.api_url, github.token, timeout=2) as client:
        refusal_of = partial(find_refusal, client)
        with open_desk(database, tmp_path, refusal_of=refusal_of) as desk:
            fork = Fork(desk)
            fork.push()
            fork.tell()
            woken: list[str] = []
            yield Ground(fork, github, Doubts(database, refusal_of, desk.clock, woken.append), woken)


def test_a_fresh_approval_asks_nobody(ground: Ground) -> None:
    """What GitHub has said holds for a minute."""
    ground.approve()
    ground.clock.now += APPROVER_KNOWN - 1
    assert [row.builder for row in ground.lease()] == ["anvil"]
    assert ground.doubts.drain() is None


def test_an_older_one_is_asked_again_and_goes_on(ground: Ground) -> None:
    """Held while GitHub is asked, with the reason in words; then in the queue again, and leased without a question."""
    ground.approve()
    ground.clock.now += APPROVER_KNOWN + 1
    assert ground.lease() == []
    assert ground.fork.states() == ["held"]
    assert ground.fork.facts(FactKind.RUN_STARTED) == []
    reason = ground.reason()
    assert (reason.kind, reason.more) == ("approver", {"approver": "grace", "again": ground.clock.now})
    assert ground.doubts.drain() is None
    assert ground.fork.states() == ["queued"]
    assert "runs" in ground.woken
    (run,) = ground.lease()
    assert (run.lease, run.started_at) == (1, ground.clock())


def test_who_was_demoted_meanwhile_has_approved_nothing(ground: Ground) -> None:
    """S13: the approval ends, the build waits for another one, and both are told."""
    ground.approve()
    ground.may("read")
    ground.clock.now += APPROVER_KNOWN + 1
    assert ground.lease() == []
    ground.doubts.drain()
    assert ground.fork.states() == ["held"]
    assert ground.reason().kind == "held"
    (fact,) = ground.fork.facts(FactKind.APPROVAL_REARMED)
    assert "grace may not write" in fact.data["why"]
    assert ground.lease() == []
    assert ground.fork.approve() == 1
    assert len(ground.lease()) == 1


def test_a_login_that_is_somebody_elses_now_has_approved_nothing(ground: Ground) -> None:
    """S10: GitHub's number is who approved; the login may have been given to another user."""
    ground.approve()
    ground.github.state.permissions["grace"] = (8, "admin")
    ground.clock.now += APPROVER_KNOWN + 1
    ground.lease()
    ground.doubts.drain()
    assert ground.reason().kind == "held"


def test_while_github_is_away_it_waits_and_says_so(ground: Ground) -> None:
    """It is asked again by itself; nothing begins meanwhile; a hub's own token may approve in its place."""
    ground.approve()
    ground.clock.now += APPROVER_KNOWN + 1
    ground.lease()
    ground.github.state.faults.extend(Fault(status=503) for _ in range(2))
    again = ground.doubts.drain()
    assert again is not None
    assert 0 < again - ground.clock() <= 300
    assert ground.fork.states() == ["held"]
    assert "tried again by itself" in ground.reason().sentence
    ground.clock.now = again
    later = ground.doubts.drain()
    assert later is not None
    assert later - ground.clock() > again - ground.clock()
    ground.clock.now = later
    assert ground.doubts.drain() is None
    assert ground.fork.states() == ["queued"]

    ground.clock.now += APPROVER_KNOWN + 1
    ground.lease()
    assert ground.fork.approve() == 1
    assert len(ground.lease()) == 1


def test_a_push_ends_an_approval_in_doubt(ground: Ground) -> None:
    """S11: and what GitHub then says of who approved the old commit lets nothing go."""
    ground.approve()
    ground.clock.now += APPROVER_KNOWN + 1
    ground.lease()
    ground.fork.push(evil="1")
    ground.fork.tell("synchronize")
    ground.doubts.drain()
    assert ground.fork.states() == ["finished", "held"]


def test_one_question_for_all_that_somebody_approved(ground: Ground) -> None:
    """Ten builds of one approver at one repository are one request."""
    for number in range(9):
        desk = ground.fork.desk
        desk.wishes.start(
            "octo/hello", "refs/pull/3/head", ground.fork.head.head("topic"), "ada", f"w{number}", desk.clock()
        )
    desk.work()
    ground.may("write")
    outcome(ground.fork, comment(ground.fork, f"/hubwright approve {ground.fork.head.head('topic')}"))
    before = ground.asked()
    ground.clock.now += APPROVER_KNOWN + 1
    pairs = [(run.id, "anvil") for run in desk.runs()]
    assert ground.database.write(lambda it: lease(it, pairs, ground.clock())) == []
    ground.doubts.drain()
    assert ground.asked() == before + 1
    assert len(ground.database.write(lambda it: lease(it, pairs, ground.clock()))) == 10


def test_a_token_that_is_revoked_has_approved_nothing(ground: Ground) -> None:
    """S13 for those who approve with a token of the hub; a browser that logs out takes nothing back."""
    database, now = ground.database, ground.clock()

    def add(connection: Any) -> list[int]:
        texts = [
            keep_token(connection, "a" * 43, name="ada", role="write", now=now),
            keep_session(connection, "b" * 43, role="write", now=now, expires=now + 1000),
        ]
        found = [find_token(connection, text, now) for text in texts]
        return [one.id for one in found if one is not None]

    token, session = database.write(add)
    sha = ground.fork.head.head("topic")
    for number, stays in ((token, False), (session, True)):
        by = Approver(token_name="ada", token_id=number)
        assert database.write(lambda it, by=by: approve(it, 1, sha, by, now)) == 1
        assert database.write(lambda it, number=number: revoke_token(it, number, now))
        assert len(ground.lease()) == stays
        ground.doubts.drain()
    assert "revoked" in ground.fork.facts(FactKind.APPROVAL_REARMED)[0].data["why"]
    assert len(rows(database, schema.approval)) == 2


@scenario
async def test_the_scheduler_gives_builders_other_runs_meanwhile(ground: Ground, tmp_path: Path) -> None:
    """A run in doubt takes nobody's slot: the builder gets the next one, and the drain is woken."""
    ground.approve()
    ground.clock.now += APPROVER_KNOWN + 1
    ground.fork.base.commit({"more": "1"})
    ground.fork.desk.understand("push", ground.fork.base.push_payload())
    async with open_floor(ground.database, tmp_path / "floor", ground.clock) as floor:
        woken: list[str] = []
        floor.scheduler._on_doubt = lambda: woken.append("approvals")
        channel = await floor.connect()
        while not (orders := channel.heard(Do, order="build")):
            await floor.step()
        assert orders[0].run != 1
        assert ground.fork.desk.runs(id=1)[0].state == "held"
        assert woken == ["approvals"]
