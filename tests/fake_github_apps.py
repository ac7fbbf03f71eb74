"""GitHub Apps of the fake GitHub: installations, and tokens against a verified JWT."""

from __future__ import annotations

from datetime import UTC, datetime

import jwt
from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import RefusalError, State, reply


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


async def list_installations(state: State, request: Request) -> Response:
    """GET /app/installations"""
    installations = state.app.installations.items() if state.app else []
    return reply(
        [{"id": number, "account": {"login": owner, "type": "Organization"}} for owner, number in installations]
    )


async def post_access_token(state: State, request: Request) -> Response:
    """POST /app/installations/{id}/access_tokens: a token of the long kind (2026), good for an hour"""
    number = request.path_params["number"]
    if state.app is None or number not in state.app.installations.values():
        raise RefusalError(404, "Integration not found")
    state.app.issued += 1
    token = f"ghs_{state.app.app_id}_{'x' * 480}.{state.app.issued}"
    state.tokens.add(token)
    until = datetime.fromtimestamp(state.app.now() + 3600, UTC)
    return reply(
        {"token": token, "expires_at": f"{until:%Y-%m-%dT%H:%M:%SZ}", "permissions": {"statuses": "write"}}, 201
    )
