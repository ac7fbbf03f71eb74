"""The one hook of this hub's App: compared with what it should be, and mended as far as GitHub lets an App do that.

https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hubwright.domain.github_budget import Priority
from hubwright.domain.github_hooks import HookState, Wanted, compare_app
from hubwright.errors import GitHubRefusedError, NotFoundError
from hubwright.github.client import GitHubClient
from hubwright.github.hook_deliveries import APP_DELIVERIES

_CONFIG = "/app/hook/config"


class AppSide(Protocol):
    """The App's own access; see `AppTokens`."""

    client: GitHubClient


class AppHook:
    """Every method asks GitHub as the App. All raise GitHubError; NotFoundError where the hub is no App.

    `secret_of` gives the secret that the hook should have, told who asks.
    """

    def __init__(self, find_app: Callable[[], AppSide | None], url: str, secret_of: Callable[[str], str]) -> None:
        self._find_app = find_app
        self.url = url
        self._secret_of = secret_of

    def look(self) -> HookState:
        """How it stands: its settings, the App's events, and what its last delivery was answered."""
        client = self._find_client()
        app, config = (_read_object(self._get(client, path), path) for path in ("/app", _CONFIG))
        if not isinstance(app.get("id"), int):
            raise GitHubRefusedError("GitHub told nothing of the App that can be read.")
        return compare_app(app, config, self._find_last(client), self.url)

    def install(self, by: str) -> HookState:
        """Have it send here, with our secret. How it stands then: events can be changed on the App's page only."""
        wanted = Wanted(url=self.url, secret=self._secret_of(by))
        self._find_client().patch(_CONFIG, wanted.config, priority=Priority.SOON)
        return self.look()

    def _find_client(self) -> GitHubClient:
        app = self._find_app()
        if app is None:
            raise NotFoundError("This hub is no GitHub App: the page GitHub makes one.")
        return app.client

    def _find_last(self, client: GitHubClient) -> Mapping[str, Any]:
        """The last delivery, {} when there is none: an App without a hook has no list of them."""
        try:
            sent = self._get(client, f"{APP_DELIVERIES}?per_page=1")
        except GitHubRefusedError as error:
            if error.status != 404:
                raise
            sent = []
        return sent[0] if isinstance(sent, list) and sent and isinstance(sent[0], dict) else {}

    def _get(self, client: GitHubClient, path: str) -> Any:
        return client.get(path, priority=Priority.SOON, remember=False).json


def _read_object(document: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise GitHubRefusedError(f"GitHub told nothing at {path} that can be read.")
    return document
