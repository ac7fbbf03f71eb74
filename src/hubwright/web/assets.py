"""Styles, scripts and icons, read once and served under an address that changes when any of them does.

All lie in one folder with the hash of everything, so scripts import each other by plain relative names: no bundler and
no import map. Browsers keep them for good.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hubwright.web.palette import palette_css
from hubwright.web.shapes import favicons

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    packed: bytes
    media_type: str


class Assets:
    """All static files, in memory."""

    def __init__(self) -> None:
        self._files = _load_files()
        whole = b"\0".join(name.encode() + file.plain for name, file in self._files.items())
        self.version = sha256(whole).hexdigest()[:12]

    def address(self, name: str) -> str:
        """The address of a file. Raises KeyError for one that is not there, so that a template can't name it."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def routes(self) -> list[Route]:
        """Where the files are served."""
        return [Route("/static/{version}/{name}", self._serve), Route("/favicon.ico", self._favicon)]

    async def _serve(self, request: Request) -> Response:
        return self._answer(
            request, request.path_params["name"], current=request.path_params["version"] == self.version
        )

    async def _favicon(self, request: Request) -> Response:
        return self._answer(request, "favicon.svg", current=False)

    def _answer(self, request: Request, name: str, *, current: bool) -> Response:
        file = self._files.get(name)
        if file is None:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)
        return Response(file.plain, headers=headers, media_type=file.media_type)


@cache
def _load_files() -> Mapping[str, _File]:
    return {name: _File(body, gzip.compress(body, mtime=0), _TYPES[Path(name).suffix]) for name, body in _contents()}


def _contents() -> Iterator[tuple[str, bytes]]:
    for path in sorted([*_FOLDER.glob("*.*"), *_FOLDER.glob("vendor/*.*")]):
        if path.suffix in _TYPES:
            yield path.name, path.read_bytes()
    yield "palette.css", palette_css().encode()
    for name, text in favicons():
        yield name, text.encode()
