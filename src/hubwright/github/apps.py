"""A GitHub App's tokens: one per owner that installed the App, valid for an hour and kept for it.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jwt

from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, SettingsError
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import Credential, fingerprint

_ALLOWED_DRIFT = 60
_JWT_SECONDS = 540
_RENEW_BEFORE = 300.0
_MAX_PAGES = 50


class AppTokens:
    """Gives GitHubClient its token for an owner, in any thread. `private_key` is PEM text; `clock` tells Unix time.

    A token is kept until five minutes before its end, because a new one would also lose GitHub's ETags.
    Raises SettingsError on a key that is none.
    """

    def __init__(self, api_url: str, app_id: str, private_key: str, *, clock: Callable[[], float] = time.time) -> None:
        self._app_id = app_id
        self._private_key = private_key
        self._clock = clock
        self._lock = threading.Lock()
        self._installations: dict[str, int] = {}
        self._tokens: dict[int, tuple[str, float]] = {}
        self._sign()
        self._client = GitHubClient(api_url, self._identify, clock=clock)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __call__(self, owner: str | None) -> Credential:
        """What to ask about an owner's repositories with; without one the only installation's. Raises GitHubError."""
        with self._lock:
            installation = self._find_installation(owner)
            token, until = self._tokens.get(installation, ("", 0.0))
            if until - self._clock() < _RENEW_BEFORE:
                token, until = self._tokens[installation] = self._fetch_token(installation)
            return Credential(token, f"installation {installation}", fingerprint(token))

    def _identify(self, _owner: str | None) -> Credential:
        return Credential(self._sign(), f"app {self._app_id}", None)

    def _find_installation(self, owner: str | None) -> int:
        wanted = owner.lower() if owner else None
        if wanted is None or wanted not in self._installations:
            self._installations = self._fetch_installations()
        if wanted is None and len(self._installations) == 1:
            return next(iter(self._installations.values()))
        if wanted is None or wanted not in self._installations:
            raise GitHubRefusedError(f"The GitHub App {self._app_id} is not installed for {owner!r}: install it there.")
        return self._installations[wanted]

    def _fetch_installations(self) -> dict[str, int]:
        found: dict[str, int] = {}
        place: str | None = "/app/installations?per_page=100"
        for _ in range(_MAX_PAGES):
            if place is None:
                break
            answer = self._client.get(place)
            found |= {item["account"]["login"].lower(): item["id"] for item in answer.json if item.get("account")}
            place = answer.next_url
        return found

    def _fetch_token(self, installation: int) -> tuple[str, float]:
        answer: Any = self._client.post(f"/app/installations/{installation}/access_tokens", {}).json
        try:
            return answer["token"], datetime.fromisoformat(answer["expires_at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise GitHubUnavailableError("GitHub answered a token request without a token.") from None

    def _sign(self) -> str:
        """Sign the App's own token; it begins a minute ago, because GitHub refuses one from the future."""
        now = int(self._clock())
        claims = {"iat": now - _ALLOWED_DRIFT, "exp": now + _JWT_SECONDS, "iss": self._app_id}
        try:
            return jwt.encode(claims, self._private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise SettingsError(f"GITHUB__APP_PRIVATE_KEY is not a PEM private key: {type(error).__name__}.") from None
