"""The REST answers of the fake GitHub, with GitHub's checks, limits, pages and redirects."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fake_github_accounts import make_token_endpoint, post_conversion
from fake_github_apps import APP_ROUTES, check_app
from fake_github_checks import CHECK_ROUTES
from fake_github_deliveries import DELIVERY_ROUTES, OTHER_ROUTES
from fake_github_git import make_git_endpoint
from fake_github_hooks import HOOK_ROUTES, ORGANIZATION_ROUTES
from fake_github_listings import get_listed, is_listed
from fake_github_state import DOCS, RefusalError, State, meet_fault, record_request, reply
from fake_github_talk import TALK_ROUTES, get_rate_limit, get_user
from fake_repository import CREATED_AT, FakeRepository, user

STATES = {"error", "failure", "pending", "success"}
MAX_STATUSES = 1000


def make_app(state: State) -> Starlette:
    """Return the ASGI app: REST below /api/v3 as on an enterprise server, git at /OWNER/NAME.git."""
    rest: list[tuple[str, str, Callable[[State, Request], Awaitable[Response]]]] = [
        ("GET", "", get_repository),
        *CHECK_ROUTES,
        *TALK_ROUTES,
        *HOOK_ROUTES,
        *DELIVERY_ROUTES,
        ("GET", "/branches", list_branches),
        ("GET", "/commits", list_commits),
        ("GET", "/commits/{ref:path}/statuses", list_statuses),
        ("GET", "/commits/{ref:path}/status", get_combined_status),
        ("GET", "/commits/{ref:path}", get_commit),
        ("GET", "/contents/{path:path}", get_contents),
        ("POST", "/statuses/{sha}", post_status),
        ("GET", "/collaborators/{login}/permission", get_permission),
        ("GET", "/pulls", list_pulls),
    ]
    places = ("/api/v3/repos/{owner}/{name}", "/api/v3/repositories/{id:int}")
    routes = [
        Route(place + path, _rest(state, answer), methods=[method]) for method, path, answer in rest for place in places
    ]
    routes.append(Route("/api/v3/user", _rest(state, get_user)))
    routes.append(Route("/api/v3/rate_limit", _rest(state, get_rate_limit)))
    others = [*APP_ROUTES, *ORGANIZATION_ROUTES, *OTHER_ROUTES]
    routes += [Route(f"/api/v3{path}", _rest(state, answer), methods=[method]) for method, path, answer in others]
    made = "/api/v3/app-manifests/{code}/conversions"
    routes.append(Route(made, _rest(state, post_conversion), methods=["POST"]))
    routes.append(Route("/login/oauth/access_token", make_token_endpoint(state), methods=["POST"]))
    routes.append(
        Route("/api/v3/{path:path}", _rest(state, get_nothing), methods=["GET", "POST", "PATCH", "PUT", "DELETE"])
    )
    routes.append(Route("/{owner}/{name}/{path:path}", make_git_endpoint(state), methods=["GET", "POST"]))
    return Starlette(routes=routes)


def _rest(
    state: State, answer: Callable[[State, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap an answer in what every request to GitHub meets: faults, tokens, limits, renames, ETags."""

    async def endpoint(request: Request) -> Response:
        await record_request(state, request)
        try:
            response = await meet_fault(state.faults)
            if response is None:
                _check_token(state, request)
                _spend(state)
                told = get_listed if is_listed(state, request) else answer
                response = _redirect(state, request) or await told(state, request)
        except RefusalError as refusal:
            response = reply(refusal.body, refusal.status)
        response = _revalidate(state, request, response)
        _limit_headers(state, response)
        return response

    return endpoint


