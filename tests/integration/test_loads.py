"""Loads end whole: pages, limits, faults, killed workers; what vanished goes, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from github_items import issue, label, moment, pull, pull_file
from hubwright.domain.replica import FollowUp
from hubwright.errors import GitHubUnavailableError
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.hub.loads import FOLLOW_UPS, LOADS, Load, ask_for, follow_up
from hubwright.hub.replica import LEASE, Replica
from hubwright.store import schema
from hubwright.store.database import Database
from load_parts import FAST, HELLO, Yard, make_whole, open_yard
from waiting import next_second


@pytest.fixture
def yard(database: Database) -> Iterator[Yard]:
    with open_yard(database) as opened:
        yield opened


def ids(rows: list[Any]) -> list[int]:
    return sorted(row.id for row in rows)


def test_every_item_of_every_page_becomes_a_row(yard: Yard) -> None:
    """Pages 2 to last are asked side by side, as GitHub's first answer tells how many there are."""
    listing = yard.list_issues(345)

    progress = yard.load("issues")

    assert ids(yard.rows("gh_issue")) == [item["id"] for item in listing.items]
    assert {row.repository_id for row in yard.rows("gh_issue")} == {yard.repository.id}
    assert len(yard.asked()) == 4
    assert (progress.done, progress.total) == (6, 6)


@pytest.mark.parametrize(
    ("count", "options"), [(0, {}), (1, {}), (100, {}), (101, {}), (250, {"cursor": True}), (450, {"refuses_from": 3})]
)
def test_a_chain_of_pages_gives_exactly_the_union_of_its_pages(yard: Yard, count: int, options: Any) -> None:
    """By number, by cursor, and where GitHub tells numbers and refuses them later."""
    listing = yard.list_issues(count, **options)

    yard.load("issues")

    assert ids(yard.rows("gh_issue")) == [item["id"] for item in listing.items]


def test_a_list_that_grows_while_it_is_read_is_read_to_its_new_end(yard: Yard) -> None:
    """The last page that was told leads on to those that came since."""
    listing = yard.list_issues(200)
    number = yard.ask("issues")
    yard.github.break_at("page=2", 1)
    yard.drain_until(lambda: any("page=2" in address for address in yard.asked()))
    listing.items.extend(issue(number) for number in range(201, 341))

    yard.finish(number)

    assert len(yard.alive()) == 340


@pytest.mark.parametrize(("count", "cursor"), [(100, False), (200, False), (100, True), (200, True)])
def test_a_full_last_page_may_have_got_a_next_one(yard: Yard, count: int, cursor: bool) -> None:
    """GitHub's ETag is that of the items, so a 304 does not tell that there is one page more now."""
    listing = yard.list_issues(count, cursor=cursor)
    yard.load("issues")
    again = yard.load("issues").payload["told"]
    listing.items.append(issue(count + 1))

    yard.load("issues")

    assert cursor or again["not_modified"] == again["pages"]
    assert again["changed"] == 0
    assert len(yard.alive()) == count + 1


def test_the_second_load_of_an_unchanged_repository_is_all_304_and_changes_no_row(yard: Yard) -> None:
    """Nothing of the hour's limit is spent."""
    make_whole(yard)
    yard.load("repository", children=True)
    before, used, asked = yard.dump(), yard.github.state.used, len(yard.github.requests)

    progress = yard.load("repository", children=True)

    told = progress.payload["told"]
    assert told["changed"] == 0
    assert told["not_modified"] == told["pages"]
    assert yard.github.state.used - used <= count_missing_lists(yard, asked)
    assert yard.dump() == before


def count_missing_lists(yard: Yard, since: int) -> int:
    """404s have no ETag."""
    return len([one for one in yard.github.requests[since:] if one.path.endswith("/collaborators")])


