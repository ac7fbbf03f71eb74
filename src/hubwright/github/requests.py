"""Forming a request to GitHub's REST API and reading its answer: addresses, pages, limits, errors. Pure.

https://docs.github.com/en/rest/using-the-rest-api
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import orjson

from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, RateLimitedError

API_VERSION = "2022-11-28"
"""Pinned: a new default must not change what we read. https://docs.github.com/en/rest/about-the-rest-api/api-versions"""

MAX_DESCRIPTION = 140
MAX_CONTEXT = 255

LONGEST_PAUSE = 3900.0
"""GitHub's windows are an hour, in seconds; a time further away comes from a clock that is wrong."""

_SECONDARY_PAUSE = 60.0
_NEXT_LINK = re.compile(r'<([^<>]*)>\s*;[^<>]*\brel="?next\b')
_WIDE = re.compile(r"[\U00010000-\U0010ffff]")
_BLANKS = re.compile(r"\s+")
_ZERO_WIDTH_JOINER = "\u200d"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A 2xx. `json` is the body (None when there is none); `next_url` the next page's address."""

    status: int
    json: Any = None
    next_url: str | None = None


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
    end = limit - 1
    while end and (unicodedata.combining(line[end]) or _ZERO_WIDTH_JOINER in line[end - 1 : end + 1]):
        end -= 1
    return line[:end].rstrip() + "…"


def form_headers(token: str | None) -> dict[str, str]:
    """Return the headers of every request. Raises GitHubRefusedError on a token that no header can hold."""
    if token and not (token.isascii() and token.isprintable()):
        raise GitHubRefusedError("The token for GitHub has characters that no token has: check GITHUB__TOKEN.")
    headers = {
        "accept": "application/vnd.github+json",
        "user-agent": "hubwright",
        "x-github-api-version": API_VERSION,
    }
    return headers | ({"authorization": f"Bearer {token}"} if token else {})


def read_answer(status: int, headers: Mapping[str, str], body: bytes, *, now: float, limited_before: int = 0) -> Answer:
    """Return what GitHub answered; `headers` must answer to lower-case names, `now` is Unix time.

    `limited_before` counts the limits met in a row: without a time from GitHub the pause doubles each time.
    Raises RateLimitedError, GitHubUnavailableError or GitHubRefusedError.
    """
    if 200 <= status < 300:
        return Answer(status=status, json=_read_json(body, status), next_url=read_next_link(headers.get("link", "")))
    message = _read_message(body)
    if status in {403, 429}:
        pause = _read_pause(status, headers, message, now, limited_before)
        if pause is not None:
            raise RateLimitedError(
                f"GitHub asks to wait {pause:.0f} s: {message or 'too many requests'}", status, pause
            )
    if status >= 500 or status == 408:
        raise GitHubUnavailableError(f"GitHub answered {status}: {message or 'no reason given'}", status)
    raise GitHubRefusedError(
        f"GitHub answered {status}: {message or 'no reason given'}{_ADVICE.get(status, '')}", status
    )


def read_next_link(link: str) -> str | None:
    """Return the address with `rel="next"` of a Link header, None on the last page."""
    match = _NEXT_LINK.search(link)
    return match[1] if match else None


def read_redirect(method: str, url: str, status: int, location: str) -> str | None:
    """Return where to ask again after a rename, None when the answer is no redirect that may be followed.

    301 and 302 are followed for reading only; 307 and 308 for all; none leaves the origin, for the token goes along.
    """
    if not location or not (status in {307, 308} or (status in {301, 302} and method == "GET")):
        return None
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    return target if is_same_origin(url, target) else None


def is_same_origin(url: str, other: str) -> bool:
    """Whether both addresses have one scheme, host and port."""
    try:
        first, second = urlsplit(url), urlsplit(other)
        return (first.scheme, first.hostname, first.port) == (second.scheme, second.hostname, second.port)
    except ValueError:
        return False


_ADVICE = {
    401: " Set GITHUB__TOKEN to a token that is valid.",
    403: " Give the token the right that is missing (`Commit statuses: write` for statuses).",
    404: " The repository is gone, or the token may not see it.",
}


def _read_json(body: bytes, status: int) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise GitHubUnavailableError(f"GitHub answered {status} with a body that is not JSON.", status) from None


def _read_message(body: bytes) -> str:
    """Return GitHub's sentence and the first reasons it lists, short and on one line."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    listed = errors[:3] if isinstance(errors, list) else []
    reasons = [error.get("message") if isinstance(error, dict) else error for error in listed]
    texts = [text for text in (document.get("message"), *reasons) if isinstance(text, str) and text]
    return cut_text(": ".join(texts), 300)


def _read_pause(status: int, headers: Mapping[str, str], message: str, now: float, limited_before: int) -> float | None:
    """Return the seconds to wait, None when the answer is a plain refusal: first the asked time, then the hour's reset.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    asked = _read_number(headers.get("retry-after"))
    if asked is not None:
        return min(max(asked, 1.0), LONGEST_PAUSE)
    reset = _read_number(headers.get("x-ratelimit-reset"))
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        return min(max(reset - now, 1.0), LONGEST_PAUSE)
    if status == 429 or "rate limit" in message.lower() or "abuse" in message.lower():
        return min(_SECONDARY_PAUSE * 2.0 ** min(limited_before, 6), LONGEST_PAUSE)
    return None


def _read_number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
