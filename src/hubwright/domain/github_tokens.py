"""Personal tokens of GitHub: what their text and scopes tell, and what will not work without which right. Pure.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
"""

from __future__ import annotations

from collections.abc import Sequence

from hubwright.errors import UnprocessableError

MAX_TOKEN = 8192
"""Characters; GitHub promises no length, and those of 2026 may be ten times as long as those before."""

FINE_GRAINED = "github_pat_"

_SHORT_LIVED = {
    "ghs_": "That is a token of an App's installation, which ends within the hour: make the App itself known instead.",
    "ghr_": "That is a refresh token, which is no credential: a personal access token is expected.",
}

_NEEDS: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"repo", "repo:status", "public_repo"}),
        "GitHub can't be told how builds stand: that needs the scope repo:status, or repo",
    ),
    (frozenset({"repo"}), "private repositories can't be built or copied: that needs the scope repo"),
    (
        frozenset({"repo", "admin:repo_hook"}),
        "webhooks of repositories can't be installed and removed: that needs the scope admin:repo_hook",
    ),
    (
        frozenset({"admin:org_hook"}),
        "webhooks of organizations can't be installed and removed: that needs the scope admin:org_hook",
    ),
    (
        frozenset({"read:org", "write:org", "admin:org"}),
        "teams and who belongs to an organization can't be copied: that needs the scope read:org",
    ),
)

_TALKS = (
    frozenset({"repo", "public_repo"}),
    "comments and issues can't be written: that needs the scope repo, or public_repo for public repositories",
)

_UNTOLD = (
    "GitHub does not tell the rights of a fine-grained token. It needs Commit statuses: write, Contents: read and "
    "Metadata: read; Webhooks: write to install those of repositories, Organization webhooks: write for those of "
    "organizations; Issues, Pull requests and Members: read for the copy"
)


def check_token(text: str) -> str:
    """The token without blanks around it. Raises UnprocessableError, which does not repeat it."""
    token = text.strip()
    if not token or len(token) > MAX_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise UnprocessableError("That is no token of GitHub: letters, digits and few signs are expected, on one line.")
    for prefix, why in _SHORT_LIVED.items():
        if token.startswith(prefix):
            raise UnprocessableError(why)
    return token


def find_lacks(token: str, scopes: Sequence[str] | None, *, talks: bool) -> tuple[str, ...]:
    """What will not work, each with the scope that it needs; None for `scopes`: GitHub tells none of this token.

    `talks`: comments or issues are to be written.
    """
    if scopes is None:
        return (_UNTOLD,) if token.startswith(FINE_GRAINED) else ("GitHub does not tell the rights of this token",)
    needs = (*_NEEDS, _TALKS) if talks else _NEEDS
    return tuple(why for enough, why in needs if not enough & set(scopes))
