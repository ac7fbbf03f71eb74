"""Webhooks of the fake GitHub, of repositories and organizations: made, changed, removed, pinged; what answered them.

A hook's secret is never shown again: `config.secret` is eight stars when there is one. What a change of `config` leaves
out is removed, as GitHub does it. https://docs.github.com/en/rest/repos/webhooks
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_github_checks import find_repository
from fake_github_state import RefusalError, State, reply
from fake_repository import CREATED_AT, FakeRepository, user

MASK = "********"
UNUSED = {"code": None, "status": "unused", "message": None}
MAX_FOR_EVENT = 20
KNOWN = frozenset({
    "*", "branch_protection_rule", "check_run", "check_suite", "commit_comment", "create", "delete", "deploy_key",
    "deployment", "deployment_status", "discussion", "discussion_comment", "fork", "gollum", "issue_comment", "issues",
    "label", "member", "merge_group", "meta", "milestone", "page_build", "project", "public", "pull_request",
    "pull_request_review", "pull_request_review_comment", "pull_request_review_thread", "push", "release", "repository",
    "repository_import", "star", "status", "team_add", "watch", "workflow_job", "workflow_run",
})  # fmt: skip
"""Events that a repository's hook may have; GitHub refuses all others, such as `team`, with 422."""

ORGANIZATION_KNOWN = KNOWN | {"membership", "organization", "org_block", "team"}
"""Events that an organization's hook may have."""


async def list_hooks(state: State, request: Request) -> Response:
    """GET …/hooks"""
    repository = _check_admin(state, request)
    size, number = int(request.query_params.get("per_page", 30)), int(request.query_params.get("page", 1))
    found = [_show(hook) for hook in state.hooks if hook["repository"] == repository.full_name]
    place = f"/repos/{repository.full_name}"
    found += [hook.describe() for hook in state.delivering if hook.place == place]
    following = number * size < len(found)
    link = f'<{request.url.include_query_params(page=number + 1)}>; rel="next"' if following else ""
    return reply(found[(number - 1) * size : number * size], headers={"link": link} if link else {})


async def get_hook(state: State, request: Request) -> Response:
    """GET …/hooks/{id}"""
    return reply(_show(_find(state, request)))


async def post_hook(state: State, request: Request) -> Response:
    """POST …/hooks: a ping follows at once"""
    repository = _check_admin(state, request)
    hook = await _make(state, request, repository=repository.full_name, base=f"{repository.describe()['url']}")
    await asyncio.to_thread(send_ping, hook, repository)
    return reply(_show(hook), 201)


async def _make(state: State, request: Request, **place: str) -> dict[str, Any]:
    sent = orjson.loads(await request.body())
    config, events = sent.get("config") or {}, sent.get("events") or ["push"]
    in_organization = "organization" in place
    _check(config, events, ORGANIZATION_KNOWN if in_organization else KNOWN)
    of = [hook for hook in state.hooks if hook["base"] == place["base"]]
    if any(hook["config"]["url"] == config["url"] and set(hook["events"]) & set(events) for hook in of):
        raise _invalid("Hook already exists on this " + ("organization" if in_organization else "repository"))
    if any(sum(event in hook["events"] for hook in of) >= MAX_FOR_EVENT for event in events):
        raise _invalid(f'The "{events[0]}" event cannot have more than {MAX_FOR_EVENT} hooks')
    hook = {
        "type": "Organization" if in_organization else "Repository", "id": 2**35 + next(_NUMBERS), "name": "web",
        "active": sent.get("active", True),
        "events": sorted(set(events)), "config": {"content_type": "form", "insecure_ssl": "0", **config},
        "created_at": CREATED_AT, "updated_at": CREATED_AT, "last_response": dict(UNUSED),
        "repository": None, **place,
    }  # fmt: skip
    with state.changed:
        state.hooks.append(hook)
        state.changed.notify_all()
    return hook


async def patch_hook(state: State, request: Request) -> Response:
    """PATCH …/hooks/{id}"""
    hook = _find(state, request)
    sent = orjson.loads(await request.body())
    config, events = sent.get("config", hook["config"]), sent.get("events", hook["events"])
    _check(config, events, KNOWN if hook["repository"] else ORGANIZATION_KNOWN)
    with state.changed:
        hook |= {"active": sent.get("active", hook["active"]), "events": sorted(set(events))}
        hook["config"] = {"content_type": "form", "insecure_ssl": "0", **config}
        state.changed.notify_all()
    return reply(_show(hook))


async def delete_hook(state: State, request: Request) -> Response:
    """DELETE …/hooks/{id}"""
    hook = _find(state, request)
    with state.changed:
        state.hooks.remove(hook)
        state.changed.notify_all()
    return Response(status_code=204)


async def ping_hook(state: State, request: Request) -> Response:
    """POST …/hooks/{id}/pings"""
    hook = _find(state, request)
    await asyncio.to_thread(send_ping, hook, None if hook["repository"] is None else find_repository(state, request))
    return Response(status_code=204)


async def get_organization(state: State, request: Request) -> Response:
    """GET /orgs/{org}: whoever owns repositories is one"""
    return reply(_organization(state, request))


async def list_of_organization(state: State, request: Request) -> Response:
    """GET /orgs/{org}/hooks"""
    _check_owner(state, request)
    name = request.path_params["org"].lower()
    found = [_show(hook) for hook in state.hooks if hook.get("organization") == name]
    return reply(found + [hook.describe() for hook in state.delivering if hook.place.lower() == f"/orgs/{name}"])


