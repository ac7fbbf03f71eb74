"""What is looked at after an installation was restored: each commit has one green build, nothing is told twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, text

from fake_github import FakeGitHub
from hub_process import HubProcess

PATIENCE = 90.0
"""Seconds on a machine that is busy with other tests."""

AN_HOUR = 3600.0
"""So long ago is what arrived after the backup: what GitHub has just delivered may be on its way in."""

RECIPE = """stages:
- pack:
    run: |
      test "$TOKEN" = "the value"
      echo data > a.txt
      echo waits
      until test -e {gate}; do sleep 0.1; done
    artifacts: a.txt
    secrets: [TOKEN]
"""
"""A build that needs a secret, waits for a gate, and keeps a file."""


def is_all_told(hub: HubProcess) -> bool:
    """Whether nothing is left to say: what a backup does not know as said, its hub says again."""
    waits = "(SELECT min(cursor) FROM reporter) < (SELECT max(id) FROM fact)"
    engine = create_engine(hub.database_url)
    try:
        with engine.connect() as connection:
            question = text(f"SELECT {waits} OR EXISTS (SELECT 1 FROM report WHERE state <> 'done')")
            return not connection.execute(question).scalar_one()
    finally:
        engine.dispose()


def assert_each_once(builds: list[dict[str, Any]], commits: list[str], of_then: dict[str, Any]) -> None:
    """One green build for each commit; numbers that were given after the backup are given to none of them."""
    assert [(build["sha"], build["result"]) for build in reversed(builds)] == [(sha, "success") for sha in commits]
    for build in builds[:2]:
        assert build["id"] > of_then["id"] + 1000
        assert build["runs"][0]["id"] > of_then["runs"][0]["id"] + 1000
        assert build["number"] > of_then["number"] + 900


def find_healed(hub: HubProcess) -> dict[str, Any] | None:
    """What the hub says of its healing, once two deliveries were recovered."""
    found = dict(hub.get("healing"))
    return found if found["recovered"] >= 2 else None


def is_green(github: FakeGitHub, sha: str) -> bool:
    """Whether GitHub was told so."""
    return any(status["state"] == "success" for status in github.statuses(sha))
