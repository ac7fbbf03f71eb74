"""Badges for readme files: how a job, or a copy of one for a pull request or branch, stands."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hubwright.domain.wording import make_visible
from hubwright.store.standings import load_standing
from hubwright.web.askers import folders_of
from hubwright.web.gate import Gate
from hubwright.web.site import Site

MAX_LABEL = 60
"""Characters of a badge's left side."""

_WORDS = {
    "success": ("passing", "brightgreen", "#3a7d0a"),
    "failure": ("failing", "red", "#c7372f"),
    "error": ("error", "orange", "#b35309"),
    "timeout": ("timed out", "orange", "#b35309"),
    None: ("no builds", "lightgrey", "#6b7280"),
}
_HEADERS = {"Cache-Control": "no-cache, max-age=0"}  # else GitHub's proxy of images shows an old one


def make_badges(site: Site, gate: Gate) -> list[Route]:
    """`/badge/PATH.svg` and `/badge/PATH.json`, the latter as shields.io reads it; `?branch=` and `?label=`."""

    async def find(request: Request) -> tuple[str, str, str, str]:
        await gate.require(request, "read")
        path, branch = request.path_params["path"], request.query_params.get("branch")
        whole = folders_of(request) is None  # a repository's job may lie elsewhere
        result = await site.database.read(lambda it: load_standing(it, path, branch, of_repository=whole))
        return (make_visible(request.query_params.get("label") or "build")[:MAX_LABEL], *_WORDS[result])

    async def show_svg(request: Request) -> Response:
        label, words, _, colour = await find(request)
        return Response(draw_badge(label, words, colour), media_type="image/svg+xml", headers=_HEADERS)

    async def show_json(request: Request) -> Response:
        label, words, colour, _ = await find(request)
        told = {"schemaVersion": 1, "label": label, "message": words, "color": colour, "isError": colour == "red"}
        return JSONResponse(told, headers=_HEADERS)

    return [Route("/badge/{path:path}.svg", show_svg), Route("/badge/{path:path}.json", show_json)]


def draw_badge(label: str, words: str, colour: str) -> str:
    """An SVG of 20 pixels' height with two words; the texts are data."""
    left, right = _width(label), _width(words)
    said, end = escape(f"{label}: {words}"), left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{end}" height="20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<clipPath id="r"><rect width="{end}" height="20" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3f444b"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '</g><g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14" textLength="{left - 10}">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - 10}">{escape(words)}</text></g></svg>'
    )


def _width(text: str) -> int:
    """Pixels of a text with its margins; `textLength` fits it in, whatever font there is."""
    return round(sum(4 if char in "fijlrt.,:;|!I1 '" else 9 if char in "mwMW@%" else 7 for char in text)) + 10
