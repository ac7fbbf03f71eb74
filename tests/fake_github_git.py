"""Clone and fetch from the fake GitHub: git's smart HTTP by `git http-backend`."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import State, meet_fault, record_request
from fake_repository import FakeRepository


def make_git_endpoint(state: State) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint for clone and fetch: `git http-backend` as a CGI program."""

    async def endpoint(request: Request) -> Response:
        await record_request(state, request)
        fault = await meet_fault(state.git_faults)
        if fault is not None:
            return fault
        full_name = f"{request.path_params['owner']}/{request.path_params['name'].removesuffix('.git')}".lower()
        full_name = state.moved.get(full_name, full_name)
        repository = state.repositories.get(full_name)
        if repository is None:
            return Response("Not Found", 404)
        if repository.private and not _has_git_token(state, request):
            return Response("Authentication required", 401, {"www-authenticate": 'Basic realm="GitHub"'})
        environment = _cgi_environment(request, repository, len(await request.body()))
        return await asyncio.to_thread(_run_backend, environment, await request.body())

    return endpoint


def _has_git_token(state: State, request: Request) -> bool:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "basic" and base64.b64decode(value).decode().partition(":")[2] in state.tokens


def _cgi_environment(request: Request, repository: FakeRepository, length: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repository.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "PATH_INFO": f"/{repository.path.name}/{request.path_params['path']}",
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(length),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }


def _run_backend(environment: dict[str, str], body: bytes) -> Response:
    output = subprocess.run(
        ["git", "http-backend"], env=environment, input=body, capture_output=True, check=False
    ).stdout
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return Response(content, status, headers)