def test_children_are_loaded_to_the_last_level(yard: Yard) -> None:
    """A repository's pull requests' files; what the token may not see is left out and told."""
    make_whole(yard)

    progress = yard.load("repository", children=True)

    assert len(yard.rows("gh_pull_request_file")) == 6
    assert len(yard.rows("gh_review")) == 4
    assert {row.pull_request_id for row in yard.rows("gh_review")} == {2_000_000_001, 2_000_000_002}
    assert len(yard.rows("gh_label")) == 13
    assert len(yard.rows("gh_milestone")) == 3
    assert len(yard.rows("gh_issue_comment")) == 3
    assert [row.sha for row in yard.rows("gh_branch")] == [yard.repository.head("main")]
    assert len(yard.rows("gh_commit")) == 1
    assert [reason.partition(":")[0] for reason in progress.payload["left_out"]] == ["collaborators"]
    assert progress.done == progress.total


# --- what vanished


def test_what_vanished_gets_a_tombstone(yard: Yard) -> None:
    listing = yard.list_issues(50)
    yard.load("issues")
    gone = listing.items.pop(20)

    progress = yard.load("issues")

    assert [row.id for row in yard.rows("gh_issue") if row.deleted_at is not None] == [gone["id"]]
    assert progress.payload["told"]["vanished"] == 1


def test_of_several_pages_each_missing_record_is_asked_for(yard: Yard) -> None:
    """A list may shift while it is read: what it lacks is only gone when GitHub says so."""
    listing = yard.list_issues(250)
    yard.load("issues")
    gone = listing.items.pop(120)
    before = len(yard.github.requests)

    yard.load("issues")

    assert [row.id for row in yard.rows("gh_issue") if row.deleted_at is not None] == [gone["id"]]
    assert [one.path for one in yard.github.requests[before:]][-1].endswith(f"/issues/{gone['number']}")


def test_a_record_that_a_shifting_list_skipped_stays(yard: Yard) -> None:
    """One of page 1 goes after page 1 was read, so the first of page 2 is in no page: it is asked for, and lives."""
    listing = yard.list_issues(250)
    yard.load("issues")
    skipped = listing.items[100]["number"]
    yard.github.break_at("page=2", 1)
    number = yard.ask("issues")
    yard.drain_until(lambda: any("page=2" in address for address in yard.asked()[4:]))
    gone = listing.items.pop(3)["number"]

    yard.finish(number)

    assert skipped in yard.alive()
    assert gone in yard.alive()  # page 1 still had it
    yard.load("issues")
    assert gone not in yard.alive()


def test_a_load_of_open_ones_never_takes_closed_ones_for_deleted(yard: Yard) -> None:
    """System 4's first bug: state=open, twice, deleted all closed issues."""
    listing = yard.list_issues(40)
    listing.items[3] |= {"state": "closed", "closed_at": moment(1, 3), "updated_at": moment(1, 3)}
    yard.load("issues")
    listing.items[7] |= {"state": "closed", "closed_at": moment(1, 4), "updated_at": moment(1, 4)}
    gone = listing.items.pop(20)["number"]

    for _ in range(3):
        yard.load("issues", state="open")

    assert sorted({*range(1, 41)} - {*yard.alive()}) == [gone]
    assert [row.number for row in yard.rows("gh_issue", state="closed")] == [4, 8]


def test_only_the_listed_repository_is_swept(yard: Yard) -> None:
    other = yard.github.create_repository("octo/other", {"README": "hi"})
    yard.list_issues(3)
    yard.github.list_at("/repos/octo/other/issues", [issue(90)], by="number")
    yard.load("issues")
    yard.load("issues", where={"owner": "octo", "repo": "other"})
    assert {row.repository_id for row in yard.rows("gh_issue")} == {yard.repository.id, other.id}

    yard.load("issues")

    assert sorted(yard.alive()) == [1, 2, 3, 90]


def test_a_part_of_a_list_proves_nothing_gone(yard: Yard) -> None:
    """With `since` only what changed is listed."""
    yard.list_issues(40)
    yard.load("issues")

    yard.load("issues", since="2026-12-01T00:00:00Z")

    assert len(yard.alive()) == 40


