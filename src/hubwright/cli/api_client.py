"""The hub's API as the commands use it: JSON, raw bytes, and logs that are followed while they grow."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import httpx2

from hubwright import __version__
from hubwright.config import LOOPBACK, load_settings, local_address
from hubwright.errors import (
    ConflictError,
    ForbiddenError,
    HubwrightError,
    NotFoundError,
    SettingsError,
    UnauthenticatedError,
)

TOKEN_FILE = "cli-token"  # noqa: S105 - a file's name
"""In the data folder, readable by its owner only: `hubwright up` leaves a token there for this machine's commands."""

TIMEOUT = 30.0
"""Seconds without a byte after which a request is given up; a live stream sends one every 15."""

RECONNECTS = 10
"""How often in a row a stream that broke is taken up again, half a second to five apart."""

_ERRORS: dict[int, type[HubwrightError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
}


class HubAwayError(HubwrightError):
    """Nothing answers at the hub's address; it may be starting again."""


class LogEnd(NamedTuple):
    """How the run stood when its log ended."""

    state: str
    result: str | None


class HubClient:
    """A connection to a hub. Every method raises HubwrightError with one sentence when the hub refuses or is away."""

    def __init__(self, url: str, token: str | None) -> None:
        if not _host_of(url):
            raise SettingsError(f"HUBWRIGHT_URL: {url!r} can't be used; an address like https://host is expected.")
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"hubwright/{__version__}"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http = httpx2.Client(base_url=self.url, headers=headers, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: object) -> Any:
        """The JSON of a page of the API; queries that are None are left out."""
        return self._send("GET", path, query=query)

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """The JSON answer to a POST, None when there is none."""
        return self._send("POST", path, body=body, query=query)

    def put(self, path: str, body: object, **query: object) -> Any:
        """The JSON answer to a PUT."""
        return self._send("PUT", path, body=body, query=query)

    def patch(self, path: str, body: object, **query: object) -> Any:
        """The JSON answer to a PATCH."""
        return self._send("PATCH", path, body=body, query=query)

    def delete(self, path: str, **query: object) -> Any:
        """What deleting a thing answers."""
        return self._send("DELETE", path, query=query)

    def put_text(self, path: str, text: bytes, kind: str, **query: object) -> Any:
        """The JSON answer to a PUT of a text of this media type."""
        return self._send("PUT", path, query=query, text=text, kind=kind)

    def read_text(self, path: str, kind: str, **query: object) -> str:
        """A page of the API as a text of this media type."""
        with self._explained():
            response = self._http.get(path, params=_given(query) or None, headers={"Accept": kind})
            if not response.is_success:
                raise _refusal(response)
            return response.text

    def read(self, path: str, *, last: int | None = None, **query: object) -> Iterator[bytes]:
        """The bytes of a log or file, as they come; only the `last` ones when that is given."""
        headers = None if last is None else {"Range": f"bytes=-{last}"}
        with (
            self._explained(),
            self._http.stream("GET", path, params=_given(query), headers=headers, follow_redirects=True) as response,
        ):
            if response.is_error:
                response.read()
                raise _refusal(response)
            yield from response.iter_bytes()

    def follow(self, path: str, start: int = 0) -> Iterator[bytes | LogEnd]:
        """The bytes of a live log from `start`, then its end. A stream that breaks is resumed where it broke."""
        at, failures = start, 0
        while failures <= RECONNECTS:
            if failures:
                time.sleep(min(5.0, 0.5 * failures))
            failures += 1
            try:
                for event in self._listen(path, at):
                    failures = 1
                    if event.event == "end":
                        said: Any = event.json()
                        yield LogEnd(said["state"], said["result"])
                        return
                    if event.event == "chunk":
                        yield _log_bytes(event)
                        at = int(event.id)
            except httpx2.TransportError:
                continue
        raise HubwrightError(f"The hub at {self.url} no longer sends the log; `hubwright logs -f` goes on with it.")

    def _listen(self, path: str, at: int) -> Iterator[httpx2.ServerSentEvent]:
        with self._http.sse(path, headers={"Last-Event-ID": str(at)} if at else None) as events:
            if events.response.is_error:
                events.response.read()
                raise _refusal(events.response)
            yield from events

    def _send(
        self, method: str, path: str, *, query: dict[str, object] | None = None, body: object = None,
        text: bytes | None = None, kind: str | None = None,
    ) -> Any:  # fmt: skip
        with self._explained():
            # params that are empty, not None, would take the path's own query away
            headers = None if kind is None else {"Content-Type": kind}
            response = self._http.request(
                method, path, params=_given(query or {}) or None, json=body, content=text, headers=headers
            )
            if not response.is_success:
                raise _refusal(response)
            try:
                return response.json() if response.content else None
            except ValueError:
                raise HubwrightError(f"What answers at {self.url} is no Hubwright.") from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise HubAwayError(
                f"No hub answers at {self.url} ({str(error) or type(error).__name__}). "
                "Start one with `hubwright up`, or name yours in HUBWRIGHT_URL."
            ) from error


def connect(hub: str | None) -> HubClient:
    """The hub that `--hub` names, else HUBWRIGHT_URL, else that of this machine's settings; with a token for it."""
    config = os.environ.get("HUBWRIGHT_CONFIG")
    settings = load_settings({}, Path(config) if config else None, os.environ)
    url = hub or os.environ.get("HUBWRIGHT_URL") or local_address(settings)
    own = _host_of(url) in LOOPBACK or url.rstrip("/") == settings.public_url
    return HubClient(url, os.environ.get("HUBWRIGHT_TOKEN") or (_read_token(settings.data_dir) if own else None))


def _host_of(url: str) -> str | None:
    """The host of an address; None when it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a ValueError when it is no number
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


def _read_token(data_dir: Path) -> str | None:
    """The token that `hubwright up` left here; it is never sent to another machine's hub."""
    try:
        return (data_dir / TOKEN_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _log_bytes(event: httpx2.ServerSentEvent) -> bytes:
    said: Any = event.json()
    return base64.b64decode(said["base64"]) if "base64" in said else str(said["text"]).encode()


def _given(query: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}


def _list_wrong(problem: dict[str, Any]) -> list[str]:
    """Each thing that is wrong in what was sent, with its place."""
    found = problem.get("errors")
    problems = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    lines = [f"line {one['line']}, " if "line" in one else "" for one in problems]
    told = zip(lines, problems, strict=True)
    return [f"  {line}{one.get('pointer', one.get('parameter', ''))}: {one.get('detail', '')}" for line, one in told]


def _refusal(response: httpx2.Response) -> HubwrightError:
    """The sentence of a problem+json. https://www.rfc-editor.org/rfc/rfc9457"""
    try:
        problem = response.json()
        detail = problem.get("detail") or problem.get("title")
    except (ValueError, AttributeError):
        detail = None
    kind = _ERRORS.get(response.status_code, HubwrightError)
    if detail and len(wrong := _list_wrong(problem)) > 1:
        detail = "\n".join([str(detail), *wrong])
    return kind(str(detail or f"The hub answered {response.status_code} {response.reason_phrase}."))
