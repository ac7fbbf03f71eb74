"""How this process asks GitHub: its credentials, and what it shares with the other processes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hubwright.config import Settings
from hubwright.domain.github_budget import Limits
from hubwright.github.budget import BudgetGate
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import CredentialOf, TokenOf, make_credential
from hubwright.hub.github_sharing import DatabaseEtags, DatabaseGate, SealedTokens
from hubwright.store.database import Database
from hubwright.wiring.extras import AppAccess, load_app_tokens
from hubwright.wiring.secret_keys import keys_of


@dataclass(frozen=True)
class GitHubAccess:
    """The client for all that is about repositories, the App's own where there is one, and tokens for git.

    Without credentials `tokens` is None, and GitHub is asked anonymously.
    """

    client: GitHubClient
    app: AppAccess | None
    tokens: TokenOf | None

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        if self.app is not None:
            self.app.close()


def open_github(settings: Settings, database: Database) -> GitHubAccess:
    """The App's installations, else the one token, else nobody. Raises SettingsError on a key that is none."""
    gate = DatabaseGate(database, make_limits(settings), time.time)
    app = _open_app(settings, database, gate)
    credentials = app or _make_credentials(settings)
    etags = DatabaseEtags(database, settings.github.cache_size, time.time)
    client = GitHubClient(settings.github.api_url, credentials, gate=gate, etags=etags, clock=time.time)
    return GitHubAccess(client, app, None if credentials is None else _tokens_of(credentials))


def make_limits(settings: Settings) -> Limits:
    """The pace that the settings allow."""
    return Limits(points_per_minute=settings.github.points_per_minute, write_interval=settings.github.write_interval)


def _open_app(settings: Settings, database: Database, gate: BudgetGate) -> AppAccess | None:
    github = settings.github
    if not (github.app_id and github.app_private_key):
        return None
    store = SealedTokens(database, keys_of(settings), time.time)
    return load_app_tokens()(github.api_url, github.app_id, github.app_private_key, store=store, gate=gate)


def _make_credentials(settings: Settings) -> CredentialOf | None:
    if not settings.github.token:
        return None
    credential = make_credential(settings.github.token)
    return lambda _owner: credential


def _tokens_of(credentials: CredentialOf) -> TokenOf:
    return lambda owner: credentials(owner).token
