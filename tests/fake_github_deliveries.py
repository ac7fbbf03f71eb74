"""Deliveries of the fake GitHub's hooks, of repositories, organizations and the App: sent, listed, sent again.

    hook = github.add_hook("/repos/octo/hello", hub.hook, SECRET)
    hook.send("push", payload)              # 0 when nobody answered: listed as a failure, and never sent again unasked
    hook.lose("push", payload)              # GitHub says that it arrived

Pages are had by cursor, newest first. https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import RefusalError, State, reply
from fake_repository import CREATED_AT


@dataclass
class FakeHook:
    """A hook at `place` (`/repos/octo/hello`, `/orgs/octo`, `/app`); `sent` are its deliveries, oldest first.

    While `reaches` is False nothing that it sends comes through, as behind a broken tunnel.
    """

    place: str
    number: int
    url: str
    secret: str
    sent: list[dict[str, Any]] = field(default_factory=list)
    reaches: bool = True
    active: bool = True
    page: int = 100
    asked: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where its deliveries are listed, below the API's address."""
        return "/app/hook/deliveries" if self.place == "/app" else f"{self.place}/hooks/{self.number}/deliveries"

    def send(self, event: str, payload: dict[str, Any], *, guid: str | None = None, at: float | None = None) -> int:
        """Deliver; what was answered, 0 when nothing was."""
        return self._try(event, payload, guid or str(uuid.uuid4()), at=at, again=False)

    def lose(self, event: str, payload: dict[str, Any], *, at: float | None = None) -> str:
        """Deliver to nobody, and believe that it arrived; the guid."""
        guid = str(uuid.uuid4())
        self._note(event, payload, guid, 200, at=at, again=False)
        return guid

    def remember(self, event: str, payload: dict[str, Any], guid: str, code: int) -> None:
        """Somebody else has delivered it, and was answered this."""
        self._note(event, payload, guid, code, at=None, again=False)

    def send_again(self, number: int) -> None:
        """What a request for a redelivery leads to."""
        self.asked.append(number)
        one = self.find(number)
        self._try(one["event"], one["payload"], one["guid"], at=None, again=True)

    def find(self, number: int) -> dict[str, Any]:
        """A delivery. Raises RefusalError 404."""
        for one in self.sent:
            if one["id"] == number:
                return one
        raise RefusalError(404, "Not Found")

    def describe(self) -> dict[str, Any]:
        """The hook as a list of hooks has it."""
        kind = "Organization" if self.place.startswith("/orgs/") else "Repository"
        config = {"url": self.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
        base = f"https://api.github.com{self.place}/hooks/{self.number}"
        addresses = {"url": base, "ping_url": f"{base}/pings", "deliveries_url": f"{base}/deliveries"}
        shown = {"id": self.number, "type": kind, "name": "web", "active": self.active, "events": ["*"],
                 "config": config, "created_at": CREATED_AT, "updated_at": CREATED_AT}  # fmt: skip
        if kind == "Repository":
            unused = {"code": None, "status": "unused", "message": None}
            shown |= {"test_url": f"{base}/test", "last_response": unused}
        return shown | addresses

    def _try(self, event: str, payload: dict[str, Any], guid: str, *, at: float | None, again: bool) -> int:
        body = orjson.dumps(payload)
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-github-event": event, "x-github-delivery": guid,
                   "x-github-hook-id": str(self.number), "x-hub-signature-256": f"sha256={signature}"}  # fmt: skip
        code = 0
        if self.reaches:
            try:
                code = httpx2.post(
                    self.url, content=body, headers=headers, timeout=10, trust_env=False, verify=False
                ).status_code
            except httpx2.TransportError:
                code = 0
        self._note(event, payload, guid, code, at=at, again=again)
        return code

    def _note(
        self, event: str, payload: dict[str, Any], guid: str, code: int, *, at: float | None, again: bool
    ) -> None:
        moment = datetime.fromtimestamp(at, UTC) if at is not None else datetime.now(UTC)
        told = "OK" if 200 <= code < 300 else f"Invalid HTTP Response: {code}" if code else "failed to connect to host"
        self.sent.append({
            "id": next(_NUMBERS), "guid": guid, "delivered_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "redelivery": again, "duration": 0.1, "status": told, "status_code": code, "event": event,
            "action": payload.get("action"), "installation_id": None, "throttled_at": None,
            "repository_id": payload.get("repository", {}).get("id"), "payload": payload,
        })  # fmt: skip


def add_hook(state: State, place: str, url: str, secret: str) -> FakeHook:
    """Have a hook whose deliveries are kept."""
    hook = FakeHook(place, next(_NUMBERS), url, secret)
    state.delivering.append(hook)
    return hook


