"""Accounts of the fake GitHub: Apps made from manifests, and people who log in (authorization code with PKCE).

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import Response

from fake_github_state import App, RefusalError, State, record_request, reply
from fake_repository import CREATED_AT, user

APP_NUMBER = 424242


def agree_to_app(state: State, manifest: dict[str, Any], owners: list[str]) -> str:
    """Somebody presses the button on GitHub's page, and installs the App for `owners`; the code of the redirect."""
    code = secrets.token_hex(20)
    state.made_apps[code] = {"manifest": manifest, "owners": owners}
    return code


def agree_to_login(state: State, number: int, login: str, query: dict[str, str]) -> str:
    """Somebody agrees that the hub may know who they are; the code of the redirect."""
    code = secrets.token_hex(10)
    state.logins[code] = {"user": user(login) | {"id": number}, **query}
    return code


async def post_conversion(state: State, request: Request) -> Response:
    """POST /app-manifests/{code}/conversions: once, without a token"""
    made = state.made_apps.pop(request.path_params["code"], None)
    if made is None:
        raise RefusalError(404, "Not Found")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    installations = {owner: 2**33 + number for number, owner in enumerate(made["owners"])}
    state.app = App(app_id=str(APP_NUMBER), public_key=public.decode(), installations=installations)
    manifest = made["manifest"]
    return reply(
        {
            "id": APP_NUMBER, "slug": "hubwright-here", "node_id": "A_1", "name": manifest["name"],
            "owner": user("octo"), "description": None, "external_url": manifest["url"],
            "html_url": "https://github.com/apps/hubwright-here", "created_at": CREATED_AT, "updated_at": CREATED_AT,
            "permissions": manifest["default_permissions"], "events": manifest["default_events"],
            "client_id": "Iv23made", "client_secret": "made-client-secret", "webhook_secret": "made-webhook-secret",
            "pem": private.decode(),
        },
        201,
    )  # fmt: skip


def make_token_endpoint(state: State) -> Any:
    """POST /login/oauth/access_token: errors are a 200, as at GitHub"""

    async def post_token(request: Request) -> Response:
        await record_request(state, request)
        if request.headers.get("content-type") != "application/json":
            raise AssertionError("GitHub would not read this body")
        sent = orjson.loads(await request.body())
        login = state.logins.pop(sent.get("code"), None)
        proof = urlsafe_b64encode(sha256(sent.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        fits = login is not None and (login["client_id"], login["redirect_uri"], login["code_challenge"]) == (
            sent.get("client_id"), sent.get("redirect_uri"), proof,
        )  # fmt: skip
        if not fits or not sent.get("client_secret"):
            return reply({"error": "bad_verification_code", "error_description": "The code passed is incorrect."})
        token = f"gho_{secrets.token_hex(18)}"
        state.tokens.add(token)
        state.people[token] = login["user"]  # type: ignore[index]  # `fits` says that there is one
        return reply({"access_token": token, "token_type": "bearer", "scope": ""})

    return post_token
