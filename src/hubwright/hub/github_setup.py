"""Getting to know GitHub: an App is made from a manifest, and people log in with their accounts there.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from hubwright.domain.github_app import check_code, form_manifest, read_made
from hubwright.domain.github_budget import Priority
from hubwright.errors import ConflictError, ForbiddenError, GitHubRefusedError, NotFoundError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import Request, form_path
from hubwright.hub.github_credentials import APP, Credentials

_ROLES = {"admin": "admin", "write": "write", "read": "read"}
"""GitHub's permission (`maintain` is told as write, `triage` as read) and the role here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the settings say. `web_url` is where people see GitHub; `repository` is whose rights count at a login."""

    api_url: str
    web_url: str
    public_url: str
    oauth: tuple[str, str] | None = field(default=None, repr=False)
    repository: str | None = None
    comments: bool = False
    issues: bool = False
    is_fixed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who logged in: GitHub's number is the identity, the name may change; `role` is what they may do here."""

    id: int
    login: str
    role: str


class GitHubSetup:
    """Blocks while GitHub is asked; every method that does raises GitHubError.

    `client` asks as this hub. Nothing that GitHub gives back is ever logged or shown.
    """

    def __init__(
        self, terms: Terms, credentials: Credentials, client: GitHubClient, wake: Callable[[], None] = lambda: None
    ) -> None:
        self.terms = terms
        self._credentials = credentials
        self._client = client
        self._wake = wake

    def find_app(self) -> dict[str, Any] | None:
        """What may be shown of the App that was made here."""
        kept = self._credentials.find(APP)
        return None if kept is None else dict(kept.about)

    def form_app(self, organization: str) -> tuple[str, dict[str, Any]]:
        """Where the manifest is posted to, by the browser, and the manifest. Raises ConflictError."""
        self._check_free()
        owner = form_path("organizations", organization) if organization else ""
        host = urlsplit(self.terms.public_url).hostname or ""
        manifest = form_manifest(
            self.terms.public_url, host=host, comments=self.terms.comments, issues=self.terms.issues
        )
        return f"{self.terms.web_url}{owner}/settings/apps/new", manifest

    def make_app(self, code: str, by: str) -> dict[str, Any]:
        """Fetch the App that GitHub has made and be it from now on; what may be shown of it."""
        self._check_free()
        path = form_path("app-manifests", check_code(code), "conversions")
        with closing(GitHubClient(self.terms.api_url)) as anybody:
            about, secret = read_made(anybody.post(path, priority=Priority.SOON).json)
        self._credentials.keep(APP, about, secret, by)
        self._wake()
        return about

    def forget_app(self) -> bool:
        """Be that App no more; whether there was one. At GitHub it stays until it is removed there."""
        return self._credentials.remove(APP)

    @property
    def can_log_in(self) -> bool:
        """Whether people can log in with GitHub."""
        return self._find_oauth() is not None and self.terms.repository is not None

    def form_login(self, state: str, challenge: str) -> str:
        """The page at GitHub that asks whether the hub may know who somebody is. Raises NotFoundError."""
        query = {
            "client_id": self._need_oauth()[0],
            "redirect_uri": self._callback,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.terms.web_url}/login/oauth/authorize?{urlencode(query)}"

    def log_in(self, code: str, verifier: str) -> Person:
        """Who this is, and what they may do. Raises ForbiddenError when they may do nothing here."""
        client_id, client_secret = self._need_oauth()
        sent = {"client_id": client_id, "client_secret": client_secret, "code": check_code(code)}
        sent |= {"redirect_uri": self._callback, "code_verifier": verifier}
        with closing(GitHubClient(self.terms.web_url)) as web:
            request = Request(
                method="POST", path="/login/oauth/access_token", json=sent, accept="application/json", remember=False
            )
            told = web.send(request).json
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str):
            raise ForbiddenError("GitHub did not take the code, which is good once and for ten minutes: log in again.")
        with closing(GitHubClient(self.terms.api_url, token)) as person:
            user = person.get("/user", remember=False).json
        number, login = user.get("id"), user.get("login")
        if not isinstance(number, int) or not isinstance(login, str):
            raise GitHubRefusedError("GitHub did not tell who logged in.")
        return Person(id=number, login=login, role=self._find_role(number, login))

    def _find_role(self, number: int, login: str) -> str:
        """By their right at the one repository; that anybody may read a public one counts for nothing."""
        owner, _, name = (self.terms.repository or "").partition("/")
        path = form_path("repos", owner, name)
        repository = self._client.get(path, owner=owner, priority=Priority.SOON).json
        try:
            at = path + form_path("collaborators", login, "permission")
            told = self._client.get(at, owner=owner, priority=Priority.SOON, remember=False).json
        except GitHubRefusedError as error:
            if error.status != 404:
                raise
            told = {}
        user = told.get("user")
        role = _ROLES.get(str(told.get("permission")))
        same = isinstance(user, dict) and user.get("id") == number
        if role is None or not same or (role == "read" and repository.get("private") is not True):
            raise ForbiddenError(f"{login[:100]} has no rights at {self.terms.repository} that count here.")
        return role

    @property
    def _callback(self) -> str:
        return f"{self.terms.public_url}/login/github/callback"

    def _find_oauth(self) -> tuple[str, str] | None:
        if self.terms.oauth is not None:
            return self.terms.oauth
        kept = self._credentials.find(APP)
        return None if kept is None else (str(kept.about["client_id"]), str(kept.secret["client_secret"]))

    def _need_oauth(self) -> tuple[str, str]:
        found = self._find_oauth()
        if found is None or self.terms.repository is None:
            raise NotFoundError(
                "Logging in with GitHub is not set up: it needs GITHUB__LOGIN_REPOSITORY, and an App or "
                "GITHUB__OAUTH_CLIENT_ID and GITHUB__OAUTH_CLIENT_SECRET."
            )
        return found

    def _check_free(self) -> None:
        if self.terms.is_fixed:
            raise ConflictError("The settings name a token or an App already: remove it from them to make one here.")
        if self._credentials.find(APP) is not None:
            raise ConflictError("This hub is an App already: forget it first.")