def _check_token(state: State, request: Request) -> None:
    """GitHub answers 401 to a wrong token; without one, writing and private repositories look absent."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if request.url.path.startswith("/api/v3/app-manifests/"):
        return
    if f"{request.url.path}/".startswith("/api/v3/app/"):
        check_app(state, token)
        return
    if scheme and (scheme.lower() not in {"bearer", "token"} or token not in state.tokens):
        raise RefusalError(401, "Bad credentials")
    if not scheme and request.method != "GET" and state.tokens:
        raise RefusalError(401, "Requires authentication")
    repository = state.repositories.get(
        "{owner}/{name}".format_map({"owner": "", "name": ""} | request.path_params).lower()
    )
    if not scheme and repository is not None and repository.private:
        raise RefusalError(404, "Not Found")


def _spend(state: State) -> None:
    state.used += 1
    if state.used > state.quota:
        raise RefusalError(403, "API rate limit exceeded for user ID 1.")


def _limit_headers(state: State, response: Response) -> None:
    for name, value in (("limit", state.quota), ("remaining", max(0, state.quota - state.used)), ("used", state.used),
                        ("reset", int(time.time()) // 3600 * 3600 + 3600), ("resource", "core")):  # fmt: skip
        response.headers.setdefault(f"x-ratelimit-{name}", str(value))


def _redirect(state: State, request: Request) -> Response | None:
    """Send a renamed repository's asker to its number: 301 for GET, 307 for the rest, as GitHub does."""
    old = "{owner}/{name}".format_map({"owner": "", "name": ""} | request.path_params)
    new = state.moved.get(old.lower())
    if new is None:
        return None
    target = str(request.url).replace(f"/repos/{old}", f"/repositories/{state.repositories[new].id}", 1)
    body = {"message": "Moved Permanently", "url": target, "documentation_url": DOCS}
    return reply(body, 301 if request.method == "GET" else 307, {"location": target})


def _revalidate(state: State, request: Request, response: Response) -> Response:
    """Tag the answer by token and content; a match costs nothing of the quota."""
    if request.method != "GET" or response.status_code != 200:
        return response
    seed = request.headers.get("authorization", "").encode() + bytes(response.body)
    etag = f'W/"{hashlib.sha256(seed).hexdigest()}"'
    response.headers["etag"] = etag
    if request.headers.get("if-none-match") != etag:
        return response
    state.used -= 1
    kept = {name: value for name, value in response.headers.items() if name.startswith(("x-", "etag"))}
    return Response(status_code=304, headers=kept)


def _asked_repository(state: State, request: Request) -> FakeRepository:
    if "id" in request.path_params:
        for repository in state.repositories.values():
            if repository.id == request.path_params["id"]:
                return repository
        raise RefusalError(404, "Not Found")
    return state.repository(request.path_params["owner"], request.path_params["name"])


async def get_permission(state: State, request: Request) -> Response:
    """What a user may do at a repository, as `State.permissions` says; everybody else may read."""
    login = request.path_params["login"]
    number, permission = state.permissions.get(login, (1, "read"))
    return reply({"permission": permission, "role_name": permission, "user": user(login) | {"id": number}})


async def get_nothing(state: State, request: Request) -> Response:
    """Answer an address that the fake does not have."""
    raise RefusalError(404, "Not Found")


async def get_repository(state: State, request: Request) -> Response:
    """GET /repos/{owner}/{name}"""
    return reply(_asked_repository(state, request).describe())


async def list_branches(state: State, request: Request) -> Response:
    """GET …/branches"""
    branches = (await asyncio.to_thread(_asked_repository(state, request).branches)).items()
    items = [{"name": name, "commit": {"sha": sha}, "protected": False} for name, sha in branches]
    return _page(state, request, items)


async def list_pulls(state: State, request: Request) -> Response:
    """GET …/pulls: what `State.pulls` has"""
    return _page(state, request, list(state.pulls.get(_asked_repository(state, request).full_name, [])))


async def list_commits(state: State, request: Request) -> Response:
    """GET …/commits?sha="""
    repository = _asked_repository(state, request)
    revision = request.query_params.get("sha", "main")
    sha = await asyncio.to_thread(repository.find, revision)
    if sha is None:
        raise RefusalError(404, "Not Found")
    commits = await asyncio.to_thread(repository.log, [sha], limit=100_000)
    return _page(state, request, [repository.describe_for_api(commit) for commit in commits])


async def get_commit(state: State, request: Request) -> Response:
    """GET …/commits/{ref}"""
    repository = _asked_repository(state, request)
    sha = await asyncio.to_thread(repository.find, request.path_params["ref"])
    if sha is None:
        raise RefusalError(422, f"No commit found for SHA: {request.path_params['ref']}")
    return reply(repository.describe_for_api((await asyncio.to_thread(repository.log, [sha], limit=1))[0]))