async def list_deliveries(state: State, request: Request) -> Response:
    """GET …/deliveries, newest first, by cursor"""
    hook = _find_hook(state, request)
    if "page" in request.query_params:
        raise RefusalError(422, "deliveries are had by cursor")
    size = min(int(request.query_params.get("per_page", 30)), hook.page)
    last = int(request.query_params.get("cursor", "v1_0").removeprefix("v1_")) or 2**62
    older = [one for one in reversed(hook.sent) if one["id"] < last]
    shown = [{name: value for name, value in one.items() if name != "payload"} for one in older[:size]]
    link = {}
    if len(older) > size:
        following = request.url.include_query_params(cursor=f"v1_{shown[-1]['id']}")
        link = {"link": f'<{following}>; rel="next"'}
    return reply(shown, headers=link)


async def get_delivery(state: State, request: Request) -> Response:
    """GET …/deliveries/{id}, with the body that was sent"""
    one = _find_hook(state, request).find(request.path_params["delivery"])
    shown = {name: value for name, value in one.items() if name != "payload"}
    headers = {"X-GitHub-Event": one["event"], "X-GitHub-Delivery": one["guid"], "X-Hub-Signature-256": "sha256=00",
               "X-GitHub-Hook-ID": str(_find_hook(state, request).number)}  # fmt: skip
    return reply({**shown, "url": "", "request": {"headers": headers, "payload": one["payload"]},
                  "response": {"headers": {}, "payload": None}})  # fmt: skip


async def post_attempt(state: State, request: Request) -> Response:
    """POST …/deliveries/{id}/attempts"""
    hook = _find_hook(state, request)
    number = hook.find(request.path_params["delivery"])["id"]
    task = asyncio.create_task(asyncio.to_thread(hook.send_again, number))  # GitHub sends after it has answered
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return reply({}, 202)


async def list_organization_hooks(state: State, request: Request) -> Response:
    """GET /orgs/{org}/hooks"""
    place = f"/orgs/{request.path_params['org']}"
    token = request.headers.get("authorization", "").split(" ")[-1]
    if token in state.weak_tokens or state.weak_hooks:
        raise RefusalError(404, "Not Found")
    return reply([hook.describe() for hook in state.delivering if hook.place == place])


async def get_comparison(state: State, request: Request) -> Response:
    """GET …/compare/{before}...{after}"""
    owner, name = request.path_params["owner"], request.path_params["name"]
    repository = state.repository(owner, name)
    before, _, after = request.path_params["basehead"].partition("...")
    if repository.find(before) is None or repository.find(after) is None:
        raise RefusalError(404, "Not Found")
    commits = list(reversed(repository.log([after, f"^{before}"], limit=250)))
    ahead = repository.is_ancestor(before, after)
    listed = [repository.describe_for_api(commit) for commit in commits]
    return reply({"status": "ahead" if ahead else "diverged", "ahead_by": len(commits), "behind_by": 0,
                  "total_commits": len(commits), "commits": listed, "files": []})  # fmt: skip


async def list_tags(state: State, request: Request) -> Response:
    """GET …/tags: names and the commits that they stand for, also those of annotated tags"""
    repository = state.repository(request.path_params["owner"], request.path_params["name"])
    form = "%(refname:strip=2) %(objectname) %(*objectname)"
    told = await asyncio.to_thread(repository.git, "for-each-ref", f"--format={form}", "refs/tags")
    lines = told.decode().splitlines()
    parts = [line.split(" ") for line in reversed(lines)]
    base = f"https://api.github.com/repos/{repository.full_name}"
    items = [
        {"name": name, "commit": {"sha": peeled or sha, "url": f"{base}/commits/{peeled or sha}"}, "node_id": "REF_1",
         "zipball_url": f"{base}/zipball/{name}", "tarball_url": f"{base}/tarball/{name}"}
        for name, sha, peeled in parts
    ]  # fmt: skip
    size, number = int(request.query_params.get("per_page", 30)), int(request.query_params.get("page", 1))
    link = {}
    if number * size < len(items):
        link = {"link": f'<{request.url.include_query_params(page=number + 1)}>; rel="next"'}
    return reply(items[(number - 1) * size : number * size], headers=link)


def _find_hook(state: State, request: Request) -> FakeHook:
    path = request.url.path.removeprefix("/api/v3")
    for hook in state.delivering:
        if path == hook.path or path.startswith(f"{hook.path}/"):
            return hook
    raise RefusalError(404, "Not Found")


_NUMBERS = itertools.count(2**40 + 1)
_TASKS: set[asyncio.Task[None]] = set()

_ANSWERS: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("GET", "/deliveries", list_deliveries),
    ("GET", "/deliveries/{delivery:int}", get_delivery),
    ("POST", "/deliveries/{delivery:int}/attempts", post_attempt),
]

DELIVERY_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    *((method, f"/hooks/{{hook:int}}{path}", answer) for method, path, answer in _ANSWERS),
    ("GET", "/compare/{basehead}", get_comparison),
    ("GET", "/tags", list_tags),
]
"""Below a repository."""

OTHER_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("GET", "/orgs/{org}/hooks", list_organization_hooks),
    *((method, f"/orgs/{{org}}/hooks/{{hook:int}}{path}", answer) for method, path, answer in _ANSWERS),
    *((method, f"/app/hook{path}", answer) for method, path, answer in _ANSWERS),
]