def test_files_of_a_pull_request_follow_what_it_has_now(yard: Yard) -> None:
    """Files with the same content are apart, pure renames are kept, and what a push took away is gone."""
    yard.github.list_at("/repos/octo/hello/pulls", [pull(1, yard.repository)], by="number")
    files = yard.github.list_at("/repos/octo/hello/pulls/1/files", [pull_file(n) for n in range(1, 121)])
    where = {**HELLO, "number": 1}
    yard.load("pull_files", where=where)
    files.items[0] |= {"status": "renamed", "previous_filename": "old.c", "patch": None}
    del files.items[100:]
    next_second()

    yard.load("pull_files", where=where)

    alive = [row.filename for row in yard.rows("gh_pull_request_file") if row.deleted_at is None]
    assert sorted(alive) == sorted(item["filename"] for item in files.items)
    files.items.append(pull_file(110))
    next_second()
    yard.load("pull_files", where=where)
    assert "src/file110.c" in [r.filename for r in yard.rows("gh_pull_request_file") if r.deleted_at is None]


def test_what_a_webhook_told_during_the_scan_stays(yard: Yard) -> None:
    """A row that is newer than the scan's beginning can't be in its pages."""
    listing = yard.list_issues(5)
    yard.load("issues")
    gone = listing.items.pop(2)["id"]
    heard = yard.clock() + 3600
    touch = update(schema.gh_issue).where(schema.gh_issue.c.id == gone).values(last_replicated_via_webhook_at=heard)
    yard.database.write(lambda connection: connection.execute(touch))

    yard.load("issues")

    assert len(yard.alive()) == 5


# --- only what changed


def test_since_last_asks_from_where_the_last_load_ended(yard: Yard) -> None:
    """By GitHub's own time, so that a load of nothing new asks the same address again and costs nothing."""
    listing = yard.list_issues(150)
    yard.load("issues")
    listing.items.append(issue(151, updated_at="2026-03-01T00:00:00Z"))

    first = yard.load("issues", since="last")
    second, third = yard.load("issues", since="last"), yard.load("issues", since="last")

    assert first.payload["told"]["items"] == 62
    assert "since=2026-02-01T00%3A01%3A30Z" in yard.asked()[-3]
    assert (second.payload["told"]["not_modified"], third.payload["told"]["not_modified"]) == (0, 1)
    assert len(yard.alive()) == 151


def test_pull_requests_are_walked_from_the_latest_change_to_what_is_known(yard: Yard) -> None:
    """GitHub's list of them knows no `since`."""
    listing = yard.github.list_at(
        "/repos/octo/hello/pulls", [pull(n, yard.repository) for n in range(1, 251)], by="number"
    )
    yard.load("pulls")
    listing.items[6] |= {"title": "Better", "updated_at": "2026-03-01T00:00:00Z"}
    before = len(yard.asked("/pulls"))

    yard.load("pulls", since="last")

    assert [row.title for row in yard.rows("gh_pull_request", number=7)] == ["Better"]
    assert len(yard.asked("/pulls")) - before == 1


def test_the_first_load_since_last_is_a_whole_one(yard: Yard) -> None:
    yard.list_issues(5)

    yard.load("issues", since="last")

    assert len(yard.alive()) == 5
    assert "since" not in yard.asked()[-1]


# --- faults


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_page_that_fails_is_asked_again(yard: Yard, status: int) -> None:
    listing = yard.list_issues(450)
    yard.github.break_at("page=3", 3, status=status)

    yard.load("issues")

    assert len(yard.alive()) == len(listing.items)
    assert len([address for address in yard.asked() if "page=3" in address]) == 4


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("retry_after", [1, None])
def test_a_secondary_limit_is_waited_for(yard: Yard, status: int, retry_after: int | None) -> None:
    yard.list_issues(250)
    number = yard.ask("issues")
    yard.replica.drain(LOADS)
    yard.github.fail_next(2, status=status, retry_after=retry_after)

    assert yard.finish(number).state == "done"
    assert len(yard.alive()) == 250


