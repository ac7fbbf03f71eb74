"""Reading what GitHub's REST API answers: pages, figures of the rate limit, renames, errors. Pure.

https://docs.github.com/en/rest/using-the-rest-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import orjson

from hubwright.domain.github_budget import LONGEST_PAUSE, Figures
from hubwright.errors import GitHubError, GitHubRefusedError, GitHubUnavailableError, PageRefusedError, RateLimitedError
from hubwright.github.requests import cut_text

_SECONDARY_PAUSE = 60.0
_LINK = re.compile(r'<([^<>]*)>\s*;[^<>]*?\brel="?([a-z]+)')
_CURSORS = ("after", "before", "cursor", "since")
_NO_PAGES = re.compile(r"(?i)pagination with the page parameter|pagination is limited|cursor.based pagination")
_ADVICE = {
    401: " Set GITHUB__TOKEN to a token that is valid, or check the App's id and key.",
    403: " Give the token the right that is missing (`Commit statuses: write` for statuses).",
    404: " The repository is gone, or the token may not see it.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A 2xx, or a 304 with the body that the ETag stands for: `json` is always what GitHub has now, None when empty.

    `url` is where it was found, after a rename another address than the asked one. `date` is when GitHub rendered (of
    a 304: confirmed) it, Unix seconds, None when it does not tell. `links` are the addresses of pages by their `rel`.
    """

    status: int
    url: str = ""
    json: Any = None
    date: float | None = None
    etag: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    figures: Figures | None = None
    not_modified: bool = False
    scopes: tuple[str, ...] | None = None
    token_ends: str | None = None

    @property
    def next_url(self) -> str | None:
        """The next page's address, None on the last page."""
        return self.links.get("next")

    @property
    def last_page(self) -> int | None:
        """The number of the last page, None when GitHub does not tell (cursors, or a last page that is this one)."""
        return _read_count(read_parameter(self.links.get("last", ""), "page"))

    @property
    def cursor(self) -> str | None:
        """What the next page begins after, when pages are had by cursor only: then they can't be asked in parallel."""
        following = self.links.get("next", "")
        if read_parameter(following, "page") is not None:
            return None
        return next((found for name in _CURSORS if (found := read_parameter(following, name))), None)


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float, limited_before: int = 0, url: str = ""
) -> Answer:
    """Return what GitHub answered; `headers` must answer to lower-case names, `now` is Unix time.

    `limited_before` counts the limits met in a row: without a time from GitHub the pause doubles each time. Raises
    RateLimitedError, GitHubUnavailableError, PageRefusedError or GitHubRefusedError.
    """
    if 200 <= status < 300:
        return Answer(
            status=status,
            url=url,
            json=read_json(body, status),
            date=read_date(headers.get("date")),
            etag=headers.get("etag"),
            links=read_links(headers.get("link", "")),
            figures=read_figures(headers, now),
            scopes=_read_scopes(headers.get("x-oauth-scopes")),
            token_ends=headers.get("github-authentication-token-expiration"),
        )
    message = _read_message(body)
    if status in {403, 429}:
        pause = _read_pause(status, headers, message, now, limited_before)
        if pause is not None:
            raise RateLimitedError(
                f"GitHub asks to wait {pause:.0f} s: {message or 'too many requests'}", status, pause
            )
    if status >= 500 or status == 408:
        raise GitHubUnavailableError(f"GitHub answered {status}: {message or 'no reason given'}", status)
    refused = PageRefusedError if status == 422 and _NO_PAGES.search(message) else GitHubRefusedError
    reason = message.rstrip(".") or "no reason given"
    raise refused(f"GitHub answered {status}: {reason}.{_ADVICE.get(status, '')}", status)


def name_outcome(answer: Answer | GitHubError) -> str:
    """What came of a request, in a word for statistics."""
    match answer:
        case Answer():
            return "not_modified" if answer.not_modified else "answered"
        case RateLimitedError():
            return "limited"
        case GitHubRefusedError():
            return "refused"
    return "unavailable"


def read_links(link: str) -> dict[str, str]:
    """The addresses of a Link header by their `rel`: `next`, `last`, `prev`, `first`."""
    return {rel: address for address, rel in _LINK.findall(link)}


def read_parameter(address: str, name: str) -> str | None:
    """The value of a parameter in an address's query, None when it has none."""
    try:
        return parse_qs(urlsplit(address).query).get(name, [None])[0]
    except ValueError:
        return None


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


def read_date(text: str | None) -> float | None:
    """An HTTP date as Unix seconds, None when it is none. RFC 9110 §5.6.7."""
    try:
        found = parsedate_to_datetime(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):  # the latter: a year or an hour of twenty digits
        return None


def read_figures(headers: Mapping[str, str], now: float) -> Figures | None:
    """The figures of the hour's limit, None when GitHub tells none (an enterprise server may have no limit)."""
    limit, remaining = (_read_count(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining"))
    reset_at = _read_reset(headers, now)
    if limit is None or remaining is None or reset_at is None:
        return None
    resource = headers.get("x-ratelimit-resource", "core")
    return Figures(limit=limit, remaining=remaining, reset_at=reset_at, resource=resource)


def read_json(body: bytes, status: int) -> Any:
    """The JSON of a body, None of an empty one. Raises GitHubUnavailableError."""
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise GitHubUnavailableError(f"GitHub answered {status} with a body that is not JSON.", status) from None


def _read_scopes(text: str | None) -> tuple[str, ...] | None:
    """The scopes of a classic token; fine-grained ones have none."""
    return None if text is None else tuple(scope for one in text.split(",") if (scope := one.strip()))


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
    asked = _read_retry_after(headers, now)
    if asked is not None:
        return min(max(asked, 1.0), LONGEST_PAUSE)
    reset_at = _read_reset(headers, now)
    if headers.get("x-ratelimit-remaining") == "0" and reset_at is not None:
        return min(max(reset_at - now, 1.0), LONGEST_PAUSE)
    if status == 429 or "rate limit" in message.lower() or "abuse" in message.lower():
        return min(_SECONDARY_PAUSE * 2.0 ** min(limited_before, 6), LONGEST_PAUSE)
    return None


def _read_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of `Retry-After`, which is a number or an HTTP date; a date is compared with the answer's own."""
    text = headers.get("retry-after")
    count = _read_count(text)
    if count is not None:
        return float(count)
    until = read_date(text)
    return None if until is None else until - (read_date(headers.get("date")) or now)


def _read_reset(headers: Mapping[str, str], now: float) -> float | None:
    """When the hour's limit begins anew: told by GitHub's clock, moved by what ours is off."""
    reset = _read_count(headers.get("x-ratelimit-reset"))
    return None if reset is None else reset - ((read_date(headers.get("date")) or now) - now)


def _read_count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
