"""`/api/v1/queue` and `/api/v1/builds/{id}/why`: what waits, as programs read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from hubwright.store import schema
from hubwright.web.pages import assemble_pages
from hubwright.web.problems import PROBLEM_HANDLERS
from served import NOW, Served, serve, served_site


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A hub with one builder and a build of two runs that wait."""
    with served_site(tmp_path) as hub:
        hub.rows.keep_job()
        builder = {"name": "oak", "platform": "linux", "labels": [], "slots": 1, "version": "1", "executor": "process"}
        hub.rows.keep(schema.builder, {**builder, "instance": "i", "state": "away", "seen_at": NOW - 90})
        hub.rows.keep_build(1)
        hub.rows.keep_run(1, 1)
        hub.rows.keep_run(2, 1, platform="freebsd-*", labels="big,gpu")
        yield hub


def test_the_queue_tells_why_each_run_waits_and_has_one_queue_a_platform(hub: Served) -> None:
    queue = hub.get("/api/v1/queue")
    linux, freebsd = queue["items"]
    assert (linux["run"], linux["eligible"], linux["estimate"]) == (1, ["oak"], None)
    (away,) = linux["reasons"]
    assert (away["kind"], away["sentence"]) == ("builders_away", "Builder oak is away, for 1 min 30 s.")
    assert away["builders"][0]["since"].endswith("Z")
    assert (freebsd["labels"], freebsd["reasons"][0]["kind"]) == (["big", "gpu"], "no_builder_ever")
    named = [(one["platform"], one["labels"], one["waiting"], one["builders"]) for one in queue["queues"]]
    assert named == [("freebsd-*", ["big", "gpu"], 1, []), ("linux", [], 1, ["oak"])]


def test_a_build_tells_why_it_is_there_why_it_waits_and_why_it_ended(hub: Served) -> None:
    why = hub.get("/api/v1/builds/1/why")
    assert why["causes"][0]["kind"] == "push"
    assert [(one["run"], one["reasons"][0]["kind"]) for one in why["runs"]] == [
        (1, "builders_away"),
        (2, "no_builder_ever"),
    ]
    first = why["reasons"][0]
    assert (first["run"], first["kind"], first["eligible"], first["ahead"]) == (1, "builders_away", ["oak"], 0)
    hub.rows.keep_build(2, state="finished", result="cancellation")
    hub.rows.keep_run(3, 2, state="finished", result="cancellation", cancel="Cancelled by ada.")
    ended = hub.get("/api/v1/builds/2/why")
    assert (ended["waiting"], ended["causes"][1]["sentence"]) == (False, "Cancelled by ada.")


def test_pages_show_queues_and_reasons(hub: Served) -> None:
    """The same sentences; names from outside are only text."""
    hub.rows.keep_run(3, 1, platform="<b>x</b>")
    app = Starlette(routes=assemble_pages(hub.site, hub.gate).routes, exception_handlers=PROBLEM_HANDLERS)
    with serve(app) as url, httpx2.Client(base_url=url) as browser:
        queue, build, home = (browser.get(path).text for path in ("/queue", "/builds/1", "/"))
    for page in (queue, build, home):
        assert "Builder oak is away, for 1 min 30 s." in re.sub("</?(a|bdi)( [^>]*)?>", "", page)  # its name is a link
        assert "No builder has ever matched" in page
        assert "<b>x" not in page
    assert "None has ever matched" in queue


def test_another_definition_of_a_job_asks_whether_its_newest_commit_lacks_a_platform(hub: Served) -> None:
    """With the change in one transaction; a new job, or one that does not want it, asks nothing."""

    def asked() -> int:
        with hub.site.database.reading() as connection:
            rows = connection.execute(schema.delivery.select().where(schema.delivery.c.event == "backfill")).all()
        return len(rows)

    admin = {"Authorization": "Bearer admin-secret"}
    new = hub.client.put("/api/v1/jobs/team/new", json={"repo": "team/app"}, headers=admin)
    assert (new.status_code, asked()) == (201, 0)
    path = "/api/v1/jobs/team/app"
    changed = hub.client.patch(path, json={"settings": {"platforms": ["linux", "mac"]}}, headers=admin)
    assert (changed.status_code, asked()) == (200, 1)
    hub.site.clock.now += 1  # type: ignore[attr-defined]
    refused = hub.client.patch(path, json={"settings": {"backfill": False}}, headers=admin)
    assert (refused.status_code, asked()) == (200, 1)
