"""Streams of events end for who may no longer read, as the WebSocket of those who watch does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hubwright.store.tokens import keep_session, keep_token, revoke_token
from hubwright.web import feed, streams
from hubwright.web.api import events
from hubwright.web.gate import COOKIE
from hubwright.web.pages import stream
from quiet_hub import WholeHub, open_whole_hub

STREAMS = ("/api/v1/events?topic=builds", "/api/v1/runs/1/log/stream", "/fragments/stream?run=1")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub")) as opened:
        opened.rows.keep_job(1, "team/app", repository="ann/app")
        opened.rows.keep_build(1, job_id=1, family=1, repository="ann/app")
        opened.rows.keep_run(1, 1)
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at with every sign of life, and these come quickly."""
    for module in (events, streams, stream):
        monkeypatch.setattr(module, "HEARTBEAT", 0.02)
    monkeypatch.setattr(streams, "CHECKED_EVERY", 0.02)
    monkeypatch.setattr(feed, "LOOK", 0.02)
    monkeypatch.setattr("hubwright.web.following.LOOK", 0.02)


def make_credential(hub: WholeHub, kind: str) -> dict[str, str]:
    """The headers of a token, or of a browser that is logged in."""
    now, database = hub.hub.site.clock(), hub.hub.site.database
    if kind == "session":
        text = database.write(lambda found: keep_session(found, f"s{now}", role="read", now=now, expires=now + 999))
        return {"Cookie": f"{COOKIE}={text}"}
    expires = now + 1 if kind == "expiring" else None
    text = database.write(lambda found: keep_token(found, f"t{now}", name=kind, role="read", now=now, expires=expires))
    return {"Authorization": f"Bearer {text}"}


def end(hub: WholeHub, kind: str, headers: dict[str, str]) -> None:
    """Log out, revoke, or let time pass."""
    if kind == "session":
        same = {"Sec-Fetch-Site": "same-origin"}
        assert hub.client.post("/logout", headers=headers | same).status_code in {200, 303}
    elif kind == "revoked":
        now, database = hub.hub.site.clock(), hub.hub.site.database
        with database.reading() as connection:
            newest = connection.exec_driver_sql("SELECT max(id) FROM token").scalar_one()
        database.write(lambda found: revoke_token(found, newest, now))
        hub.hub.gate.forget()


@pytest.mark.parametrize("kind", ["revoked", "expiring", "session"])
@pytest.mark.parametrize("address", STREAMS)
def test_a_stream_ends_for_who_may_no_longer_read(hub: WholeHub, address: str, kind: str) -> None:
    """S9: the last event says why; before that the stream goes on."""
    headers = make_credential(hub, kind)
    with hub.client.stream("GET", address, headers=headers, timeout=10) as answer:
        lines = answer.iter_lines()
        assert answer.status_code == 200
        alive = [next(lines) for _ in range(4)]
        assert not any("refused" in line for line in alive)
        end(hub, kind, headers)
        rest = list(lines)
    assert rest[-3] == "event: refused"
    assert json.loads(rest[-2].removeprefix("data: "))["status"] == 401
    assert hub.client.get("/api/v1/builds", headers=headers).status_code == 401
