"""Forming a request to GitHub's REST API: addresses, headers, texts that it takes. Pure.

https://docs.github.com/en/rest/using-the-rest-api
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import orjson

from hubwright.domain.github_budget import Ask, Priority
from hubwright.errors import GitHubRefusedError

API_VERSION = "2022-11-28"
"""Pinned: a new default must not change what we read. https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

JSON = "application/vnd.github+json"
"""What is asked for, when nothing else is."""

MAX_DESCRIPTION = 140
MAX_CONTEXT = 255

_WIDE = re.compile(r"[\U00010000-\U0010ffff]")
_BLANKS = re.compile(r"\s+")
_ZERO_WIDTH_JOINER = "\u200d"
_VARIATIONS = "\ufe0e\ufe0f"
_MOST_MARKS = 32
_CONTENT = re.compile(r"/(?:issues|pulls|comments|reviews|replies|reactions|releases|gists)\Z")
"""What notifies people when it is made; statuses and check runs do not."""


class StatusState(StrEnum):
    """The four states of a commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitStatus:
    """What the page of commit `sha` shall say. What GitHub would refuse of the texts is cut or replaced when sent."""

    owner: str
    repository: str
    sha: str
    state: StatusState
    context: str
    description: str = ""
    target_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request; `path` begins with a slash and follows the API's address. `owner` says whose token fits."""

    method: str
    path: str
    json: Any = None
    owner: str | None = None
    priority: Priority = Priority.BUILD
    accept: str = JSON
    remember: bool = True

    @property
    def ask(self) -> Ask:
        """What it needs of the budget."""
        writes = self.method != "GET" and not self.path.endswith("/access_tokens")
        content = self.method == "POST" and _CONTENT.search(self.path) is not None
        return Ask(priority=self.priority, writes=writes, content=content)


def form_path(*parts: str | int) -> str:
    """Join `parts` to a path with each of them escaped whole: a slash in a branch's name does not end its part."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def form_status(status: CommitStatus) -> Request:
    """Form `POST /repos/{owner}/{repo}/statuses/{sha}` within GitHub's limits.

    https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
    """
    body: dict[str, str] = {
        "state": status.state,
        "context": cut_text(status.context, MAX_CONTEXT) or "default",
        "description": cut_text(status.description, MAX_DESCRIPTION),
    }
    if status.target_url and status.target_url.startswith(("http://", "https://")):
        body["target_url"] = status.target_url
    path = form_path("repos", status.owner, status.repository, "statuses", status.sha)
    return Request(method="POST", path=path, json=body, owner=status.owner)


def cut_text(text: str, limit: int) -> str:
    """Return `text` as one line of at most `limit` characters, never half a character: a cut is shown by `…`.

    Characters beyond U+FFFF (emoji) become `□`: GitHub answers "doesn't accept 4-byte Unicode" to them.
    """
    line = _WIDE.sub("□", _BLANKS.sub(" ", text)).strip()
    if len(line) <= limit:
        return line
    return line[: find_border(line, limit - 1)].rstrip() + "…"


def find_border(text: str, end: int) -> int:
    """The last place at or before `end` at which text may be cut: what people see as one character stays whole.

    A few dozen marks at one letter are more than any script has; those are cut.
    """
    border = end
    while border and end - border < _MOST_MARKS and _is_joined(text, border):
        border -= 1
    return border if not _is_joined(text, border) else end


def _is_joined(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it."""
    if not 0 < at < len(text):
        return False
    joins = unicodedata.combining(text[at]) or text[at] in _VARIATIONS
    return bool(joins) or _ZERO_WIDTH_JOINER in text[at - 1 : at + 1]


def write_json(data: Any) -> bytes:
    """JSON in UTF-8; half a surrogate pair, which JSON may bring and UTF-8 can't hold, becomes `?`."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")


def form_headers(token: str | None, accept: str = JSON) -> dict[str, str]:
    """Return the headers of every request. Raises GitHubRefusedError on a token that no header can hold."""
    if token and not (token.isascii() and token.isprintable()):
        raise GitHubRefusedError("The token for GitHub has characters that no token has: check GITHUB__TOKEN.")
    headers = {
        "accept": accept,
        "user-agent": "hubwright",
        "x-github-api-version": API_VERSION,
    }
    return headers | ({"authorization": f"Bearer {token}"} if token else {})
