"""Check runs of the fake GitHub: for Apps only, refused as GitHub refuses them.

The messages are GitHub's own, from reports of people who met them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import RefusalError, State, reply
from fake_repository import CREATED_AT, FakeRepository

STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("success", "failure", "neutral", "cancelled", "timed_out", "action_required", "skipped")
LEVELS = ("notice", "warning", "failure")
MAX_TEXT = 65_535
MAX_MESSAGE = 64 * 1024


def find_repository(state: State, request: Request) -> FakeRepository:
    """The repository that the address names, by name or number; raises RefusalError 404."""
    if "id" not in request.path_params:
        return state.repository(request.path_params["owner"], request.path_params["name"])
    found = [one for one in state.repositories.values() if one.id == request.path_params["id"]]
    if not found:
        raise RefusalError(404, "Not Found")
    return found[0]


def is_app(request: Request) -> bool:
    """Whether an installation of the App asks."""
    return request.headers.get("authorization", "").split(" ")[-1].startswith("ghs_")


def describe_app(state: State) -> dict[str, Any]:
    """The App as GitHub shows it at what it made."""
    assert state.app is not None
    number = int(state.app.app_id) if state.app.app_id.isdigit() else 1
    return {"id": number, "client_id": f"Iv23{state.app.app_id}", "slug": "hubwright", "name": "hubwright"}


async def post_check_run(state: State, request: Request) -> Response:
    """POST …/check-runs"""
    repository = _check_right(state, request)
    sent = _read(await request.body())
    for name in ("name", "head_sha"):
        if not isinstance(sent.get(name), str):
            raise _invalid(f'"{name}" wasn\'t supplied.')
    sha = sent["head_sha"]
    if len(sha) != 40 or await asyncio.to_thread(repository.find, sha) != sha:
        raise RefusalError(422, f"No commit found for SHA: {sha}")
    _check(sent)
    made = {
        "id": 2**34 + len(state.check_runs), "name": sent["name"], "head_sha": sha, "status": "queued",
        "external_id": "", "details_url": None, "conclusion": None, "started_at": CREATED_AT, "completed_at": None,
        "output": {"title": None, "summary": None, "text": None, "annotations_count": 0}, "actions": [],
        "app": describe_app(state), "repository": repository.full_name, "annotations": [], "history": [],
    }  # fmt: skip
    _apply(made, sent)
    with state.changed:
        state.check_runs.append(made)
        state.changed.notify_all()
    return reply(_shown(made), 201)


async def patch_check_run(state: State, request: Request) -> Response:
    """PATCH …/check-runs/{id}"""
    repository = _check_right(state, request)
    known = _find(state, repository, request)
    sent = _read(await request.body())
    _check(sent)
    changed = {key: sent[key] for key in ("status", "conclusion") if key in sent and sent[key] != known[key]}
    if known["status"] == "completed" and changed:
        raise RefusalError(422, "A completed check run keeps its status and its conclusion.")  # GitHub: no effect
    with state.changed:
        _apply(known, sent)
        state.changed.notify_all()
    return reply(_shown(known))


async def get_check_run(state: State, request: Request) -> Response:
    """GET …/check-runs/{id}"""
    return reply(_shown(_find(state, find_repository(state, request), request)))


async def list_check_runs(state: State, request: Request) -> Response:
    """GET …/commits/{ref}/check-runs, newest first; by default the newest of each name"""
    repository = find_repository(state, request)
    sha = await asyncio.to_thread(repository.find, request.path_params["ref"])
    if sha is None:
        raise RefusalError(422, f"No commit found for SHA: {request.path_params['ref']}")
    found = [one for one in reversed(state.check_runs) if one["head_sha"] == sha]
    if request.query_params.get("filter", "latest") == "latest":
        found = list({one["name"]: one for one in reversed(found)}.values())
    size, number = int(request.query_params.get("per_page", 30)), int(request.query_params.get("page", 1))
    page = found[(number - 1) * size : number * size]
    link = f'<{request.url.include_query_params(page=number + 1)}>; rel="next"' if number * size < len(found) else ""
    body = {"total_count": len(found), "check_runs": [_shown(one) for one in page]}
    return reply(body, headers={"link": link} if link else {})


def _check_right(state: State, request: Request) -> FakeRepository:
    repository = find_repository(state, request)
    if not is_app(request):
        raise RefusalError(403, "You must authenticate via a GitHub App.")
    if not state.may_write_checks:
        raise RefusalError(403, "Resource not accessible by integration")
    return repository


def _find(state: State, repository: FakeRepository, request: Request) -> dict[str, Any]:
    number = request.path_params["number"]
    for one in state.check_runs:
        if one["id"] == number and one["head_sha"] and repository.find(one["head_sha"]):
            return one
    raise RefusalError(404, "Not Found")


def _read(body: bytes) -> dict[str, Any]:
    try:
        sent: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusalError(400, "Problems parsing JSON") from None
    return sent


def _apply(known: dict[str, Any], sent: dict[str, Any]) -> None:
    known |= {key: sent[key] for key in ("name", "details_url", "external_id", "started_at", "actions") if key in sent}
    known["status"] = "completed" if sent.get("conclusion") else sent.get("status", known["status"])
    known["conclusion"] = sent.get("conclusion", known["conclusion"])
    if known["status"] == "completed":
        known["completed_at"] = sent.get("completed_at", CREATED_AT)
    output = sent.get("output", {})
    known["annotations"] += output.get("annotations", [])
    known["output"] = known["output"] | {key: output[key] for key in ("title", "summary", "text") if key in output}
    known["output"]["annotations_count"] = len(known["annotations"])
    known["history"].append((known["status"], known["conclusion"], known["output"]["title"]))


def _shown(check: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in check.items() if key not in {"repository", "annotations", "history"}}


def _check(sent: dict[str, Any]) -> None:
    """What GitHub refuses. https://docs.github.com/en/rest/checks/runs"""
    for reason in _reasons(sent):
        raise _invalid(reason)
    output = sent.get("output") or {}
    for name in ("summary", "text"):
        if len(output.get(name, "").encode()) > MAX_TEXT:
            message = f"{name} exceeds a maximum bytesize of {MAX_TEXT}"
            error = {"resource": "CheckRun", "code": "custom", "field": name, "message": message}
            raise RefusalError(422, "Validation Failed", errors=[error])