def test_a_limit_that_is_used_up_in_mid_scan_is_waited_for(yard: Yard) -> None:
    """The rows wait; what was read stays, and nothing is taken for deleted meanwhile."""
    yard.list_issues(950)
    number = yard.ask("issues")
    yard.github.set_quota(5)
    yard.drain_until(lambda: yard.look(number).waits_until is not None)

    waiting = yard.look(number)
    assert (waiting.state, waiting.error) == ("running", None)
    assert waiting.note is not None
    assert "limit" in waiting.note
    assert waiting.waits_until is not None
    yard.github.set_quota(100_000)

    assert yard.finish(number).state == "done"
    assert len(yard.alive()) == 950


def test_limits_are_no_failures_however_many(yard: Yard) -> None:
    """Thirty pauses in a row, and the page is read at last."""
    yard.list_issues(1)
    yard.github.limit_next(30, reset_in=5)

    assert yard.finish(yard.ask("issues")).state == "done"


def test_a_page_that_stays_broken_fails_the_load_and_deletes_nothing(yard: Yard) -> None:
    """Then the same load may be asked for again at once: no lock is left behind."""
    listing = yard.list_issues(250)
    yard.load("issues")
    del listing.items[200:]
    yard.github.break_at("page=2", 1000)

    failed = yard.finish(yard.ask("issues"))

    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.startswith("issues: GitHub answered 502")
    assert failed.done < failed.total
    assert len(yard.alive()) == 250
    yard.github.state.listings.broken.clear()
    yard.load("issues")
    assert len(yard.alive()) == 200


def test_github_that_goes_away_is_waited_for(yard: Yard) -> None:
    yard.list_issues(150)
    yard.github.down()
    number = yard.ask("issues")
    yard.drain_until(lambda: yard.look(number).note is not None)
    yard.github.up()

    assert yard.finish(number).state == "done"


def test_a_renamed_repository_is_loaded_under_its_new_name(yard: Yard) -> None:
    """The id is the identity; the scan is of what it is called now."""
    yard.list_issues(3)
    yard.load("issues")
    yard.github.rename("octo/hello", "octo/greeting")
    next_second()
    yard.github.list_at("/repos/octo/greeting/issues", [issue(1), issue(2)], by="number")

    yard.load("issues")

    assert yard.alive() == [1, 2]
    assert [row.full_name for row in yard.rows("gh_repository")] == ["octo/greeting"]


def test_an_empty_repository_is_loaded_as_one(yard: Yard) -> None:
    """GitHub answers 409 to the commits of a repository that has none."""
    yard.github.break_at("/commits", 1, status=409)
    yard.github.list_at("/repos/octo/hello/commits", [])

    assert yard.load("commits").payload["told"]["pages"] == 1


def test_a_repository_that_is_not_there_fails_the_load_at_once(yard: Yard) -> None:
    progress = yard.finish(yard.ask("issues", where={"owner": "octo", "repo": "nothing"}))

    assert (progress.state, progress.payload["status"]) == ("failed", 404)


# --- several workers


def test_what_a_killed_worker_held_is_done_by_another(yard: Yard) -> None:
    """Its leases end; that it might still live and write does no harm."""
    yard.list_issues(950)
    number = yard.ask("issues")
    dead = Replica(yard.database, yard.client, "dead", yard.clock, lambda _queue: None)
    dead._leases.close()
    rows = dead._claim(1, schema.task.c.id == number)
    dead._do(rows[0])
    rows = dead._claim(50, schema.task.c.queue == LOADS)
    held = dead._claim(50, schema.task.c.queue == LOADS)
    assert rows
    assert not held
    yard.clock.ahead += LEASE + 1

    yard.finish(number)
    for row in rows:
        dead._do(row)
    dead.close()

    assert len(yard.alive()) == 950
    assert yard.look(number).done == yard.look(number).total


def test_two_workers_share_a_load(yard: Yard) -> None:
    """Each page is read once, however many drain."""
    yard.list_issues(2450)
    gate = MemoryGate(FAST, yard.clock)
    with GitHubClient(yard.github.api_url, yard.github.token, gate=gate) as client:
        second = Replica(yard.database, client, "second", yard.clock, lambda _queue: None)
        number = yard.ask("issues")
        ending = threading.Event()

        def work() -> None:
            while not ending.is_set():
                second.drain(LOADS)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yard.finish(number)
        finally:
            ending.set()
            worker.join()
            second.close()

    assert len(yard.alive()) == 2450
    assert len(yard.asked()) == len(set(yard.asked())) == 25


