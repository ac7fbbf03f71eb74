"""Telling somebody's server by HTTP, and no other: what an address leads to is looked at before each request.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx2

from hubwright.errors import OutletError, OutletRefusedError, RefusedError

TIMEOUT = 10.0
"""Seconds for each step of a request."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; nothing in it matters."""

_LATER = frozenset({401, 403, 404, 408, 409, 425, 429})
"""Statuses below 500 after which telling it again may help: keys and places are mended, limits end."""

Resolve = Callable[[str], Sequence[str]]
"""The addresses of a host that may be spoken to. Raises RefusedError when there is none, or one that may not be."""


class Poster:
    """Posts to receivers. A redirect is not followed: it could lead anywhere. Thread-safe."""

    def __init__(self, resolve: Resolve, *, timeout: float = TIMEOUT, ca_file: Path | None = None) -> None:
        """`ca_file` has the certificates (PEM) to believe in, instead of those of the system. Raises OutletError."""
        self._resolve = resolve
        try:
            trust = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise OutletError(f"{ca_file} has no certificates that can be read: {error}") from error
        self._http = httpx2.Client(timeout=timeout, trust_env=False, follow_redirects=False, verify=trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Tell `url`, at the address that was looked at. Raises OutletError, OutletRefusedError."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            address = self._resolve(host)[0]
        except RefusedError as error:
            raise OutletError(str(error)) from error
        shown = f"[{address}]" if ":" in address else address
        place = shown if parts.port is None else f"{shown}:{parts.port}"
        pinned = parts._replace(netloc=place).geturl()
        try:
            self._send(pinned, body, {**headers, "Host": parts.netloc}, host)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OutletError(f"{host} does not answer: {str(error) or type(error).__name__}") from error

    def _send(self, url: str, body: bytes, headers: Mapping[str, str], host: str) -> None:
        named = {"sni_hostname": host}  # the certificate must be that of the name, not of its address
        with self._http.stream("POST", url, content=body, headers=dict(headers), extensions=named) as answer:
            size = 0
            for piece in answer.iter_raw():
                size += len(piece)
                if size > MAX_ANSWER:
                    break
        if 200 <= answer.status_code < 300:
            return
        message = f"{host} answered {answer.status_code}."
        if answer.status_code >= 500 or answer.status_code in _LATER:
            raise OutletError(message)
        raise OutletRefusedError(message)
