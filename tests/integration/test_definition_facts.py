"""Whoever watches jobs is told that definitions were made, changed, restored and so on, as far as they see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from hubwright.hub.bell import Bell
from served import Served, served_site

ADMIN = {"Authorization": "Bearer admin-secret"}
JOB = {"repository": "octo/app"}
LINK = "/api/v1/links/octo/app/branch"

CHANGES: list[tuple[str, str, Any, dict[str, str]]] = [
    ("PUT", "/api/v1/folders/team", {"timeout": 60}, {}),
    ("PUT", "/api/v1/folders/team", {"timeout": 60}, {}),  # which says the same: nothing happened
    ("PUT", "/api/v1/jobs/team/sub/app", JOB, {}),
    ("PATCH", "/api/v1/jobs/team/sub/app", {"environment": {"A": "1"}, "timeout": 90}, {"reason": "slow"}),
    ("POST", "/api/v1/jobs/team/sub/app/versions/1/restore", None, {}),
    ("PUT", LINK, {"job": "team/sub/app"}, {}),
    ("PUT", LINK, {"job": "team/sub/app"}, {}),
    ("PUT", "/api/v1/jobs/else/app", JOB, {}),
    ("PUT", LINK, {"job": "else/app"}, {}),
    ("DELETE", LINK, None, {}),
    ("POST", "/api/v1/jobs/team/sub/app/pause", None, {}),
    ("DELETE", "/api/v1/jobs/team/sub/app", None, {}),
    ("DELETE", "/api/v1/folders/team/sub", None, {}),
    ("PATCH", "/api/v1/folders/", {"timeout": 5}, {}),
]

SENTENCES = [
    "Folder team made by admin token.",
    "Job team/sub/app made by admin token.",
    "Job team/sub/app changed by admin token: version 2.",
    "Job team/sub/app: version 1 restored by admin token, as version 3.",
    "octo/app linked to team/sub/app (branch) by admin token.",
    "Job else/app made by admin token.",
    "octo/app no longer linked to team/sub/app (branch), by admin token.",
    "octo/app linked to else/app (branch) by admin token.",
    "octo/app no longer linked to else/app (branch), by admin token.",
    "Job team/sub/app paused by admin token.",
    "Job team/sub/app removed by admin token.",
    "Folder team/sub removed by admin token.",
    "Folder / changed by admin token: version 1.",
]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    """A site without jobs, where watchers are woken."""
    bell = Bell()
    with served_site(tmp_path, bell=bell, wake=bell.ring) as served:
        yield served


@contextmanager
def watching(hub: Served, topic: str, headers: dict[str, str]) -> Iterator[ClientConnection]:
    """A watcher of one topic."""
    address = f"{hub.url.replace('http', 'ws')}/api/v1/live"
    with connect(address, additional_headers=headers, compression=None) as socket:
        socket.send(json.dumps({"subscribe": [topic.strip()]}))
        assert hear(socket, "subscribed")["topics"] == [topic.strip()]
        yield socket


def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while (message := json.loads(socket.recv(timeout=20)))["type"] != kind:
        pass
    return dict(message)


def test_each_change_is_told_once_to_those_who_watch_jobs_and_may_see_it(hub: Served) -> None:
    """Over WebSocket and over `/api/v1/facts`; a folder's token is told of its own."""
    wanted = {"name": "sub", "role": "read", "folders": ["team/sub"]}
    bearer = hub.client.post("/api/v1/tokens", json=wanted, headers=ADMIN).json()["token"]
    theirs = {"Authorization": f"Bearer {bearer}"}
    of_sub = [told for told in SENTENCES if "team/sub" in told]
    expected = {
        "jobs": (ADMIN, SENTENCES),
        "job:team/sub": (ADMIN, [SENTENCES[0], *of_sub, SENTENCES[-1]]),
        "job:else": (ADMIN, [told for told in SENTENCES if "else" in told or told == SENTENCES[-1]]),
        "facts": (theirs, of_sub),
        "jobs ": (theirs, of_sub),
    }
    with ExitStack() as open_sockets:
        sockets = {
            topic: open_sockets.enter_context(watching(hub, topic, headers)) for topic, (headers, _) in expected.items()
        }
        for method, path, body, query in CHANGES:
            answer = hub.client.request(method, path, json=body, headers=ADMIN, params=query)
            assert answer.is_success, answer.text
        for topic, (_, sentences) in expected.items():
            facts = [hear(sockets[topic], "fact") for _ in sentences]
            assert [fact["sentence"] for fact in facts] == sentences, topic
    listed = hub.get("/api/v1/facts", headers=theirs)["items"]
    assert [fact["sentence"] for fact in listed] == of_sub
    changed, restored = listed[1]["data"], listed[2]["data"]
    assert (sorted(changed["places"]), changed["reason"]) == (["/environment", "/timeout"], "slow")
    assert (restored["version"], restored["restored"]) == (3, 1)
    assert listed[1]["job"] is not None
