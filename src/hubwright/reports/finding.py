"""What we wrote at GitHub earlier, found again by a mark that only programs see, and by who wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hubwright.github.check_runs import is_of_app
from hubwright.github.client import GitHubClient
from hubwright.github.requests import Request

MAX_PAGES = 10
"""Of a hundred things each; what we wrote is looked for no further."""


class Finder:
    """Looks through listings for what this hub wrote: as App `app_id`, else as the user of its token."""

    def __init__(self, client: GitHubClient, app_id: str | None) -> None:
        self._client = client
        self._app_id = app_id
        self._user: int | None = None

    def find(self, listing: Request, mark: str) -> dict[str, Any] | None:
        """The first thing of ours in whose body the mark stands. Raises GitHubError."""
        for item in self._list(listing):
            if mark in str(item.get("body") or "") and self._is_ours(item, listing.owner):
                return item
        return None

    def _list(self, listing: Request) -> Iterator[dict[str, Any]]:
        request: Request | None = listing
        for _ in range(MAX_PAGES):
            if request is None:
                return
            answer = self._client.send(request)
            yield from (item for item in answer.json or () if isinstance(item, dict))
            request = None if answer.next_url is None else replace(request, path=answer.next_url)

    def _is_ours(self, item: dict[str, Any], owner: str | None) -> bool:
        """Marks can be copied: what others wrote is theirs."""
        if self._app_id:
            return is_of_app(item.get("performed_via_github_app"), self._app_id)
        if self._user is None:
            told = self._client.get("/user", owner=owner).json
            self._user = told.get("id") if isinstance(told, dict) else None
        user = item.get("user")
        return isinstance(user, dict) and self._user is not None and user.get("id") == self._user
