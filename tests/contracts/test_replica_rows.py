"""The copy of GitHub in both databases: whatever the order and the origin, the same tables."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from github_world import World
from hubwright.domain.replica import Reading
from hubwright.github.records import read_delivery, read_listed
from hubwright.store.database import Database
from hubwright.store.replica import keep_records
from hubwright.store.schema import metadata
from odd_payloads import odd_deliveries
from payload_corpus import all_payloads, other_payloads

RECEIVED = 1_800_000_000.0
TABLES = [table for table in metadata.sorted_tables if table.name.startswith("gh_")]
ARRIVALS = {"last_replicated_via_webhook_at", "last_replicated_via_api_at", "last_replicated_at"}


def keep(database: Database, reading: Reading, via: Any = "webhook", now: float = RECEIVED) -> int:
    return database.write(lambda connection: keep_records(connection, reading.records, via=via, now=now))


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows but for when news of them came. What issues no longer have is gone since the list that we know of."""
    found = {}
    with database.reading() as connection:
        for table in TABLES:
            rows = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            found[table.name] = [{name: row[name] for name in row if name not in ARRIVALS} for row in rows]
    for row in found["gh_issue_label"]:
        row["deleted_at"], row["versions"] = row["deleted_at"] is not None, None
    return found


def empty(database: Database) -> None:
    database.write(lambda connection: [connection.execute(delete(table)) for table in TABLES])


def test_every_published_payload_goes_in_twice_and_backwards(database: Database) -> None:
    """All 329 of @octokit/webhooks-examples; the second time nothing changes."""
    readings = [read_delivery(event, payload, RECEIVED) for event, payload in all_payloads()]
    assert [reason for reading in readings for reason in reading.left_out] == []
    for reading in readings:
        keep(database, reading)
    assert sum(keep(database, reading) for reading in readings) == 0
    forward = contents(database)
    empty(database)
    for reading in reversed(readings):
        keep(database, reading)
    assert contents(database) == forward
    empty(database)
    keep(database, Reading(tuple(record for reading in readings for record in reading.records)))
    assert contents(database) == forward


def test_other_payloads_end_in_the_same_tables_in_any_order_and_batches(database: Database) -> None:
    """781 of other releases and of GitHub Enterprise Server, and those that nobody has published; some twice."""
    odd = [(one.event, one.payload) for one in odd_deliveries()]
    told = [*other_payloads(), *odd]
    readings = [read_delivery(event, payload, RECEIVED + number) for number, (event, payload) in enumerate(told)]
    chance = random.Random(5)
    ends = []
    for size in (60, 25):
        empty(database)
        for start in range(0, len(readings), size):
            batch = readings[start : start + size]
            keep(database, Reading(tuple(record for reading in batch for record in reading.records)))
        ends.append(contents(database))
        readings += chance.sample(readings, 100)
        chance.shuffle(readings)
    assert ends[0] == ends[1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(2, 25))