def _reasons(sent: dict[str, Any]) -> Iterator[str]:
    if "status" in sent and sent["status"] not in STATUSES:
        yield f"{sent['status']} is not a member of {list(STATUSES)}."
    if "conclusion" in sent and sent["conclusion"] not in CONCLUSIONS:
        yield f"{sent['conclusion']} is not a member of {list(CONCLUSIONS)}."
    if sent.get("status") == "completed" and "conclusion" not in sent:
        yield '"conclusion" wasn\'t supplied.'
    output = sent.get("output")
    if output is not None:
        yield from (f'"{name}" wasn\'t supplied.' for name in ("title", "summary") if name not in output)
        yield from _long(output, {"summary": MAX_TEXT, "text": MAX_TEXT})
        yield from _many(output.get("annotations", []), 50)
        for one in output.get("annotations", []):
            yield from _annotation_reasons(one)
    yield from _many(sent.get("actions", []), 3)
    for action in sent.get("actions", []):
        yield from _long(action, {"label": 20, "description": 40, "identifier": 20})


def _annotation_reasons(one: dict[str, Any]) -> Iterator[str]:
    needed = ("path", "start_line", "end_line", "annotation_level", "message")
    yield from (f'"{name}" wasn\'t supplied.' for name in needed if not one.get(name))
    if one.get("annotation_level") not in LEVELS:
        yield f"{one.get('annotation_level')} is not a member of {list(LEVELS)}."
    if one.get("path", "/").startswith(("/", "../")):
        yield "path is not in the repository."
    yield from _long(one, {"title": 255})
    if len(str(one.get("message")).encode()) > MAX_MESSAGE:
        yield "message exceeds a maximum bytesize of 65536"


def _long(data: dict[str, Any], bounds: dict[str, int]) -> Iterator[str]:
    for name, most in bounds.items():
        if len(data.get(name, "")) > most:
            yield f"Only {most} characters are allowed; {len(data[name])} were supplied."


def _many(items: list[Any], most: int) -> Iterator[str]:
    if len(items) > most:
        yield f"No more than {most} items are allowed; {len(items)} were supplied."


def _invalid(reason: str) -> RefusalError:
    return RefusalError(422, f"Invalid request.\n\n{reason}")


CHECK_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("POST", "/check-runs", post_check_run),
    ("PATCH", "/check-runs/{number:int}", patch_check_run),
    ("GET", "/check-runs/{number:int}", get_check_run),
    ("GET", "/commits/{ref:path}/check-runs", list_check_runs),
]
