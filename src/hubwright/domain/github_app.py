"""The GitHub App that a hub makes for itself: what it asks for, and what GitHub gives back. Pure.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hubwright.domain.github_hooks import DOOR, ORGANIZATION_EVENTS
from hubwright.errors import UnprocessableError

_OWNER = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\Z")
_CODE = re.compile(r"^[A-Za-z0-9_-]{1,200}\Z")
_NEEDED = ("id", "slug", "pem", "client_id", "client_secret", "webhook_secret")
MAX_NAME = 34


def form_manifest(public_url: str, *, host: str, comments: bool, issues: bool) -> dict[str, Any]:
    """What GitHub is asked to make. `host` names the App; with `comments` and `issues` it may write those."""
    return {
        "name": f"Hubwright {host}"[:MAX_NAME].strip(),
        "url": public_url,
        "description": "Builds pushes and pull requests, and says how they stand.",
        "public": False,
        "hook_attributes": {"url": public_url + DOOR, "active": True},
        "redirect_url": f"{public_url}/github/app/created",
        "callback_urls": [f"{public_url}/login/github/callback"],
        "setup_url": f"{public_url}/github",
        "default_permissions": {
            "checks": "write",
            "contents": "read",
            "issues": "write" if issues or comments else "read",
            "members": "read",
            "merge_queues": "read",
            "metadata": "read",
            "pull_requests": "write" if comments else "read",
            "statuses": "write",
        },
        "default_events": list(ORGANIZATION_EVENTS),
    }


def check_organization(name: str) -> str:
    """The name of an account that is to own the App, "" for one's own. Raises UnprocessableError."""
    if name and not _OWNER.match(name):
        raise UnprocessableError("That is no name of an organization at GitHub: letters, digits and - are expected.")
    return name


def check_code(code: str) -> str:
    """What GitHub sent the browser back with. Raises UnprocessableError."""
    if not _CODE.match(code):
        raise UnprocessableError("GitHub sent no code that can be used: begin anew.")
    return code


def read_made(document: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The App that GitHub made: what may be shown of it, and its secrets. Raises UnprocessableError."""
    told: Mapping[str, Any] = document if isinstance(document, dict) else {}
    if not all(told.get(name) for name in _NEEDED) or not isinstance(told.get("id"), int):
        raise UnprocessableError("GitHub made an App but did not tell its keys: remove it there and begin anew.")
    owner = told.get("owner")
    about = {
        "id": told["id"],
        "slug": str(told["slug"]),
        "name": str(told.get("name") or told["slug"]),
        "html_url": str(told.get("html_url") or ""),
        "owner": str(owner.get("login") or "") if isinstance(owner, dict) else "",
        "client_id": str(told["client_id"]),
    }
    return about, {name: str(told[name]) for name in ("pem", "client_secret", "webhook_secret")}
