"""What `/metrics` tells, on both databases: counted once over all hubs, never set back, late reporters seen."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, update

from figures import kept, read_figures
from hubwright.domain.figures import BUILDS, GITHUB_SECONDS, LOG_BYTES, RUN_SECONDS, WAIT_SECONDS, WEBHOOKS
from hubwright.domain.github_budget import Ask, Figures
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.reports.counting import Counting
from hubwright.reports.fact_counts import BATCH
from hubwright.reports.metrics import Metrics
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from served import NOW, Rows


@pytest.fixture
def rows(database: Database) -> Rows:
    """A job with one build and a run that took 20 seconds after 10 in the queue."""
    rows = Rows(database)
    rows.keep_job()
    rows.keep_build(1, state="finished", result="success", started_at=NOW, finished_at=NOW + 20)
    rows.keep_run(1, 1, state="finished", result="success", started_at=NOW + 10, finished_at=NOW + 30)
    return rows


def begin(database: Database) -> Counting:
    """What counts in a hub, begun before anything happens."""
    counting = Counting(database, Tally())
    counting.enroll()
    return counting


def end_builds(rows: Rows, count: int, result: str = "success") -> None:
    rows.keep(schema.fact, *({"kind": "BuildFinished", "at": NOW, "data": {"result": result}} for _ in range(count)))


def test_each_fact_is_counted_once_by_however_many_hubs(database: Database) -> None:
    """Four hubs race for more than a batch of facts; a fifth, started later, finds nothing left."""
    hubs = [begin(database) for _ in range(4)]
    end_builds(Rows(database), 2 * BATCH + 7)
    threads = [threading.Thread(target=hub.drain) for hub in hubs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    begin(database).drain()
    assert kept(database, BUILDS) == {("success",): 2 * BATCH + 7}


def test_no_restart_and_no_retention_sets_a_count_back(database: Database, rows: Rows) -> None:
    """Prometheus would take the smaller number for a new beginning, and add all of it once more."""
    begin(database)
    end_builds(rows, 1)
    began = {"kind": "RunStarted", "at": NOW + 10, "run_id": 1, "data": {"platform": "linux"}}
    rows.keep(schema.fact, began)
    rows.keep(
        schema.fact, {**began, "kind": "RunFinished", "at": NOW + 30, "data": {**began["data"], "result": "success"}}
    )
    begin(database).drain()
    before = kept(database, WAIT_SECONDS), kept(database, RUN_SECONDS)
    for table in (schema.fact, schema.run, schema.build):
        database.write(lambda connection, table=table: connection.execute(delete(table)))
    counting = begin(database)
    counting.drain()
    figures = read_figures(Metrics(database, "0.1.0").render())
    assert figures['hubwright_builds_finished_total{result="success"}'] == 1
    assert figures['hubwright_run_wait_seconds_bucket{le="5.0",platform="linux"}'] == 0
    assert figures['hubwright_run_wait_seconds_bucket{le="15.0",platform="linux"}'] == 1
    assert figures['hubwright_run_wait_seconds_sum{platform="linux"}'] == 10
    assert figures['hubwright_run_duration_seconds_sum{platform="linux",result="success"}'] == 20
    assert figures['hubwright_run_duration_seconds_count{platform="linux",result="success"}'] == 1
    assert before == (kept(database, WAIT_SECONDS), kept(database, RUN_SECONDS))


def test_a_fact_of_a_newer_version_is_passed_by(database: Database) -> None:
    """While a hub is upgraded, the other one counts on."""
    counting = begin(database)
    rows = Rows(database)
    rows.keep(schema.fact, {"kind": "BuildPainted", "at": NOW, "data": {}})
    end_builds(rows, 1)
    counting.drain()
    assert kept(database, BUILDS) == {("success",): 1}


def test_what_processes_count_is_added_up(database: Database) -> None:
    """A scrape of any hub tells of all hubs and workers; small and large amounts, to the byte."""
    for amount in (5, 2**50):
        counting = Counting(database, tally := Tally())
        tally.count(LOG_BYTES, amount=amount)
        tally.count(WEBHOOKS, "kept")
        tally.observe(GITHUB_SECONDS, seconds=0.07)
        counting.close()
    figures = read_figures(Metrics(database, "0.1.0").render())
    assert figures["hubwright_log_bytes_total"] == 2**50 + 5
    assert figures['hubwright_webhooks_total{outcome="kept"}'] == 2
    assert figures['hubwright_webhooks_total{outcome="unsigned"}'] == 0
    assert figures['hubwright_github_request_duration_seconds_bucket{le="0.05"}'] == 0
    assert figures['hubwright_github_request_duration_seconds_bucket{le="0.1"}'] == 2


def test_what_can_not_be_kept_is_counted_later(database: Database) -> None:
    """The database is away for a moment; nothing is lost and nothing doubled."""
    counting = Counting(database, tally := Tally())
    tally.count(LOG_BYTES, amount=7)
    database.write(schema.figure.drop)
    with pytest.raises(Exception, match="figure"):
        counting.keep_tally()
    tally.count(LOG_BYTES, amount=1)
    database.write(schema.figure.create)
    counting.keep_tally()
    counting.keep_tally()
    assert kept(database, LOG_BYTES) == {(): 8}


def test_a_late_reporter_is_seen_by_facts_reports_and_seconds(database: Database) -> None:
    """One has not read, one can't tell, one has given up, one has told all; one of settings of before is not shown."""
    rows = Rows(database)
    for number in (1, 2, 3):
        rows.keep(schema.fact, {"id": number, "kind": "BuildQueued", "at": NOW + 10 * number, "data": {}})
    for name, cursor in {"slow": 1, "stuck": 3, "tired": 3, "done": 3, "former": 0}.items():
        rows.keep(schema.reporter, {"name": name, "cursor": cursor})
    told = {"target": "t", "body": {}, "next_try_at": NOW}
    rows.keep(schema.report, {**told, "reporter": "stuck", "fact_id": 1}, {**told, "reporter": "stuck", "fact_id": 2})
    rows.keep(schema.report, {**told, "reporter": "tired", "fact_id": 2, "state": "failed"})
    at_work = ["slow", "stuck", "tired", "done"]
    figures = read_figures(Metrics(database, "0.1.0", lambda: NOW + 100, find_reporters=lambda: at_work).render())
    lag, behind, waiting, given_up = (
        [figures[f'hubwright_reporter_{what}{{reporter="{name}"}}'] for name in at_work]
        for what in ("lag_seconds", "facts_behind", "reports_waiting", "reports_given_up")
    )
    assert lag == [80, 90, 0, 0]
    assert behind == [2, 0, 0, 0]
    assert waiting == [0, 2, 0, 0]
    assert given_up == [0, 0, 1, 0]
    assert not [name for name in figures if "former" in name]
    assert figures['hubwright_reports_total{outcome="given_up",reporter="slow"}'] == 0


