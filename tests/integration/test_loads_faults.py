"""Faults in the midst of a load: limits in every form, renames, restarts. It ends whole and costs what it must."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate

import pytest

from github_items import person
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.hub.github_sharing import DatabaseEtags
from hubwright.hub.loads import LOADS
from hubwright.hub.replica import Replica
from hubwright.store.database import Database
from load_parts import FAST, ISSUES, Yard, make_whole, open_yard

CACHE = 100_000_000


@pytest.fixture
def yard(database: Database) -> Iterator[Yard]:
    with open_yard(database) as opened:
        yield opened


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_limit_in_mid_scan_is_waited_for_as_long_as_github_says(yard: Yard, status: int, form: str) -> None:
    """`Retry-After` has two forms (RFC 9110 §10.2.3); what was read stays, and no page is asked before its time."""
    yard.list_issues(450)
    until = {"seconds": "90", "date": formatdate(time.time() + 90, usegmt=True)}[form]
    yard.github.break_at("page=3", 1, status=status, headers={"retry-after": until})
    number = yard.ask("issues")
    yard.drain_until(lambda: yard.look(number).waits_until is not None)
    waiting = yard.look(number)

    assert waiting.state == "running"
    assert waiting.waits_until is not None
    assert waiting.waits_until - yard.clock() == pytest.approx(90, abs=15)
    assert yard.finish(number).state == "done"
    assert len(yard.alive()) == 450
    assert len([address for address in yard.asked() if "page=3" in address]) == 2


@pytest.mark.parametrize("status", [500, 502, 504])
def test_one_bad_gateway_on_every_page_is_nothing(yard: Yard, status: int) -> None:
    listing = yard.list_issues(350)
    for page in ("state=all&page=2", "page=3", "page=4"):
        yard.github.break_at(page, 2, status=status)

    yard.load("issues")

    assert len(yard.alive()) == len(listing.items)


def test_a_rename_in_mid_scan_loses_nothing(yard: Yard) -> None:
    """The pages that are left have the number in their address; what is asked by the old name is sent on (301)."""
    listing = yard.list_issues(450)
    yard.load("issues")
    gone = listing.items.pop(300)["number"]
    yard.github.break_at("page=3", 1)
    number = yard.ask("issues")
    yard.drain_until(lambda: len(yard.asked()) > 6)
    yard.github.rename("octo/hello", "octo/greeting")
    listings = yard.github.state.listings.at
    listings["/repos/octo/greeting/issues"] = listings.pop(ISSUES)

    assert yard.finish(number).state == "done"
    assert sorted({*range(1, 451)} - {*yard.alive()}) == [gone]
    assert {row.repository_id for row in yard.rows("gh_issue")} == {yard.repository.id}
    assert any(one.path.endswith(f"/hello/issues/{gone}") for one in yard.github.requests)


def test_after_a_restart_the_second_load_is_all_304_and_changes_no_row(database: Database) -> None:
    """Earlier answers are rows: another process asks with them too, so that nothing of the hour's limit is spent."""
    with open_yard(database, etags=DatabaseEtags(database, CACHE, time.time)) as yard:
        make_whole(yard)
        listed = [{**person(n), "permissions": {"pull": True}} for n in (1, 2)]
        yard.github.list_at("/repos/octo/hello/collaborators", listed)
        yard.load("repository", children=True)
        before, used = yard.dump(), yard.github.state.used
        with closing(Database(database.url)) as reopened, open_client(yard, reopened) as client:
            replica = Replica(reopened, client, "after", yard.clock, lambda _queue: None)
            number = yard.ask("repository", children=True)
            try:
                while yard.look(number).state not in {"done", "failed"}:
                    replica.drain(LOADS)
            finally:
                replica.close()
        progress = yard.look(number)

        told = progress.payload["told"]
        assert (progress.state, told["changed"], told["not_modified"]) == ("done", 0, told["pages"])
        assert told["items"] > 150
        assert progress.payload["left_out"] == []
        assert yard.github.state.used == used
        assert yard.dump() == before


def open_client(yard: Yard, database: Database) -> GitHubClient:
    """A client as a new process has it."""
    etags = DatabaseEtags(database, CACHE, time.time)
    return GitHubClient(yard.github.api_url, yard.github.token, gate=MemoryGate(FAST), etags=etags)
