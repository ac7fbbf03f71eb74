"""Health and figures over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from figures import read_figures
from hubwright.store import schema
from served import Served, served_site


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site with one job."""
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        yield served


def test_a_hub_that_is_well_says_so(hub: Served) -> None:
    """For load balancers, and in words for people."""
    for path in ("/livez", "/readyz", "/healthz"):
        answer = hub.client.get(path)
        assert (answer.status_code, answer.text) == (200, "ok")
    assert hub.client.get("/readyz?verbose").text == "[+]database ok\n[+]disk ok\nok"


def test_a_disk_that_takes_nothing_is_not_ready(hub: Served, tmp_path: Path) -> None:
    """It lives, but must not be sent work."""
    (tmp_path / "logs").write_text("a file where the folder should be")
    answer = hub.client.get("/readyz")
    assert answer.status_code == 503
    assert "[+]database ok\n[-]disk failed" in answer.text
    assert hub.client.get("/livez").status_code == 200


def test_a_database_that_is_locked_is_not_ready(hub: Served, tmp_path: Path) -> None:
    """Another process holds the lock: no answer in time, no endless wait."""
    with hub.site.database.engine.connect() as other:
        other.execute(text("ROLLBACK"))
        other.execute(text("BEGIN IMMEDIATE"))
        answer = hub.client.get("/readyz")
        other.execute(text("ROLLBACK"))
    assert answer.status_code == 503
    assert "[-]database failed: no answer within 2 seconds\n[+]disk ok" in answer.text
    assert hub.client.get("/readyz").status_code == 200


def test_the_figures_follow_the_database(hub: Served) -> None:
    """Over HTTP, with the type that Prometheus asks for; `test_metrics.py` has the figures one by one."""
    hub.rows.keep_build(2, state="running")
    hub.rows.keep_run(1, 2, state="running")
    hub.rows.keep_run(2, 2)
    hub.rows.keep_run(3, 2, platform="plan9", labels="big,gpu", queued_at=time.time() - 60)
    for number in (4, 5):
        hub.rows.keep_run(number, 2, platform="plan9", state="held")
    builder = {"name": "b1", "platform": "linux", "labels": [], "slots": 1, "version": "1", "executor": "process"}
    hub.rows.keep(schema.builder, {**builder, "instance": "i", "state": "connected"})
    answer = hub.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    figures = read_figures(answer.content)
    assert figures['hubwright_build_info{version="0.1.0"}'] == 1
    assert figures['hubwright_runs{state="queued"}'] == 2
    assert figures['hubwright_runs{state="running"}'] == 1
    assert figures['hubwright_runs{state="held"}'] == 2
    assert figures['hubwright_queue_held{labels="",platform="plan9"}'] == 2
    assert figures['hubwright_queue_depth{labels="",platform="linux"}'] == 1
    assert figures['hubwright_queue_running{labels="",platform="linux"}'] == 1
    assert figures['hubwright_queue_depth{labels="big,gpu",platform="plan9"}'] == 1
    assert 60 <= figures['hubwright_queue_oldest_wait_seconds{labels="big,gpu",platform="plan9"}'] < 90
    assert figures['hubwright_builders{state="connected"}'] == 1
    assert figures['hubwright_disk_free_bytes{folder="database"}'] > 0
    assert figures["process_resident_memory_bytes"] > 1e6
