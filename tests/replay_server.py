"""GitHub from recordings: what was answered once is answered again over HTTP, and nothing else.

    with ReplayServer(octokit_tapes()) as replay:
        GitHubClient(replay.url, None).get("/repos/octokit-fixture-org/hello-world")

Recorded are some sizes and orders of pages, so of a query only what turns pages counts. Links and redirects lead back
here; who knows the ETag is answered 304. `find_chains` tells which lists were recorded from the first page to the last.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from recorded import GITHUB, Exchange

_TURNING = ("page", "after", "before", "cursor")
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')

Key = tuple[str, tuple[tuple[str, str], ...]]


class ReplayServer:
    """Answers GET, each address as it was recorded first; `asked` are the requests and their statuses.

    Use as a context manager.
    """

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self.answers: dict[Key, Exchange] = {}
        for one in exchanges:
            if one.method == "GET" and one.status < 400 and one.status != 304:
                self.answers.setdefault(_name(one.url), one)
        self.asked: list[tuple[str, int]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.replay = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="replay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def serve(self) -> None:
        """Answer in this process for good, where it is one of its own."""
        self._server.serve_forever()

    def find(self, url: str) -> Exchange | None:
        """The recorded answer to a request."""
        return self.answers.get(_name(url))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    replay: ReplayServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        """What was recorded."""
        replay = self.server.replay
        found = replay.find(self.path)
        if found is None:
            self._answer(404, {}, b'{"message": "Not Found"}')
            return
        same = found.status == 200 and found.headers.get("etag") == self.headers.get("if-none-match", "")
        headers = {name: value.replace(GITHUB, replay.url) for name, value in found.headers.items()}
        self._answer(304 if same else found.status, headers, b"" if same else found.body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.server.replay.asked.append((self.path, status))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def find_chains(exchanges: Iterable[Exchange]) -> Iterator[tuple[Exchange, ...]]:
    """Every list that was recorded whole, on several pages: its pages in their order, each list once."""
    tapes: dict[str, list[Exchange]] = {}
    for one in exchanges:
        tapes.setdefault(one.tape, []).append(one)
    begun = set()
    for tape in tapes.values():
        known = {one.url: one for one in tape if one.method == "GET" and one.status == 200}
        following = {url: _find_next(one) for url, one in known.items()}
        for url, one in known.items():
            if following[url] is None or url in following.values() or _name(url) in begun:
                continue
            chain = [one]
            with suppress(KeyError):
                while (after := _find_next(chain[-1])) is not None:
                    chain.append(known[after])
                begun.add(_name(url))
                yield tuple(chain)


def read_redirected(exchanges: Iterable[Exchange]) -> list[tuple[str, str]]:
    """Where addresses were said to have moved for good: (old, new)."""
    moved = [one for one in exchanges if one.method == "GET" and one.status == 301]
    return [(one.url, one.headers["location"].removeprefix(GITHUB)) for one in moved]


def _find_next(one: Exchange) -> str | None:
    found = _NEXT.search(one.headers.get("link", ""))
    return found[1].removeprefix(GITHUB) if found else None


def _name(url: str) -> Key:
    """What an answer is known by."""
    parts = urlsplit(url)
    turning = [(name, value) for name, value in parse_qsl(parts.query) if name in _TURNING]
    return parts.path.rstrip("/").casefold(), tuple(sorted(turning))