def test_what_waits_and_what_github_allows_is_told(database: Database, rows: Rows) -> None:
    gate = DatabaseGate(database, clock=lambda: NOW)
    gate.note("installation 7", Figures(limit=5000, remaining=4321, reset_at=NOW + 60))
    gate.enter("installation 7", Ask())
    delivery = {"guid": "g", "event": "push", "received_at": NOW - 40, "body": b"", "next_try_at": NOW}
    rows.keep(schema.delivery, delivery, {**delivery, "guid": "h", "received_at": NOW})
    rows.keep(schema.delivery, {**delivery, "guid": "i", "received_at": NOW - 90, "state": "done"})
    figures = read_figures(Metrics(database, "0.1.0", lambda: NOW).render())
    assert figures['hubwright_github_requests_remaining{credential="installation 7"}'] == 4320
    assert figures['hubwright_github_requests_limit{credential="installation 7"}'] == 5000
    assert figures['hubwright_github_pause_seconds{credential="installation 7"}'] == 0
    assert figures["hubwright_deliveries_waiting"] == 2
    assert figures["hubwright_deliveries_oldest_wait_seconds"] == 40


def test_what_is_told_can_be_read_and_says_what_it_is(database: Database, rows: Rows) -> None:
    """Prometheus' own reader takes it all; each family has a type and a sentence; a platform may have any name."""
    end_builds(rows, 1)
    database.write(lambda connection: connection.execute(update(schema.run).values(platform='a"\n\\b', state="queued")))
    text = Metrics(database, "0.1.0").render().decode()
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"gauge", "counter", "histogram"}
    assert 'platform="a\\"\\n\\\\b"' in text