async def get_contents(state: State, request: Request) -> Response:
    """GET …/contents/{path}?ref= with `Accept: application/vnd.github.raw+json`: the file's bytes"""
    repository = _asked_repository(state, request)
    revision = request.query_params.get("ref", "main")
    content = await asyncio.to_thread(repository.read, request.path_params["path"], revision)
    if content is None:
        raise RefusalError(404, "Not Found")
    return Response(content, media_type="application/vnd.github.raw+json; charset=utf-8")


async def list_statuses(state: State, request: Request) -> Response:
    """GET …/commits/{ref}/statuses, newest first"""
    sha = await asyncio.to_thread(_asked_repository(state, request).find, request.path_params["ref"])
    return _page(state, request, [_shown(status) for status in reversed(state.statuses) if status["sha"] == sha])


async def get_combined_status(state: State, request: Request) -> Response:
    """GET …/commits/{ref}/status: the newest of each context"""
    sha = await asyncio.to_thread(_asked_repository(state, request).find, request.path_params["ref"])
    latest = {status["context"].lower(): status for status in state.statuses if status["sha"] == sha}
    states = {status["state"] for status in latest.values()}
    worst = (
        "failure" if states & {"failure", "error"} else "pending" if "pending" in states or not states else "success"
    )
    return reply(
        {"state": worst, "sha": sha, "total_count": len(latest), "statuses": list(map(_shown, latest.values()))}
    )


async def post_status(state: State, request: Request) -> Response:
    """POST …/statuses/{sha} with GitHub's checks."""
    repository = _asked_repository(state, request)
    sha = request.path_params["sha"]
    status = _read_status(await request.body())
    if len(sha) != 40 or await asyncio.to_thread(repository.find, sha) != sha:
        raise RefusalError(422, f"No commit found for SHA: {sha}")
    same = [one for one in state.statuses if (one["sha"], one["context"].lower()) == (sha, status["context"].lower())]
    if len(same) >= MAX_STATUSES:
        raise _invalid("context", "This SHA and context has reached the maximum number of statuses.")
    number = len(state.statuses) + 1
    kept = {"id": 2**33 + number, "sha": sha, "repository": repository.full_name, **status,
            "creator": user("hubwright[bot]"), "created_at": CREATED_AT, "updated_at": CREATED_AT}  # fmt: skip
    with state.changed:
        state.statuses.append(kept)
        state.changed.notify_all()
    return reply(_shown(kept), 201)


def _shown(status: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in status.items() if key not in {"sha", "repository"}}


def _read_status(body: bytes) -> dict[str, Any]:
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusalError(400, "Problems parsing JSON") from None
    if sent.get("state") not in STATES:
        raise _invalid("state", "state is not included in the list")
    status = {key: sent.get(key) for key in ("state", "description", "target_url")}
    status["context"] = sent.get("context") or "default"
    if len(status["description"] or "") > 140:
        raise _invalid("description", "description is too long (maximum is 140 characters)")
    if len(status["context"]) > 255:
        raise _invalid("context", "context is too long (maximum is 255 characters)")
    for name in ("description", "context"):
        if any(ord(letter) > 0xFFFF for letter in status[name] or ""):
            raise _invalid(name, f"{name} doesn't accept 4-byte Unicode")
    if not (status["target_url"] or "http://").startswith(("http://", "https://")):
        raise _invalid("target_url", "target_url must use http(s) scheme")
    return status


def _invalid(name: str, message: str) -> RefusalError:
    error = {"resource": "Status", "code": "custom", "field": name, "message": message}
    return RefusalError(422, "Validation Failed", errors=[error])


def _page(state: State, request: Request, items: list[dict[str, Any]]) -> Response:
    """Return the asked page and links to the others, which go to /repositories/{id} as GitHub's do."""
    number, size = (int(request.query_params.get(key, default)) for key, default in (("page", 1), ("per_page", 30)))
    size = min(size, 100)
    last = max(1, -(-len(items) // size))
    path = request.url.path.split("/", 6 if "/repos/" in request.url.path else 5)[-1]
    base = f"{request.base_url}api/v3/repositories/{_asked_repository(state, request).id}/{path}"
    links = {"next": number + 1, "last": last} if number < last else {}
    links |= {"prev": number - 1, "first": 1} if number > 1 else {}
    link = ", ".join(f'<{base}?per_page={size}&page={page}>; rel="{name}"' for name, page in links.items())
    return reply(items[(number - 1) * size : number * size], headers={"link": link} if link else {})
