"""Issues and comments of the fake GitHub, as far as people read what we write there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_github_checks import describe_app, find_repository, is_app
from fake_github_state import RefusalError, State, reply
from fake_repository import CREATED_AT, user

MAX_BODY = 65_536
OURS = user("hubwright")


async def get_user(state: State, request: Request) -> Response:
    """GET /user: for people's tokens only"""
    if is_app(request):
        raise RefusalError(403, "Resource not accessible by integration")
    token = request.headers.get("authorization", "").split(" ")[-1]
    return reply(state.people.get(token, OURS), headers=state.token_headers.get(token))


async def get_rate_limit(state: State, request: Request) -> Response:
    """GET /rate_limit: how much of the quota is left"""
    left = max(0, state.quota - state.used)
    return reply({"resources": {"core": {"limit": state.quota, "remaining": left, "used": state.used, "reset": 0}}})


async def post_issue(state: State, request: Request) -> Response:
    """POST …/issues"""
    repository = find_repository(state, request)
    sent = _read(await request.body())
    if not sent.get("title"):
        raise _invalid("Issue", "title", "missing_field", "title can't be blank")
    made = {
        "id": 2**35 + len(state.issues), "number": 1000 + len(state.issues), "state": "open", "title": sent["title"],
        "body": sent.get("body"), "repository": repository.full_name, "labels": sent.get("labels", []),
        "created_at": CREATED_AT, "updated_at": CREATED_AT, **_author(state, request),
    }  # fmt: skip
    return _keep(state, state.issues, made)


async def list_issues(state: State, request: Request) -> Response:
    """GET …/issues, newest first; of ours only"""
    repository, wanted = find_repository(state, request), request.query_params.get("state", "open")
    found = [one for one in reversed(state.issues) if one["repository"] == repository.full_name]
    return _page(request, [one for one in found if wanted in ("all", one["state"])])


async def get_issue(state: State, request: Request) -> Response:
    """GET …/issues/{number}"""
    return reply(_find(state.issues, request, "number", find_repository(state, request).full_name))


async def patch_issue(state: State, request: Request) -> Response:
    """PATCH …/issues/{number}"""
    found = _find(state.issues, request, "number", find_repository(state, request).full_name)
    sent = _read(await request.body())
    if sent.get("state", "open") not in {"open", "closed"}:
        raise _invalid("Issue", "state", "invalid", "state is invalid")
    return _change(state, found, sent, ("title", "body", "state", "state_reason"))


async def post_comment(state: State, request: Request) -> Response:
    """POST …/issues/{number}/comments"""
    repository = find_repository(state, request)
    sent = _read(await request.body())
    if not sent.get("body"):
        raise _invalid("IssueComment", "body", "missing_field", "body can't be blank")
    made = {
        "id": 2**36 + len(state.comments), "body": sent["body"], "repository": repository.full_name, "history": [],
        "issue": request.path_params["number"], "created_at": CREATED_AT, **_author(state, request),
    }  # fmt: skip
    return _keep(state, state.comments, made)


async def list_comments(state: State, request: Request) -> Response:
    """GET …/issues/{number}/comments, oldest first"""
    repository = find_repository(state, request).full_name
    number = request.path_params["number"]
    found = [one for one in state.comments if (one["repository"], one["issue"]) == (repository, number)]
    return _page(request, found)


async def patch_comment(state: State, request: Request) -> Response:
    """PATCH …/issues/comments/{id}"""
    found = _find(state.comments, request, "id", find_repository(state, request).full_name)
    found["history"].append(found["body"])
    return _change(state, found, _read(await request.body()), ("body",))


def _author(state: State, request: Request) -> dict[str, Any]:
    by_app = is_app(request)
    return {
        "user": user("hubwright[bot]") | {"type": "Bot"} if by_app else OURS,
        "performed_via_github_app": describe_app(state) if by_app else None,
    }


def _read(body: bytes) -> dict[str, Any]:
    sent: dict[str, Any] = orjson.loads(body)
    if len(sent.get("body") or "") > MAX_BODY:
        raise _invalid("Issue", "body", "custom", f"body is too long (maximum is {MAX_BODY} characters)")
    if len(sent.get("title") or "") > 256:
        raise _invalid("Issue", "title", "custom", "title is too long (maximum is 256 characters)")
    return sent


def _find(items: list[dict[str, Any]], request: Request, key: str, repository: str) -> dict[str, Any]:
    for one in items:
        if (one[key], one["repository"]) == (request.path_params["number"], repository):
            return one
    raise RefusalError(404, "Not Found")


def _keep(state: State, items: list[dict[str, Any]], made: dict[str, Any]) -> Response:
    with state.changed:
        items.append(made)
        state.changed.notify_all()
    return reply(made, 201)


def _change(state: State, found: dict[str, Any], sent: dict[str, Any], names: tuple[str, ...]) -> Response:
    with state.changed:
        found |= {name: sent[name] for name in names if name in sent}
        state.changed.notify_all()
    return reply(found)


def _page(request: Request, items: list[dict[str, Any]]) -> Response:
    size, number = int(request.query_params.get("per_page", 30)), int(request.query_params.get("page", 1))
    link = f'<{request.url.include_query_params(page=number + 1)}>; rel="next"' if number * size < len(items) else ""
    return reply(items[(number - 1) * size : number * size], headers={"link": link} if link else {})


def _invalid(resource: str, field: str, code: str, message: str) -> RefusalError:
    error = {"resource": resource, "field": field, "code": code, "message": message}
    return RefusalError(422, "Validation Failed", errors=[error])


TALK_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("POST", "/issues", post_issue),
    ("GET", "/issues", list_issues),
    ("GET", "/issues/{number:int}", get_issue),
    ("PATCH", "/issues/{number:int}", patch_issue),
    ("POST", "/issues/{number:int}/comments", post_comment),
    ("GET", "/issues/{number:int}/comments", list_comments),
    ("PATCH", "/issues/comments/{number:int}", patch_comment),
]
