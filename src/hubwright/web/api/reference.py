"""`/docs`: the API's operations on one plain page, made from its OpenAPI document; and where else that document is."""

from __future__ import annotations

from html import escape
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>API · Hubwright</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}
code{{font-family:ui-monospace,monospace}}h3{{margin:1.5em 0 0}}ul{{margin:.3em 0}}pre{{white-space:pre-wrap;
font:inherit;margin:.3em 0}}</style><body><h1>Hubwright {version}: the API</h1>
<p>OpenAPI {openapi}: <a href="/openapi.json">/openapi.json</a>. Errors are RFC 9457 problems; lists are
<code>{{"items": […], "next": cursor}}</code>; tokens go into <code>Authorization: Bearer …</code>.</p>{operations}
</body></html>"""


def make_reference() -> list[Route]:
    """`/docs` and `/api/v1/openapi.json`; for a FastAPI application without docs of its own."""
    return [
        Route("/docs", _show_page, methods=["GET"]),
        Route("/api/v1/openapi.json", _show_document, methods=["GET"]),
    ]


async def _show_page(request: Request) -> Response:
    return HTMLResponse(write_page(request.app.openapi()))


async def _show_document(request: Request) -> Response:
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


def write_page(document: dict[str, Any]) -> str:
    """The OpenAPI document as HTML."""
    operations = [
        _write_operation(method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    version = escape(document["info"]["version"])
    return _PAGE.format(version=version, openapi=escape(document["openapi"]), operations="".join(operations))


def _write_operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> ({escape(each['in'])}) {escape(each.get('description', ''))}</li>"
        for each in operation.get("parameters", ())
    )
    text = escape(operation.get("description", operation.get("summary", "")))
    return f"<h3><code>{method} {escape(path)}</code></h3><pre>{text}</pre><ul>{parameters}</ul>"
