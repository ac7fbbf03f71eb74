"""What came and what happened, as readers see it: deliveries, commits of the copy, facts. Times in Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryView:
    """A webhook as kept, without its body; `outcome` says what it led to."""

    id: int
    guid: str
    event: str
    source: str
    received_at: float
    repository: str | None
    state: str
    outcome: str | None
    error: str | None
    attempts: int
    finished_at: float | None
    headers: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltView:
    """A build of a commit, in short."""

    id: int
    job: str
    number: int
    sha: str
    state: str
    result: str | None
    queued_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitView:
    """A commit of the copy of GitHub."""

    repository: str
    sha: str
    message: str
    author_name: str | None
    author_email: str | None
    author_login: str | None
    authored_at: float | None
    url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FactView:
    """What happened: kind, and one sentence that says it."""

    id: int
    kind: str
    at: float
    job_id: int | None
    build_id: int | None
    run_id: int | None
    sentence: str
    data: dict[str, Any] = field(default_factory=dict)
