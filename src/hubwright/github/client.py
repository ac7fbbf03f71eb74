"""The one door to GitHub: every request passes a budget, asks with what was answered before, and follows renames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

from hubwright.domain.github_budget import LATE, Ask, Figures, Priority, Turn, is_paused
from hubwright.errors import GitHubError, GitHubRefusedError, GitHubUnavailableError, RateLimitedError
from hubwright.github.answers import (
    Answer,
    is_same_origin,
    name_outcome,
    read_answer,
    read_date,
    read_figures,
    read_json,
    read_links,
    read_redirect,
)
from hubwright.github.budget import BudgetGate, MemoryGate
from hubwright.github.credentials import Credential, CredentialOf, make_credential
from hubwright.github.etags import MAX_KEPT, EtagCache, Kept, Key, MemoryEtags
from hubwright.github.requests import JSON, CommitStatus, Request, StatusState, form_headers, form_status, write_json

MAX_ANSWER = 32 * 1024 * 1024
"""No answer of GitHub's REST API comes near, in bytes; more is refused instead of held in memory."""

_MAX_REDIRECTS = 3
_TURNS = 3
_TIMES_TIMEOUT = 6
_CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came back: status, headers with lower-case names, body."""

    status: int
    headers: httpx2.Headers
    body: bytes


class GitHubClient:
    """Asks GitHub's REST API at `api_url`, from any thread.

    `token` may be a function of the owner asked about (`AppTokens`), called for each request; it is never
    logged. `gate` decides when a request may go out: a short wait is slept through, a longer one raises
    RateLimitedError, so that no caller hammers GitHub into a ban. `clock` tells Unix time; `timeout` is in seconds for
    each step, an answer as a whole has six times that.
    """

    def __init__(
        self,
        api_url: str = "https://api.github.com",
        token: str | CredentialOf | None = None,
        *,
        gate: BudgetGate | None = None,
        etags: EtagCache | None = None,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._credential_of: CredentialOf = _always(token) if token is None or isinstance(token, str) else token
        self._gate: BudgetGate = gate or MemoryGate(clock=clock)
        self._etags: EtagCache = etags or MemoryEtags()
        self._clock = clock
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._timeout = timeout
        self.on_answer: Callable[[str, float], None] = lambda _outcome, _seconds: None  # what came of each request
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

    def stop_waiting(self) -> None:
        """Sleep until no turn any more: whoever would is told GitHubUnavailableError. For a process that stops."""
        self._stopping.set()

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
        self.send(form_status(status))

    def get(
        self,
        path: str,
        *,
        owner: str | None = None,
        priority: Priority = Priority.BUILD,
        accept: str = JSON,
        remember: bool = True,
    ) -> Answer:
        """Read `path` (escaped, see `form_path`), or the whole address of a next page. Raises GitHubError.

        Where an earlier answer is remembered, GitHub is asked whether it still holds; if so, that answer is returned
        as `not_modified`. `remember=False` is for addresses that are never asked again.
        """
        request = Request(method="GET", path=path, owner=owner, priority=priority, accept=accept, remember=remember)
        return self.send(request)

    def post(
        self, path: str, json: Any = None, *, owner: str | None = None, priority: Priority = Priority.BUILD
    ) -> Answer:
        """Send `json` to `path`. Raises GitHubError."""
        return self.send(Request(method="POST", path=path, json=json, owner=owner, priority=priority))

    def patch(self, path: str, json: Any, *, owner: str | None = None, priority: Priority = Priority.BUILD) -> Answer:
        """Change what lies at `path` to what `json` says. Raises GitHubError."""
        return self.send(Request(method="PATCH", path=path, json=json, owner=owner, priority=priority))

    def delete(self, path: str, *, owner: str | None = None, priority: Priority = Priority.BUILD) -> Answer:
        """Remove what lies at `path`. Raises GitHubError."""
        return self.send(Request(method="DELETE", path=path, owner=owner, priority=priority))

    def send(self, request: Request) -> Answer:
        """Send any request when its turn has come. Raises GitHubError."""
        answer = self.send_newest(request, lambda: request)
        assert answer is not None  # noqa: S101  there was a request
        return answer

    def send_newest(self, like: Request, form: Callable[[], Request | None]) -> Answer | None:
        """Wait for a turn to send a request as `like` is, and send what `form` then gives: nothing that is old by then.

        None, and nothing was sent, when `form` has nothing more to send. Raises GitHubError.
        """
        credential = self._credential_of(like.owner)
        try:
            return self._send_with(credential, like, form)
        except GitHubRefusedError as error:
            if error.status != 401 or credential.forget is None:
                raise
        credential.forget()
        return self._send_with(self._credential_of(like.owner), like, form)

    def _send_with(self, credential: Credential, like: Request, form: Callable[[], Request | None]) -> Answer | None:
        limits_before = self._wait_for_turn(credential.budget, like.ask)
        request = form()
        if request is None:
            return None
        began = time.monotonic()
        try:
            answer = self._follow(request, credential, limits_before)
        except GitHubError as error:
            self.on_answer(name_outcome(error), time.monotonic() - began)
            if isinstance(error, RateLimitedError):
                self._gate.pause(credential.budget, error.retry_after)
            raise
        self.on_answer(name_outcome(answer), time.monotonic() - began)
        self._gate.note(credential.budget, answer.figures)
        return answer

    def look(self, owner: str | None = None) -> Figures | None:
        """The hour's limit as it was told last, without asking; None when it is not known."""
        return self._gate.look(self._credential_of(owner).budget).figures

    def look_wait(self, owner: str | None = None) -> float:
        """Seconds until GitHub may be asked at all, without asking; 0 when it may now."""
        known, now = self._gate.look(self._credential_of(owner).budget), self._clock()
        paused = known.paused_until - now if is_paused(known, now) else 0.0
        used_up = known.figures is not None and known.figures.remaining == 0
        return max(paused, known.figures.reset_at - now if used_up and known.figures else 0.0, 0.0)

    def _wait_for_turn(self, budget: str, ask: Ask) -> int:
        """Wait for a short time; how many limits were met in a row. Raises RateLimitedError for a longer one.

        A process that is slow, so that its write would come late, waits for another turn.
        """
        for _ in range(_TURNS):
            turn = self._take_turn(budget, ask)
            if not ask.writes or self._clock() - turn.at <= LATE:
                break
        return turn.limits_before

    def _take_turn(self, budget: str, ask: Ask) -> Turn:
        turn = self._gate.enter(budget, ask)
        if not turn.granted:
            raise RateLimitedError(f"{turn.reason}; it is asked again in {turn.wait:.0f} s.", 429, turn.wait)
        if turn.wait > 0:
            self._sleep(turn.wait)
            if self._stopping.is_set():
                raise GitHubUnavailableError("GitHub is not asked any more: this process is stopping.")
            known = self._gate.look(budget)
            if is_paused(known, self._clock()):
                left = known.paused_until - self._clock()
                raise RateLimitedError(f"GitHub asked to wait; it is asked again in {left:.0f} s.", 429, left)
        return turn

    def _follow(self, request: Request, credential: Credential, limits_before: int) -> Answer:
        """Send the request, again where a renamed repository has gone to, and read the answer."""
        url = self._locate(request.path)
        for _ in range(_MAX_REDIRECTS):
            key = _form_key(request, credential, url)
            kept = self._etags.find(key) if key is not None else None
            sent = self._transmit(request, credential, url, kept)
            if sent.status == 304 and kept is not None:
                return _confirm(sent, kept, url, self._clock())
            target = read_redirect(request.method, url, sent.status, sent.headers.get("location", ""))
            if target is None:
                now = self._clock()
                answer = read_answer(
                    sent.status, sent.headers, sent.body, now=now, limited_before=limits_before, url=url
                )
                if key is not None and sent.status == 200 and answer.etag and len(sent.body) <= MAX_KEPT:
                    self._etags.keep(key, Kept(answer.etag, sent.headers.get("link", ""), sent.body))
                return answer
            url = target
            self._wait_for_turn(credential.budget, request.ask)
        raise GitHubRefusedError("GitHub redirects in a circle.", sent.status)

    def _locate(self, path: str) -> str:
        if path.startswith("/"):
            return self._api_url + path
        if not is_same_origin(self._api_url, path):
            raise GitHubRefusedError(f"{path!r} is not an address below {self._api_url}; the token stays here.")
        return path

    def _transmit(self, request: Request, credential: Credential, url: str, kept: Kept | None) -> _Sent:
        content = None if request.json is None else write_json(request.json)
        headers = form_headers(credential.token, request.accept)
        if content is not None:
            headers["content-type"] = "application/json"
        if kept is not None:
            headers["if-none-match"] = kept.etag
        deadline = time.monotonic() + _TIMES_TIMEOUT * self._timeout
        try:
            with self._http.stream(
                request.method, url, content=content, headers=headers, follow_redirects=False
            ) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER or time.monotonic() > deadline:
                        raise GitHubUnavailableError("GitHub's answer is too long or too slow.", response.status_code)
                return _Sent(response.status_code, response.headers, bytes(body))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise GitHubUnavailableError(
                f"GitHub does not answer at {self._api_url}: {str(error) or type(error).__name__}"
            ) from error


def _always(token: str | None) -> CredentialOf:
    credential = make_credential(token)
    return lambda _owner: credential


def _form_key(request: Request, credential: Credential, url: str) -> Key | None:
    """Under what the answer is remembered, None when it is not."""
    if request.method != "GET" or not request.remember or credential.tags is None:
        return None
    return Key(credential.tags, request.accept, url)


def _confirm(sent: _Sent, kept: Kept, url: str, now: float) -> Answer:
    """The remembered answer, which GitHub has confirmed."""
    return Answer(
        status=304,
        url=url,
        json=read_json(kept.body, 304),
        date=read_date(sent.headers.get("date")),
        etag=kept.etag,
        links=read_links(sent.headers.get("link") or kept.link),
        figures=read_figures(sent.headers, now),
        not_modified=True,
    )
