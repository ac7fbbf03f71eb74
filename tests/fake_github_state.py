"""What the fake GitHub knows and has seen; shared by its REST and its git answers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_repository import FakeRepository

DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A request as it came in; `at` is Unix time, `raw_path` still has what was escaped."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    raw_path: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What one request meets instead of its answer (`status` 0: only `latency`, then the true answer)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    latency: float = 0.0


class RefusalError(Exception):
    """The request ends with `status` and GitHub's JSON for it."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **more, "documentation_url": DOCS, "status": str(status)}


@dataclass
class App:
    """The GitHub App that the fake knows; `installations` are numbers by owner; its clock is `ahead` by seconds.

    `suspended` are times by owner, `hook` the settings of its one webhook, `letters` how long its tokens are.
    """

    app_id: str
    public_key: str
    installations: dict[str, int]
    issued: int = 0
    ahead: float = 0.0
    events: list[str] = field(default_factory=list)
    hook: dict[str, Any] = field(default_factory=dict)
    suspended: dict[str, str] = field(default_factory=dict)
    letters: int = 500

    def now(self) -> float:
        """Return Unix time as the App's answers have it."""
        return time.time() + self.ahead


@dataclass
class State:
    """All that the fake knows; the test's thread reads it while the server's thread writes."""

    root: Path
    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    check_runs: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    pulls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # open ones by repository
    delivering: list[Any] = field(default_factory=list)  # fake_github_deliveries.FakeHook
    made_apps: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the code that they are had with, once
    logins: dict[str, dict[str, Any]] = field(default_factory=dict)  # codes: user, challenge, client
    people: dict[str, dict[str, Any]] = field(default_factory=dict)  # users by their tokens
    token_headers: dict[str, dict[str, str]] = field(default_factory=dict)  # what is told of tokens, by them
    weak_tokens: set[str] = field(default_factory=set)  # they may read, not administer
    weak_hooks: bool = False  # no token may see hooks
    may_write_checks: bool = True  # the App's right
    requests: list[Recorded] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    git_faults: deque[Fault] = field(default_factory=deque)
    app: App | None = None
    tokens: set[str] = field(default_factory=set)
    permissions: dict[str, tuple[int, str]] = field(default_factory=dict)  # number and permission by login
    listings: Any = None  # fake_github_listings.Listings
    quota: int = 5000
    used: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def repository(self, owner: str, name: str) -> FakeRepository:
        """Return a repository by name; raises RefusalError 404."""
        repository = self.repositories.get(f"{owner}/{name}".lower())
        if repository is None:
            raise RefusalError(404, "Not Found")
        return repository


async def record_request(state: State, request: Request) -> None:
    """Remember a request and wake who waits for one."""
    recorded = Recorded(
        method=request.method, path=request.url.path, query=request.url.query,
        headers=dict(request.headers), body=await request.body(),
        raw_path=bytes(request.scope["raw_path"]).partition(b"?")[0].decode(),
    )  # fmt: skip
    with state.changed:
        state.requests.append(recorded)
        state.changed.notify_all()


async def meet_fault(faults: deque[Fault]) -> Response | None:
    """Return the next planned fault, None when the true answer shall be given."""
    if not faults:
        return None
    fault = faults.popleft()
    await asyncio.sleep(fault.latency)
    return reply(fault.body, fault.status, fault.headers) if fault.status else None


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return JSON with the headers that GitHub always sends."""
    sent = {"x-github-request-id": "FAKE:1", "server": "github.com"} | (headers or {})
    return Response(orjson.dumps(body), status, sent, "application/json; charset=utf-8")
