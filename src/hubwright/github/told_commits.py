"""Which commits a delivery tells of, whatever event it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hubwright.domain.repos import NO_COMMIT

MOST = 50
"""Commits of one delivery that are looked for; of a push the newest."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PLACES = (
    ("after",), ("head_commit", "id"), ("pull_request", "head", "sha"), ("merge_group", "head_sha"),
    ("check_run", "head_sha"), ("check_suite", "head_sha"), ("workflow_run", "head_sha"), ("deployment", "sha"),
    ("sha",),
)  # fmt: skip


def find_commits(payload: Any) -> tuple[str, ...]:
    """The commits that a delivery's document names, each once; of anything else none."""
    found = dict.fromkeys(sha for sha in _named(payload) if _is_commit(sha))
    return tuple(found)[:MOST]


def _named(payload: Any) -> Iterator[Any]:
    for place in _PLACES:
        value = payload
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        yield value
    commits = payload.get("commits") if isinstance(payload, dict) else None
    for one in reversed(commits if isinstance(commits, list) else []):
        yield one.get("id") if isinstance(one, dict) else None


def _is_commit(sha: Any) -> bool:
    return isinstance(sha, str) and _SHA.fullmatch(sha) is not None and sha != NO_COMMIT
