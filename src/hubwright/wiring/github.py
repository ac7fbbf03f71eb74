"""How this process asks GitHub: its credentials, and what it shares with the other processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hubwright.config import Settings
from hubwright.domain.figures import GITHUB_REQUESTS, GITHUB_SECONDS
from hubwright.domain.github_budget import Limits
from hubwright.github.budget import BudgetGate
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import Credential, make_credential
from hubwright.hub.github_app_hook import AppHook
from hubwright.hub.github_credentials import APP, TOKEN, Credentials, Kept
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.hub.github_setup import GitHubSetup, Terms
from hubwright.hub.github_sharing import DatabaseEtags, DatabaseGate, SealedTokens
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from hubwright.wiring.extras import AppAccess, load_app_tokens
from hubwright.wiring.secret_keys import keys_of


@dataclass(frozen=True)
class GitHubAccess:
    """The client for all that is about repositories, and who it asks as; `identity` may change while the hub runs."""

    client: GitHubClient
    identity: Identity
    credentials: Credentials

    @property
    def app(self) -> AppAccess | None:
        """The App's own access, where there is an App by now."""
        return self.identity.find_app()

    @property
    def is_known(self) -> bool:
        """Whether there is a token or an App by now; without, GitHub is asked anonymously."""
        return self.identity.is_known

    def token_of(self, owner: str | None) -> str | None:
        """The token for git, None where there is none. Raises GitHubError."""
        return self.identity(owner).token

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.identity.close()


def open_github(settings: Settings, database: Database, tally: Tally) -> GitHubAccess:
    """The App's installations, else the one token, else nobody. Raises SettingsError on a key that is none."""
    gate = DatabaseGate(database, make_limits(settings), time.time)
    credentials = Credentials(database, keys_of(settings), time.time)
    identity = Identity(settings, database, gate, credentials)
    etags = DatabaseEtags(database, settings.github.cache_size, time.time)

    def count(outcome: str, seconds: float) -> None:
        tally.count(GITHUB_REQUESTS, outcome)
        tally.observe(GITHUB_SECONDS, seconds=seconds)

    client = GitHubClient(settings.github.api_url, identity, gate=gate, etags=etags, clock=time.time)
    client.on_answer = count
    return GitHubAccess(client, identity, credentials)


def make_hooks(settings: Settings, database: Database, access: GitHubAccess) -> GitHubHooks:
    """What looks after hooks. New ones get the settings' first secret, else one that is made and kept once."""
    given = settings.github.webhook_secrets

    def find_secret(by: str) -> str:
        return given[0] if given else access.credentials.make_webhook_secret(by)

    return GitHubHooks(
        database, access.client, settings.public_url, find_secret, time.time, lambda: access.identity.app_id
    )


def make_app_hook(settings: Settings, access: GitHubAccess, url: str) -> AppHook:
    """What looks after the hook of this hub's App, which sends to `url`. One made here has its own secret."""
    given = settings.github.webhook_secrets

    def find_secret(by: str) -> str:
        kept = None if access.identity.is_fixed else access.credentials.find(APP)
        if kept is not None:
            return str(kept.secret["webhook_secret"])
        return given[0] if given else access.credentials.make_webhook_secret(by)

    return AppHook(lambda: access.app, url, find_secret)


def make_setup(settings: Settings, access: GitHubAccess, wake: Callable[[], None]) -> GitHubSetup:
    """What makes the hub's App, and knows who logs in."""
    github = settings.github
    oauth = None
    if github.oauth_client_id and github.oauth_client_secret:
        oauth = github.oauth_client_id, github.oauth_client_secret
    terms = Terms(
        api_url=github.api_url,
        web_url=_find_pages(settings),
        public_url=settings.public_url.rstrip("/"),
        oauth=oauth,
        repository=github.login_repository,
        comments=github.comment != "off",
        issues=github.issue != "off",
        named="" if not access.identity.is_fixed else "app" if access.identity.app_id else "token",
    )
    return GitHubSetup(terms, access.credentials, access.client, wake)


def _find_pages(settings: Settings) -> str:
    """Where people see GitHub: repositories are cloned from there, but for those who clone in another way."""
    base = settings.github.clone_base
    if base.startswith(("https://", "http://")):
        return base.rstrip("/")
    return settings.github.api_url.removesuffix("/api/v3").replace("://api.github.com", "://github.com")


class Identity:
    """Who the hub is to GitHub: the settings' App or token, else the App or the token of its page, else nobody.

    Called for each request, in any thread, with the owner asked about.
    """

    def __init__(self, settings: Settings, database: Database, gate: BudgetGate, credentials: Credentials) -> None:
        self._settings = settings
        self._database = database
        self._gate = gate
        self._credentials = credentials
        self._lock = threading.Lock()
        github = settings.github
        self._anonymous = make_credential(None)
        self._token = make_credential(github.token) if github.token else None
        self._app: AppAccess | None = None
        self._made_of: Kept | None = None
        self._entered: tuple[Kept | None, Credential | None] = (None, None)
        if github.app_id and github.app_private_key:
            self._app = self._make_app(github.app_id, github.app_private_key)
            self._app_id: str | None = github.app_id
            self._fixed = True
        else:
            self._app_id = None
            self._fixed = self._token is not None

    def __call__(self, owner: str | None) -> Credential:
        """What to ask with. Raises GitHubError."""
        app = self.find_app()
        return app(owner) if app is not None else self._find_token() or self._anonymous

    @property
    def is_known(self) -> bool:
        """Whether there is a token or an App."""
        return self.find_app() is not None or self._find_token() is not None

    @property
    def app_id(self) -> str | None:
        """The App's number, None where there is no App."""
        self.find_app()
        return self._app_id

    @property
    def who(self) -> tuple[str | None, str]:
        """The App's number, and a name for whose token is asked with otherwise: other news, other reporters."""
        return self.app_id, (self._find_token() or self._anonymous).budget

    @property
    def is_fixed(self) -> bool:
        """Whether the settings say it, so that nothing made on a page counts."""
        return self._fixed

    def find_app(self) -> AppAccess | None:
        """The App, as it is by now."""
        if self._fixed:
            return self._app
        kept = self._credentials.find(APP)
        if kept is not self._made_of:
            with self._lock:
                self._change(kept)
        return self._app

    def _find_token(self) -> Credential | None:
        """The settings' token, else the one that was entered, as it is by now."""
        if self._fixed:
            return self._token
        kept = self._credentials.find(TOKEN)
        known = self._entered
        if kept is not known[0]:
            known = self._entered = (kept, None if kept is None else make_credential(str(kept.secret["token"])))
        return known[1]

    def close(self) -> None:
        """Close the connections."""
        if self._app is not None:
            self._app.close()

    def _change(self, kept: Kept | None) -> None:
        """Be another App from now on. The older one's connections end with their last request."""
        if kept is self._made_of:
            return
        number = None if kept is None else str(kept.about["id"])
        self._app = None if kept is None or number is None else self._make_app(number, str(kept.secret["pem"]))
        self._app_id = number
        self._made_of = kept

    def _make_app(self, app_id: str, private_key: str) -> AppAccess:
        store = SealedTokens(self._database, keys_of(self._settings), time.time)
        api_url = self._settings.github.api_url
        return load_app_tokens()(api_url, app_id, private_key, store=store, gate=self._gate)


def make_limits(settings: Settings) -> Limits:
    """The pace that the settings allow."""
    own = settings.github
    return Limits(
        points_per_minute=own.points_per_minute,
        write_interval=own.write_interval,
        writes_per_minute=own.writes_per_minute,
    )