# --- follow-ups


def test_a_follow_up_is_loaded_once_for_a_burst_and_anew_after_it_began(yard: Yard) -> None:
    """What came after it asked GitHub may not be in the answer."""
    listing = yard.github.list_at("/repos/octo/hello/labels", [label(1, "bug")], by="name")
    where = tuple(sorted({**HELLO, "repository_id": yard.repository.id, "name": "bug"}.items()))
    wish = FollowUp("label", where)

    def ask() -> int:
        return yard.database.write(lambda connection: follow_up(connection, [wish, wish], yard.clock()))

    assert (ask(), ask()) == (1, 0)
    yard.clock.ahead += 2
    number = yard.rows("task")[0].id
    (row,) = yard.replica._claim(1, schema.task.c.queue == FOLLOW_UPS)
    yard.replica._do(row)
    listing.items[0]["color"] = "0e8a16"
    assert ask() == 1
    yard.finish(number)
    yard.finish(yard.rows("task")[-1].id)

    assert [row.color for row in yard.rows("gh_label")] == ["0e8a16"]


def test_follow_ups_do_not_wait_behind_a_large_load(yard: Yard) -> None:
    """They have a queue of their own."""
    yard.list_issues(950)
    yard.ask("issues")
    yard.github.list_at("/repos/octo/hello/labels", [label(1, "bug")], by="name")
    wish = FollowUp("label", tuple(sorted({**HELLO, "name": "bug"}.items())))
    yard.database.write(lambda connection: follow_up(connection, [wish], yard.clock()))
    yard.clock.ahead += 2

    number = yard.rows("task", queue=FOLLOW_UPS)[0].id
    yard.drain_until(lambda: yard.look(number).state == "done", FOLLOW_UPS)

    assert len(yard.rows("gh_label")) == 1
    assert yard.rows("gh_issue") == []


def test_what_is_asked_for_is_done_or_fails_but_never_stays(yard: Yard) -> None:
    """A step whose own code fails is tried again, and given up in the end."""
    yard.list_issues(1)
    load = Load(listings=("issues",), where={"owner": "octo"})
    number = yard.database.write(lambda connection: ask_for(connection, load, yard.clock()))

    progress = yard.finish(number)

    assert progress.state == "failed"
    assert progress.error is not None
    assert progress.error.startswith("KeyError")


def test_times_of_a_load_are_told(yard: Yard) -> None:
    yard.list_issues(1)

    progress = yard.load("issues")
    (scan,) = yard.rows("scan")

    assert progress.finished_at is not None
    assert progress.created_at <= scan.began_at <= scan.finished_at <= progress.finished_at
    assert scan.whole_at == scan.began_at
    assert datetime.fromisoformat(scan.changed_until) == datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)


def test_errors_of_the_client_are_named(yard: Yard) -> None:
    """The client tells what to do; the load passes it on."""
    yard.github.down()
    with pytest.raises(GitHubUnavailableError):
        yard.client.get("/user")
    yard.github.up()


def test_the_commits_that_a_push_was_too_large_for_are_loaded(yard: Yard) -> None:
    """GitHub puts 2,048 into the payload; comparing before and after tells all."""
    shas = yard.repository.commit_each([({"f": str(number)}, f"Commit {number}") for number in range(5)])
    listed = [yard.repository.describe_for_api(commit) for commit in yard.repository.log([shas[-1]], limit=4)]
    before, after = shas[0], shas[-1]
    yard.github.put_at(f"/repos/octo/hello/compare/{before}...{after}", {"total_commits": 4, "commits": listed})
    where = {**HELLO, "repository_id": yard.repository.id, "before": before, "after": after}
    wish = FollowUp("compared", tuple(sorted(where.items())))
    yard.database.write(lambda connection: follow_up(connection, [wish], yard.clock()))

    yard.finish(yard.rows("task")[0].id)

    assert {row.sha for row in yard.rows("gh_commit")} == set(shas[1:])
