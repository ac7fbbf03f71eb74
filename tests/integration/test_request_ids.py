"""An id for each request: told in the answer, in what is logged meanwhile, and to whoever meets a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from hubwright.reports.metrics import Metrics
from quiet_hub import WholeHub, open_whole_hub


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub"), anonymous_read="true") as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/livez", "/api/v1/builds", "/nothing/here", "/hooks/github"])
def test_every_answer_has_its_id(whole: WholeHub, path: str) -> None:
    """Pages, the API, refusals and the webhooks' door alike; two requests have two."""
    ids = [whole.client.get(path).headers["x-request-id"] for _ in range(2)]
    assert all(len(number) == 16 for number in ids)
    assert ids[0] != ids[1]


def test_a_proxys_id_is_kept_and_anything_odd_is_not(whole: WholeHub) -> None:
    """It goes into logs: what could break a line or fill a disk is replaced."""
    for given in ("abc-1.2_3", "x" * 64):
        assert whole.client.get("/livez", headers={"X-Request-Id": given}).headers["x-request-id"] == given
    for given in ("x" * 65, "a b", "a/b", '"}', ""):
        answer = whole.client.get("/livez", headers={"X-Request-Id": given})
        assert len(answer.headers["x-request-id"]) == 16


def test_a_delivery_is_logged_with_its_request(whole: WholeHub) -> None:
    headers = {"X-GitHub-Event": "ping", "X-GitHub-Delivery": "guid-of-the-log", "X-Request-Id": "from-the-proxy"}
    with capture_logs(processors=[merge_contextvars]) as lines:
        assert whole.client.post("/hooks/github", content=b'{"zen":""}', headers=headers).status_code == 202
    assert [line for line in lines if line["event"] == "delivery_kept"] == [
        {
            "event": "delivery_kept",
            "delivery": "guid-of-the-log",
            "about": "ping",
            "repeated": False,
            "request": "from-the-proxy",
            "log_level": "info",
        }
    ]


def test_a_fault_of_ours_tells_the_id_under_which_it_is_logged(
    whole: WholeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people read out to the operator is what the operator searches for."""

    def fail(_self: Metrics) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Metrics, "render", fail)
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = whole.client.get("/metrics")
    assert answer.status_code == 500
    number = answer.headers["x-request-id"]
    assert [line["id"] for line in lines if line["event"] == "request failed"] == [number]
    assert number in answer.json()["detail"]
