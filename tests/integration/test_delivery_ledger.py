"""The ledger of deliveries: filters, what one led to, replays of all that failed, missing ones asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from hubwright.github.told_commits import MOST, find_commits
from hubwright.hub.replay import replay_failed
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.healing import ask_for_hole
from hubwright.store.views_lists import DeliveryFilter, load_deliveries
from quiet_hub import WholeHub, open_whole_hub
from served import NOW

ADMIN = {"Authorization": "Bearer the-admin-token-of-these-tests"}
SHA = "a" * 40
DAY = 86_400.0


def make_row(number: int, **more: Any) -> dict[str, Any]:
    body = zlib.compress(orjson.dumps({"after": SHA, "zen": f"<script>{number}</script>"}))
    row = {
        "id": number, "guid": f"guid-{number}", "event": "push", "repository": "octo/r1",
        "received_at": NOW + number * DAY,
        "headers": {"X-GitHub-Event": "push"}, "body": body, "state": "done", "next_try_at": NOW, "source": "github",
        "error": None,
    }  # fmt: skip
    return {**row, **more}


ROWS = [
    make_row(1), make_row(2, state="failed", error="The recipe is gone."), make_row(3, event="status"),
    make_row(4, state="failed", source="manual"), make_row(5, state="failed", error="No such commit."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({}, [5, 4, 3, 2, 1]), ({"state": "failed"}, [5, 4, 2]), ({"state": "done"}, [3, 1]),
        ({"state": "waiting"}, []), ({"since": NOW + 2.5 * DAY}, [5, 4, 3]), ({"since": NOW + 9 * DAY}, []),
        ({"since": NOW, "event": "status"}, [3]),
    ],
)  # fmt: skip
def test_the_ledger_is_asked_by_state_and_time(database: Database, chosen: dict[str, Any], found: list[int]) -> None:
    """On both databases; the words of partial indexes must not change what is found."""
    database.write(lambda connection: connection.execute(insert(schema.delivery), ROWS))
    with database.reading() as connection:
        page = load_deliveries(connection, chosen=DeliveryFilter(**chosen))
    assert [one.id for one in page.items] == found


def test_all_that_failed_are_replayed_but_our_own_wishes(database: Database) -> None:
    """A person's wish that failed is asked for anew by a person: who replays all does not know of it."""
    database.write(lambda connection: connection.execute(insert(schema.delivery), ROWS))
    assert database.write(lambda connection: replay_failed(connection, NOW)) == 2
    assert database.write(lambda connection: replay_failed(connection, NOW)) == 0
    with database.reading() as connection:
        waiting = load_deliveries(connection, chosen=DeliveryFilter(state="waiting")).items
    assert [(one.id, one.error, one.attempts) for one in waiting] == [(5, None, 0), (2, None, 0)]


def test_what_is_missing_is_asked_for_at_once(database: Database) -> None:
    """Its watch is due too, else nobody would look; what came, or what GitHub does not list, is not asked for."""
    watch = {"id": 1, "what": "hooks", "place": "/repos/octo/r1", "told": {}, "next_try_at": NOW + DAY}
    hole = {"watch_id": 1, "event": "push", "delivered_at": NOW, "found_at": NOW, "next_try_at": NOW + DAY}
    holes = [
        hole | {"guid": "open", "endpoint": "/repos/octo/r1/hooks/1/deliveries", "recovered_at": None},
        hole | {"guid": "came", "endpoint": "/repos/octo/r1/hooks/1/deliveries", "recovered_at": NOW},
        hole | {"guid": "head", "endpoint": None, "recovered_at": None},
    ]
    database.write(lambda connection: connection.execute(insert(schema.watch), [watch]))
    database.write(lambda connection: connection.execute(insert(schema.missed_delivery), holes))
    asked = [
        database.write(lambda connection, guid=guid: ask_for_hole(connection, guid, NOW))
        for guid in ("open", "came", "head", "none")
    ]
    assert asked == [True, False, False, False]
    with database.reading() as connection:
        due = connection.execute(select(schema.watch.c.next_try_at, schema.watch.c.asked_at)).one()
        tries = select(schema.missed_delivery.c.next_try_at).where(schema.missed_delivery.c.guid == "open")
        assert connection.execute(tries).scalar_one() == NOW
    assert tuple(due) == (NOW, NOW)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_document_has_commits_or_none(document: Any) -> None:
    """GitHub's documents grow; ours, and those of 2008, are others."""
    assert find_commits(document) == ()
    wrapped = {
        "after": "0" * 40,
        "commits": [document, {"id": SHA}, {"id": SHA}, {"id": "main"}],
        "head_commit": document,
    }
    assert find_commits(wrapped) == (SHA,)


def test_of_a_long_push_the_newest_commits_are_looked_for() -> None:
    """GitHub lists two thousand, the newest last."""
    commits = [{"id": f"{number:040x}"} for number in range(1, 2000)]
    found = find_commits({"commits": commits})
    assert (len(found), found[0]) == (MOST, commits[-1]["id"])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    flags = {"admin_token": ADMIN["Authorization"][7:]}
    with open_whole_hub(tmp_path_factory.mktemp("hub"), **flags) as opened:
        opened.rows.keep_job(1, "team/app", folder="team", repository="octo/r1")
        opened.rows.keep_build(1, job_id=1, family=1, repository="octo/r1", sha=SHA)
        opened.hub.site.database.write(lambda connection: connection.execute(insert(schema.delivery), ROWS))
        hole = {
            "guid": "lost-1",
            "watch_id": 1,
            "event": "push",
            "delivered_at": NOW,
            "found_at": NOW,
            "endpoint": "/x",
        }
        opened.hub.site.database.write(lambda connection: connection.execute(insert(schema.missed_delivery), [hole]))
        yield opened


def test_a_delivery_names_the_builds_of_its_commits(hub: WholeHub) -> None:
    """What an operator wants of a push that came: what was built of it."""
    page = hub.client.get("/deliveries/1", headers=ADMIN).text
    assert 'href="/builds/1"' in page
    assert "&lt;script&gt;1" in page
    told = hub.client.get("/api/v1/deliveries/1", headers=ADMIN).json()
    assert [(one["id"], one["job"]) for one in told["builds"]] == [(1, "team/app")]
    assert told["body"]["after"] == SHA


def test_the_ledger_keeps_its_filters_and_shows_what_is_missing(hub: WholeHub) -> None:
    """By forms alone; filters that can't be meant find nothing rather than all."""
    page = hub.client.get("/deliveries?state=failed&event=push", headers=ADMIN).text
    assert ("guid-2" in page, "guid-1<" in page, "lost-1" in page) == (True, False, True)
    assert "No delivery fits." in hub.client.get("/deliveries?event=none", headers=ADMIN).text
    assert hub.client.get("/deliveries?since=never", headers=ADMIN).status_code == 200
    again = hub.client.post("/deliveries/redeliver", data={"guid": "lost-1"}, headers=ADMIN, follow_redirects=True)
    assert again.status_code == 200
    assert hub.client.post("/deliveries/redeliver", data={"guid": "gone"}, headers=ADMIN).status_code == 404
    assert hub.client.post("/api/v1/deliveries/redeliver", json={"guid": "lost-1"}, headers=ADMIN).status_code == 202
    assert "Replay all that failed" in page
    assert hub.client.post("/api/v1/deliveries/replay", headers=ADMIN).json() == {"replayed": 2}
    assert hub.client.post("/deliveries/replay", headers=ADMIN, follow_redirects=True).status_code == 200
