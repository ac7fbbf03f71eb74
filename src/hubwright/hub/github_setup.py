"""Getting to know GitHub: an App is made from a manifest or a token is entered, and people log in with their accounts.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from hubwright.domain.github_app import check_code, form_manifest, read_made
from hubwright.domain.github_budget import Priority
from hubwright.domain.github_tokens import check_token, find_lacks
from hubwright.errors import ConflictError, ForbiddenError, GitHubRefusedError, NotFoundError, UnprocessableError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import Request, form_path
from hubwright.hub.github_credentials import APP, TOKEN, Credentials

_ROLES = {"admin": "admin", "write": "write", "read": "read"}
"""GitHub's permission (`maintain` is told as write, `triage` as read) and the role here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the settings say. `web_url` is where people see GitHub; `repository` is whose rights count at a login.

    `named` is what the settings have the hub be: `app`, `token` or nothing; it counts before all that is made here.
    """

    api_url: str
    web_url: str
    public_url: str
    oauth: tuple[str, str] | None = field(default=None, repr=False)
    repository: str | None = None
    comments: bool = False
    issues: bool = False
    named: Literal["app", "token", ""] = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who logged in: GitHub's number is the identity, the name may change; `role` is what they may do here."""

    id: int
    login: str
    role: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Who the hub is to GitHub: `using` is `app`, `token` or `nobody`; `why` is a sentence for people.

    `app` and `token` are what may be shown of those that were made here, whether they are in use or not.
    """

    using: str
    why: str
    app: Mapping[str, Any] | None = None
    token: Mapping[str, Any] | None = None


_WHY = {
    "app": "The settings name a GitHub App (GITHUB__APP_ID), which counts before all else.",
    "token": "The settings name a token (GITHUB__TOKEN), which counts before what was made here.",
}


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

    def describe(self) -> Standing:
        """Who the hub is to GitHub, and why."""
        app, token = (None if kept is None else kept.about for kept in map(self._credentials.find, (APP, TOKEN)))
        if self.terms.named:
            return Standing(using=self.terms.named, why=_WHY[self.terms.named], app=app, token=token)
        if app is not None:
            idle = " The token is kept and not used: an App counts before it." if token else ""
            return Standing(using="app", why=f"The App that was made here is in use.{idle}", app=app, token=token)
        if token is not None:
            return Standing(using="token", why="The token that was entered here is in use.", token=token)
        return Standing(using="nobody", why="There is neither an App nor a token: GitHub is asked anonymously.")

    def keep_token(self, text: str, by: str) -> Mapping[str, Any]:
        """Ask GitHub whose token it is, and use it from now on; what may be shown of it.

        Raises UnprocessableError for one that GitHub does not take, ConflictError where it would not be used.
        """
        self._check_free()
        token = check_token(text)
        with closing(GitHubClient(self.terms.api_url, token)) as asking:
            try:
                answer = asking.get("/user", remember=False)
            except GitHubRefusedError as error:
                if error.status != 401:
                    raise
                raise UnprocessableError("GitHub does not take this token: it is wrong, revoked or expired.") from error
        login = answer.json.get("login") if isinstance(answer.json, dict) else None
        if not isinstance(login, str):
            raise GitHubRefusedError("GitHub did not tell whose token this is.")
        scopes = None if answer.scopes is None else [scope[:100] for scope in answer.scopes[:50]]
        lacks = find_lacks(token, scopes, talks=self.terms.comments or self.terms.issues)
        ends = answer.token_ends[:40] if answer.token_ends else None
        about = {"login": login[:100], "scopes": scopes, "ends": ends, "lacks": list(lacks)}
        self._credentials.keep(TOKEN, about, {"token": token}, by)
        self._wake()
        return about

    def forget_token(self) -> bool:
        """Use the token no more; whether there was one. At GitHub it stays until it is revoked there."""
        return self._credentials.remove(TOKEN)

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
        if self.terms.named:
            raise ConflictError("The settings name a token or an App already: remove it from them to make one here.")
        if self._credentials.find(APP) is not None:
            raise ConflictError("This hub is an App already: forget it first.")