def test_any_order_of_webhooks_and_pages_ends_in_the_same_tables(database: Database, seed: int, steps: int) -> None:
    """A world that changes, told by deliveries and by pages of the API, doubled, late, interleaved, in any batches."""
    chance = random.Random(seed)
    told = World(chance).live(steps)
    results = []
    for _ in range(2):
        empty(database)
        news = told + chance.choices(told, k=len(told) // 2)
        chance.shuffle(news)
        while news:
            via = news[0].via
            batch = [one for one in news[: chance.randint(1, 6)] if one.via == via]
            news = [one for one in news if all(one is not each for each in batch)]
            keep(database, Reading(tuple(record for one in batch for record in one.read().records)), via)
        results.append(contents(database))
    assert results[0] == results[1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_the_end_is_what_github_has(database: Database, seed: int) -> None:
    """Not only the same: right. All that was told, in any order, and when all of it has come one whole load."""
    chance = random.Random(seed)
    world = World(chance)
    told = world.live(20)
    empty(database)
    chance.shuffle(told)
    for one in told:
        keep(database, one.read(), one.via)
    for one in world.load(after=200):
        keep(database, one.read(), "api")
    found = contents(database)
    for kind, things in world.truth().items():
        rows = {row["id"]: row for row in found[f"gh_{kind}"]}
        for number, thing in things.items():
            assert {name: rows[number][name] for name in thing} == thing
            assert rows[number]["deleted_at"] is None
        assert {number for number, row in rows.items() if row["deleted_at"] is None} == set(things)
    branches = {row["name"]: row["sha"] for row in found["gh_branch"] if row["deleted_at"] is None}
    assert branches == world.branches
    for row in found["gh_issue"]:
        labels = [one for one in found["gh_issue_label"] if one["issue_id"] == row["id"] and not one["deleted_at"]]
        has = {one["id"]: one["name"] for one in row["labels"]}
        assert {one["label_id"]: one["label_name"] for one in labels} == has


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_what_bears_github_s_times_needs_no_load(database: Database, seed: int) -> None:
    """Deliveries alone, late and in any order: nothing deleted lives again, a star that was taken back is none."""
    chance = random.Random(seed)
    world = World(chance)
    told = [one for one in world.live(30) if one.via == "webhook"]
    empty(database)
    chance.shuffle(told)
    for one in told:
        keep(database, one.read())
    found = contents(database)
    assert {row["user_id"] for row in found["gh_star"] if row["deleted_at"] is None} == world.stars
    for kind, things in world.truth().items():
        assert {row["id"] for row in found[f"gh_{kind}"] if row["deleted_at"] is None} == set(things)


@pytest.mark.parametrize("first", ["webhook", "api"])
def test_webhook_first_equals_api_first(database: Database, first: str) -> None:
    """The same issue, by its event and by a page that GitHub wrote a moment later."""
    (payload,) = [p for e, p in all_payloads() if e == "issues" and p["action"] == "opened"][:1]
    event = read_delivery("issues", payload, RECEIVED)
    parent = {"repository_id": payload["repository"]["id"]}
    page = read_listed("issue", payload["issue"], parent=parent, observed_at=RECEIVED - 5)
    for reading in (event, page) if first == "webhook" else (page, event):
        keep(database, reading, "webhook" if reading is event else "api")
    with database.reading() as connection:
        (row,) = connection.execute(select(metadata.tables["gh_issue"]))
    assert row.last_replicated_via_api_at == row.last_replicated_via_webhook_at == row.last_replicated_at == RECEIVED
    assert (row.title, row.user_login) == (payload["issue"]["title"], payload["issue"]["user"]["login"])
    assert row.raw == payload["issue"]
    assert keep(database, page, "api", RECEIVED + 100) == 0
    with database.reading() as connection:
        (row,) = connection.execute(select(metadata.tables["gh_issue"]))
    assert (row.last_replicated_via_api_at, row.last_replicated_at) == (RECEIVED + 100, RECEIVED + 100)


def test_labels_of_an_issue_follow_the_list_that_won(database: Database) -> None:
    """Several labels at once are several events of one second; and a label that was renamed is taken off later."""

    def told(second: int, *labels: tuple[int, str]) -> Reading:
        docs = [{"id": number, "name": name} for number, name in labels]
        item = {"id": 1, "number": 1, "updated_at": f"2024-01-01T00:00:0{second}Z", "labels": docs}
        return read_delivery("issues", {"action": "labeled", "repository": {"id": 7}, "issue": item}, RECEIVED)

    lists = [told(1, (1, "bug")), told(1, (2, "core")), told(1, (1, "bug"), (2, "core")), told(0, (3, "zoo")),
             told(2, (1, "defect")), told(3, (2, "core")), told(3, (2, "core"), (4, "new"))]  # fmt: skip
    ends = []
    for order in (lists, lists[::-1], lists[3:] + lists[:3], lists[::2] + lists[1::2]):
        empty(database)
        for one in order:
            keep(database, one)
        found = contents(database)
        (issue,) = found["gh_issue"]
        alive = [row["label_id"] for row in found["gh_issue_label"] if not row["deleted_at"]]
        assert alive == [label["id"] for label in issue["labels"]]
        ends.append({row["label_id"]: (row["label_name"], row["deleted_at"]) for row in found["gh_issue_label"]})
    assert ends[0] == ends[1] == ends[2] == ends[3]
    assert (ends[0][1], ends[0][3]) == (("defect", True), ("zoo", True))
