"""The one door to GitHub: a small client with one pool, one token and one pause for all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx2
import orjson

from hubwright.errors import GitHubRefusedError, GitHubUnavailableError, RateLimitedError
from hubwright.github.requests import (
    LONGEST_PAUSE,
    Answer,
    CommitStatus,
    Request,
    StatusState,
    form_headers,
    form_status,
    is_same_origin,
    read_answer,
    read_redirect,
)

MAX_ANSWER = 32 * 1024 * 1024
"""No answer of GitHub's REST API comes near, in bytes; more is refused instead of held in memory."""

_MAX_REDIRECTS = 3
_TIMES_TIMEOUT = 6
_CONNECTIONS = 10

TokenOf = Callable[[str | None], str | None]
"""Gives the token for an owner's repositories, None for none."""


class GitHubClient:
    """Asks GitHub's REST API at `api_url`, from any thread.

    `token` may be a function of the owner asked about (`AppTokens`), called for each request; it is never logged.
    After a rate limit every request raises RateLimitedError at once until its time is over, so no caller hammers GitHub
    into a ban. `clock` tells Unix time; `timeout` is in seconds for each step, an answer as a whole has six times that.
    """

    def __init__(
        self,
        api_url: str = "https://api.github.com",
        token: str | TokenOf | None = None,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._token: TokenOf = _always(token) if token is None or isinstance(token, str) else token
        self._clock = clock
        self._timeout = timeout
        self._pause = _Pause()
        self._http = httpx2.Client(
            timeout=timeout,
            limits=httpx2.Limits(
                max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=60
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post_status(
        self,
        owner: str,
        repository: str,
        sha: str,
        state: StatusState | str,
        context: str,
        description: str = "",
        target_url: str | None = None,
    ) -> None:
        """Set a status on a commit. Raises GitHubError."""
        status = CommitStatus(
            owner=owner, repository=repository, sha=sha, state=StatusState(state), context=context,
            description=description, target_url=target_url,
        )  # fmt: skip
        self._ask(form_status(status))

    def get(self, path: str, *, owner: str | None = None) -> Answer:
        """Read `path` (escaped, see `form_path`), or the whole address of a next page. Raises GitHubError."""
        return self._ask(Request(method="GET", path=path, owner=owner))

    def post(self, path: str, json: Any, *, owner: str | None = None) -> Answer:
        """Send `json` to `path`. Raises GitHubError."""
        return self._ask(Request(method="POST", path=path, json=json, owner=owner))

    def patch(self, path: str, json: Any, *, owner: str | None = None) -> Answer:
        """Change what lies at `path` to what `json` says. Raises GitHubError."""
        return self._ask(Request(method="PATCH", path=path, json=json, owner=owner))

    def _ask(self, request: Request) -> Answer:
        limited_before = self._pause.check(self._clock())
        try:
            answer = self._follow(request, limited_before)
        except RateLimitedError as error:
            self._pause.begin(self._clock(), error.retry_after)
            raise
        self._pause.end()
        return answer

    def _follow(self, request: Request, limited_before: int) -> Answer:
        """Send the request, again where a renamed repository has gone to, and read the answer."""
        url = self._locate(request.path)
        for _ in range(_MAX_REDIRECTS):
            response, body = self._send(request, url)
            target = read_redirect(request.method, url, response.status_code, response.headers.get("location", ""))
            if target is None:
                return read_answer(
                    response.status_code, response.headers, body, now=self._clock(), limited_before=limited_before
                )
            url = target
        raise GitHubRefusedError("GitHub redirects in a circle.", response.status_code)

    def _locate(self, path: str) -> str:
        if path.startswith("/"):
            return self._api_url + path
        if not is_same_origin(self._api_url, path):
            raise GitHubRefusedError(f"{path!r} is not an address below {self._api_url}; the token stays here.")
        return path

    def _send(self, request: Request, url: str) -> tuple[httpx2.Response, bytes]:
        content = None if request.json is None else orjson.dumps(request.json)
        deadline = time.monotonic() + _TIMES_TIMEOUT * self._timeout
        try:
            with self._http.stream(
                request.method,
                url,
                content=content,
                headers=form_headers(self._token(request.owner)),
                follow_redirects=False,
            ) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER or time.monotonic() > deadline:
                        raise GitHubUnavailableError("GitHub's answer is too long or too slow.", response.status_code)
                return response, bytes(body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise GitHubUnavailableError(
                f"GitHub does not answer at {self._api_url}: {str(error) or type(error).__name__}"
            ) from error


def _always(token: str | None) -> TokenOf:
    return lambda _owner: token


class _Pause:
    """The time in which GitHub must not be asked, shared by all threads of a client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._in_a_row = 0

    def check(self, now: float) -> int:
        """Return how many limits came in a row; raises RateLimitedError while the pause lasts."""
        with self._lock:
            left = self._until - now
            # More than the longest pause is left only when the clock was set back.
            if 0 < left <= LONGEST_PAUSE:
                raise RateLimitedError(f"GitHub's rate limit is used up; it is asked again in {left:.0f} s.", 429, left)
            return self._in_a_row

    def begin(self, now: float, seconds: float) -> None:
        """Pause for `seconds`. Requests that were under way together count as one limit."""
        with self._lock:
            if now >= self._until:
                self._in_a_row += 1
            self._until = max(self._until, now + seconds)

    def end(self) -> None:
        """GitHub answered: the next limit is the first again."""
        with self._lock:
            self._in_a_row = 0