async def post_for_organization(state: State, request: Request) -> Response:
    """POST /orgs/{org}/hooks: a ping follows at once"""
    _check_owner(state, request)
    name = request.path_params["org"].lower()
    hook = await _make(state, request, organization=name, base=f"https://api.github.com/orgs/{name}")
    await asyncio.to_thread(send_ping, hook, None)
    return reply(_show(hook), 201)


def send_ping(hook: dict[str, Any], repository: FakeRepository | None) -> None:
    """Deliver a `ping` through the hook; without a repository it is an organization's."""
    payload = {"zen": "Speak like a human.", "hook_id": hook["id"], "hook": _show(hook)}
    if repository is not None:
        payload |= {"repository": repository.describe(), "sender": repository.describe()["owner"]}
    else:
        payload |= {"organization": _describe(hook["organization"]), "sender": user("octo")}
    send(hook, "ping", payload)


def send(hook: dict[str, Any], event: str, payload: dict[str, Any]) -> int:
    """Deliver through the hook, as it is set up; the status, which the hook shows from then on, 0: nobody there."""
    body, config = orjson.dumps(payload), hook["config"]
    headers = {
        "content-type": "application/json", "x-github-event": event, "x-github-delivery": str(uuid.uuid4()),
        "x-github-hook-id": str(hook["id"]),
    }  # fmt: skip
    if config.get("secret"):
        signature = hmac.new(config["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers["x-hub-signature-256"] = f"sha256={signature}"
    try:
        answer = httpx2.post(config["url"], content=body, headers=headers, timeout=10, trust_env=False, verify=False)
    except httpx2.TransportError:
        hook["last_response"] = {"code": 502, "status": "failed to connect", "message": "failed to connect to host"}
        return 0
    good = answer.status_code < 300
    told = "OK" if good else f"Invalid HTTP Response: {answer.status_code}"
    hook["last_response"] = {"code": answer.status_code, "status": "active" if good else "misc", "message": told}
    return answer.status_code


def _check_admin(state: State, request: Request) -> FakeRepository:
    """Hooks are shown to admins only; for all others they do not exist."""
    repository = find_repository(state, request)
    token = request.headers.get("authorization", "").split(" ")[-1]
    if token not in state.tokens or token in state.weak_tokens or state.weak_hooks:
        raise RefusalError(404, "Not Found")
    return repository


def _check_owner(state: State, request: Request) -> None:
    """The same for those of an organization."""
    _organization(state, request)
    token = request.headers.get("authorization", "").split(" ")[-1]
    if token not in state.tokens or token in state.weak_tokens or state.weak_hooks:
        raise RefusalError(404, "Not Found")


def _organization(state: State, request: Request) -> dict[str, Any]:
    name = request.path_params["org"].lower()
    if name not in {full_name.partition("/")[0] for full_name in state.repositories}:
        raise RefusalError(404, "Not Found")
    return _describe(name)


def _describe(name: str) -> dict[str, Any]:
    number = 2**36 + int.from_bytes(name.encode()[:4], "big")
    return {"login": name, "id": number, "type": "Organization", "url": f"https://api.github.com/orgs/{name}"}


def _find(state: State, request: Request) -> dict[str, Any]:
    if "org" in request.path_params:
        _check_owner(state, request)
        place = (request.path_params["hook"], None, request.path_params["org"].lower())
    else:
        place = (request.path_params["hook"], _check_admin(state, request).full_name, None)
    for hook in state.hooks:
        if (hook["id"], hook["repository"], hook.get("organization")) == place:
            return hook
    raise RefusalError(404, "Not Found")


def _check(config: dict[str, Any], events: list[str], known: frozenset[str]) -> None:
    if not str(config.get("url", "")).startswith(("http://", "https://")):
        raise _invalid("Config url is invalid")
    if unknown := sorted(set(events) - known):
        raise _invalid(f"Invalid events: {', '.join(unknown)}")


def _show(hook: dict[str, Any]) -> dict[str, Any]:
    secret = {"secret": MASK} if hook["config"].get("secret") else {}
    base = f"{hook['base']}/hooks/{hook['id']}"
    addresses = {"url": base, "test_url": f"{base}/test", "ping_url": f"{base}/pings"}
    shown = {key: value for key, value in hook.items() if key not in {"repository", "organization", "base"}}
    return shown | addresses | {"deliveries_url": f"{base}/deliveries", "config": {**hook["config"], **secret}}


def _invalid(message: str) -> RefusalError:
    return RefusalError(422, "Validation Failed", errors=[{"resource": "Hook", "code": "custom", "message": message}])


_NUMBERS = itertools.count(1)

HOOK_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("GET", "/hooks", list_hooks),
    ("POST", "/hooks", post_hook),
    ("GET", "/hooks/{hook:int}", get_hook),
    ("PATCH", "/hooks/{hook:int}", patch_hook),
    ("DELETE", "/hooks/{hook:int}", delete_hook),
    ("POST", "/hooks/{hook:int}/pings", ping_hook),
]

ORGANIZATION_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("GET", "/orgs/{org}", get_organization),
    ("GET", "/orgs/{org}/hooks", list_of_organization),
    ("POST", "/orgs/{org}/hooks", post_for_organization),
    ("GET", "/orgs/{org}/hooks/{hook:int}", get_hook),
    ("PATCH", "/orgs/{org}/hooks/{hook:int}", patch_hook),
    ("DELETE", "/orgs/{org}/hooks/{hook:int}", delete_hook),
    ("POST", "/orgs/{org}/hooks/{hook:int}/pings", ping_hook),
]
