"""A GitHub App's tokens: one per owner that installed the App, valid for an hour and kept for it by all processes.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, SettingsError
from hubwright.github.budget import BudgetGate
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import Credential, fingerprint

_ALLOWED_DRIFT = 60
_JWT_SECONDS = 540
_RENEW_BEFORE = 300.0
_LISTED_FOR = 60.0
"""Seconds in which an owner without the App is not looked for again: anybody's push may name one."""

_MAX_PAGES = 50


class TokenStore(Protocol):
    """Keeps tokens, with their end in Unix time, for all processes. Safe from many threads."""

    def load(self, name: str) -> tuple[str, float] | None:
        """The token that was kept last."""

    def keep(self, name: str, token: str, expires_at: float) -> None:
        """Keep a token in place of the older one."""

    def forget(self, name: str) -> None:
        """GitHub no longer takes the token."""


class MemoryTokens:
    """The tokens of one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, float]] = {}

    def load(self, name: str) -> tuple[str, float] | None:
        """The token that was kept last."""
        return self._tokens.get(name)

    def keep(self, name: str, token: str, expires_at: float) -> None:
        """Keep a token in place of the older one."""
        self._tokens[name] = (token, expires_at)

    def forget(self, name: str) -> None:
        """GitHub no longer takes the token."""
        self._tokens.pop(name, None)


class AppTokens:
    """Gives GitHubClient its credential for an owner, in any thread. `private_key` is PEM text; `clock` is Unix time.

    A token is kept in `store` until five minutes before its end, because a new one would also lose GitHub's ETags; it
    may be of any length. One that GitHub refuses is replaced. Installations do not wait for each other's tokens. Raises
    SettingsError on a key that is none.
    """

    def __init__(
        self,
        api_url: str,
        app_id: str,
        private_key: str,
        *,
        store: TokenStore | None = None,
        gate: BudgetGate | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id
        self._key = _read_key(private_key)
        self._store = store or MemoryTokens()
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[int, threading.Lock] = {}
        self._installations: dict[str, int] = {}
        self._suspended: dict[str, str] = {}
        self._listed_at = 0.0
        self._tokens: dict[int, tuple[str, float]] = {}
        self.client = GitHubClient(api_url, self._identify, gate=gate, clock=clock)
        """Asks as the App itself: for `/app`, its installations and its hook's deliveries."""

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __call__(self, owner: str | None) -> Credential:
        """What to ask about an owner's repositories with; without one the only installation's. Raises GitHubError."""
        try:
            return self._find_credential(owner)
        except GitHubRefusedError as error:
            if error.status not in {403, 404}:
                raise
        with self._lock:  # the App was suspended or removed, and perhaps installed again under another number
            self._listed_at = 0.0
            self._installations = {}
        return self._find_credential(owner)

    def fetch_installations(self) -> dict[str, int]:
        """The numbers of the App's installations by the owner's login in lower case; not of those that are suspended.

        Raises GitHubError.
        """
        found: dict[str, int] = {}
        suspended: dict[str, str] = {}
        place: str | None = "/app/installations?per_page=100"
        for _ in range(_MAX_PAGES):
            if place is None:
                break
            answer = self.client.get(place)
            for item in answer.json:
                if not item.get("account"):
                    continue
                login = item["account"]["login"].lower()
                if item.get("suspended_at"):
                    suspended[login] = str(item["suspended_at"])
                else:
                    found[login] = item["id"]
            place = answer.next_url
        self._suspended = suspended
        return found

    def _find_credential(self, owner: str | None) -> Credential:
        with self._lock:
            installation = self._find_installation(owner)
            turn = self._turns.setdefault(installation, threading.Lock())
        with turn:
            token = self._find_token(installation)
        forget = partial(self._forget, installation, token)
        return Credential(token, f"installation {installation}", fingerprint(token), forget)

    def _find_installation(self, owner: str | None) -> int:
        wanted = owner.lower() if owner else None
        known = self._look_up(wanted)
        if known is None and not 0 <= self._clock() - self._listed_at < _LISTED_FOR:
            self._installations = self.fetch_installations()
            self._listed_at = self._clock()
            known = self._look_up(wanted)
        since = self._suspended.get(wanted) if known is None and wanted is not None else None
        if since is not None:
            raise GitHubRefusedError(
                f"The GitHub App {self._app_id} is suspended for {owner!r} since {since[:40]}: its owner can let it "
                "work again in the settings at GitHub."
            )
        if known is None:
            raise GitHubRefusedError(f"The GitHub App {self._app_id} is not installed for {owner!r}: install it there.")
        return known

    def _look_up(self, owner: str | None) -> int | None:
        if owner is None and len(self._installations) == 1:
            return next(iter(self._installations.values()))
        return self._installations.get(owner) if owner is not None else None

    def _find_token(self, installation: int) -> str:
        """The token in memory, else another process's, else a new one."""
        name = self._name(installation)
        for held in (self._tokens.get(installation), self._store.load(name)):
            if held is not None and held[1] - self._clock() >= _RENEW_BEFORE:
                self._tokens[installation] = held
                return held[0]
        token, until = self._tokens[installation] = self._fetch_token(installation)
        self._store.keep(name, token, until)
        return token

    def _forget(self, installation: int, token: str) -> None:
        """Do without a token that GitHub refuses, unless another has taken its place."""
        with self._turns[installation]:
            if self._tokens.get(installation, ("", 0.0))[0] != token:
                return
            del self._tokens[installation]
            held = self._store.load(self._name(installation))
            if held is not None and held[0] == token:
                self._store.forget(self._name(installation))

    def _name(self, installation: int) -> str:
        return f"app {self._app_id} installation {installation}"

    def _fetch_token(self, installation: int) -> tuple[str, float]:
        answer: Any = self.client.post(f"/app/installations/{installation}/access_tokens", {}).json
        try:
            return answer["token"], datetime.fromisoformat(answer["expires_at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise GitHubUnavailableError("GitHub answered a token request without a token.") from None

    def _identify(self, _owner: str | None) -> Credential:
        return Credential(self._sign(), f"app {self._app_id}", None)

    def _sign(self) -> str:
        """Sign the App's own token; it begins a minute ago, because GitHub refuses one from the future."""
        now = int(self._clock())
        claims = {"iat": now - _ALLOWED_DRIFT, "exp": now + _JWT_SECONDS, "iss": self._app_id}
        return jwt.encode(claims, self._key, algorithm="RS256")


def _read_key(text: str) -> RSAPrivateKey:
    """Once: to check a key takes ten times as long as to sign with it."""
    try:
        key = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(text)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(f"GITHUB__APP_PRIVATE_KEY is not a PEM private key: {type(error).__name__}.") from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("GITHUB__APP_PRIVATE_KEY is a public key.")
    return key
