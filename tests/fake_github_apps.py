"""GitHub Apps of the fake GitHub: the App itself and its hook, installations, and tokens against a verified JWT."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import orjson
from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import App, RefusalError, State, reply


def check_app(state: State, token: str) -> None:
    """Verify the JWT of an App as GitHub does; raises RefusalError 401."""
    app = state.app
    if app is None:
        raise RefusalError(401, "Integration must generate a public key")
    options = {"require": ["exp", "iat"], "verify_exp": False, "verify_iat": False}
    try:
        claims = jwt.decode(token, app.public_key, algorithms=["RS256"], issuer=app.app_id, options=options)
    except jwt.PyJWTError as error:
        raise RefusalError(401, f"A JSON web token could not be decoded: {error}") from None
    if claims["iat"] > app.now():
        raise RefusalError(401, "'Issued at' claim ('iat') must be an Integer representing the time that it was issued")
    if not app.now() < claims["exp"] <= app.now() + 600:
        raise RefusalError(401, "'Expiration time' claim ('exp') is too far in the future")


async def get_app(state: State, request: Request) -> Response:
    """GET /app"""
    app = _app_of(state)
    return reply({"id": int(app.app_id), "slug": "ours", "name": "Ours", "events": app.events, "permissions": {}})


async def get_config(state: State, request: Request) -> Response:
    """GET /app/hook/config: the secret as stars"""
    return reply(_show(_app_of(state)))


async def patch_config(state: State, request: Request) -> Response:
    """PATCH /app/hook/config"""
    app = _app_of(state)
    app.hook |= orjson.loads(await request.body())
    return reply(_show(app))


async def list_installations(state: State, request: Request) -> Response:
    """GET /app/installations"""
    app = _app_of(state)
    return reply([
        {
            "id": number, "account": {"login": owner, "type": "Organization"},
            "suspended_at": app.suspended.get(owner),
        }
        for owner, number in app.installations.items()
    ])  # fmt: skip


async def post_access_token(state: State, request: Request) -> Response:
    """POST /app/installations/{id}/access_tokens: of the length that is set, good for an hour"""
    number, app = request.path_params["number"], state.app
    owner = next((name for name, one in (app.installations if app else {}).items() if one == number), None)
    if app is None or owner is None:
        raise RefusalError(404, "Not Found")
    if owner in app.suspended:
        raise RefusalError(403, "This installation has been suspended")
    app.issued += 1
    begin = f"ghs_{app.app_id}_"
    end = f".{app.issued}"
    token = begin + "x" * (app.letters - len(begin) - len(end)) + end
    state.tokens.add(token)
    until = datetime.fromtimestamp(app.now() + 3600, UTC)
    return reply(
        {"token": token, "expires_at": f"{until:%Y-%m-%dT%H:%M:%SZ}", "permissions": {"statuses": "write"}}, 201
    )


def _app_of(state: State) -> App:
    if state.app is None:
        raise RefusalError(404, "Not Found")
    return state.app


def _show(app: App) -> dict[str, Any]:
    return app.hook | ({"secret": "********"} if app.hook.get("secret") else {})


APP_ROUTES: list[tuple[str, str, Callable[[State, Request], Any]]] = [
    ("GET", "/app", get_app),
    ("GET", "/app/hook/config", get_config),
    ("PATCH", "/app/hook/config", patch_config),
    ("GET", "/app/installations", list_installations),
    ("POST", "/app/installations/{number:int}/access_tokens", post_access_token),
]
