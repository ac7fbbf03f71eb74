"""The files of `examples/monitoring/` at work: a real Prometheus reads a hub, alerts fire, each panel has figures."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from hubwright.domain.figures import KINDS
from hubwright.domain.github_budget import Ask, Figures
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.reports.counting import Counting
from hubwright.store import schema
from prometheus_server import EXAMPLES, PROMTOOL, prometheus_watching
from served import NOW, Served, served_site
from waiting import until

ALERTS = yaml.safe_load((EXAMPLES / "alerts.yml").read_text())["groups"][0]["rules"]
TRIALS = yaml.safe_load((EXAMPLES / "alerts_test.yml").read_text())["tests"]
METRICS = (EXAMPLES.parents[1] / "docs" / "metrics.md").read_text()
BOARD = json.loads((EXAMPLES / "grafana.json").read_text())
TARGETS = [
    (panel["title"], target["expr"].replace("$__rate_interval", "1m"))
    for panel in BOARD["panels"]
    for target in panel.get("targets", ())
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub in trouble: a webhook, a run and a reporter have waited for an hour; of every kind something is counted."""
    with served_site(tmp_path_factory.mktemp("hub"), anonymous_read=False, admin_token="secret") as served:
        ago = time.time() - 3600
        counting = Counting(served.site.database, served.site.tally)
        counting.enroll()
        rows = served.rows
        rows.keep_job()
        rows.keep_build(1, state="running", queued_at=ago, started_at=ago)
        rows.keep_run(1, 1, queued_at=ago)
        rows.keep_run(2, 1, state="running", queued_at=ago, started_at=ago)
        rows.keep_run(3, 1, state="held", queued_at=ago)
        rows.keep(schema.delivery, {"guid": "g", "event": "push", "received_at": ago, "body": b"", "next_try_at": NOW})
        rows.keep(schema.reporter, {"name": "mail", "cursor": 0})
        told = {"build_id": 1, "run_id": 2, "at": ago, "data": {"platform": "linux", "result": "success"}}
        rows.keep(schema.fact, *({"kind": kind, **told} for kind in ("RunStarted", "RunFinished", "BuildFinished")))
        for kind in KINDS:
            if kind.labels == ("queue",):
                served.site.tally.count(kind, "facts")
        counting.drain()
        gate = DatabaseGate(served.site.database, clock=time.time)
        gate.enter("token", Ask())
        gate.note("token", Figures(limit=5000, remaining=4321, reset_at=time.time() + 3600))
        gate.enter("token", Ask())
        yield served


@pytest.fixture(scope="module")
def prometheus(hub: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """It watches the hub, and has asked it at least thrice."""
    target = hub.url.removeprefix("http://")
    with prometheus_watching(target, "secret", tmp_path_factory.mktemp("prometheus")) as client:
        until(lambda: ask(client, 'count_over_time(up{job="hubwright"}[1m]) > 2'), 30, "three scrapes")
        yield client


def ask(prometheus: httpx2.Client, expression: str) -> list[dict[str, Any]]:
    """What an expression gives by now."""
    answer = prometheus.get("/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_each_alert_fires_when_it_should_and_no_other_with_it() -> None:
    """By Prometheus' own tool; hours pass in a moment there."""
    argv = [str(PROMTOOL), "test", "rules", "alerts_test.yml"]
    done = subprocess.run(argv, cwd=EXAMPLES, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_untried_and_each_says_what_to_do() -> None:
    wanted = [sample for trial in TRIALS for one in trial["promql_expr_test"] for sample in one["exp_samples"]]
    tried = {re.search(r'alertname="(\w+)"', sample["labels"])[1] for sample in wanted}  # type: ignore[index]
    assert tried == {alert["alert"] for alert in ALERTS}
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"]["summary"].endswith(".")
        assert alert["annotations"]["action"].endswith((".", "?"))


def test_alerts_fire_at_a_hub_in_trouble(prometheus: httpx2.Client) -> None:
    """Those that need no time of their own do at once, from what the hub says of the hour before."""

    def firing() -> set[str]:
        alerts = prometheus.get("/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    wanted = {"HubwrightDeliveriesWait", "HubwrightQueueStuck", "HubwrightReporterLate"}
    until(lambda: wanted <= firing(), 20, "alerts")
    assert firing() == wanted
    rules = prometheus.get("/rules").json()["data"]["groups"][0]["rules"]
    assert {rule["health"] for rule in rules} == {"ok"}


def test_every_panel_has_figures(prometheus: httpx2.Client) -> None:
    """A name that was changed in the hub, or mistyped on the board, is an empty panel. So is, until the next look, one
    whose hub did not answer in time.
    """
    for title, expression in TARGETS:
        until(partial(ask, prometheus, expression), 20, f"a figure of {title} ({expression})")


def test_every_figure_of_the_hub_is_on_the_board_and_in_the_docs(prometheus: httpx2.Client) -> None:
    """What nobody looks at need not be told, and nobody looks at what nobody explains."""
    names = prometheus.get("/label/__name__/values").json()["data"]
    told = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in names if name.startswith("hubwright_")}
    documented = re.findall(r"^\| `(hubwright_\w+?)(?:_total)?` \|", METRICS, re.MULTILINE)
    assert sorted(documented) == sorted(told)
    shown = {
        re.sub(r"_(bucket|total)$", "", name)
        for _, expression in TARGETS
        for name in re.findall(r"hubwright_\w+", expression)
    }
    # for autoscalers, and for the table of what is which version
    elsewhere = {"hubwright_build_info", "hubwright_queue_running", "hubwright_queue_held"}
    assert told - elsewhere == shown


def test_names_and_types_follow_prometheus_rules(hub: Served) -> None:
    """`promtool check metrics` finds nothing to say about ours."""
    text = hub.client.get("/metrics", headers={"Authorization": "Bearer secret"}).content
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).decode()
    assert not [line for line in said.splitlines() if line.startswith("hubwright")], said


def test_the_board_can_be_imported() -> None:
    """Numbers of panels are told apart, none lies on another, and each asks the source that one chooses."""
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        cells |= taken
        assert {target["datasource"]["uid"] for target in panel.get("targets", ())} <= {"${datasource}"}
    assert Path(EXAMPLES / "grafana.json").stat().st_size < 100_000
