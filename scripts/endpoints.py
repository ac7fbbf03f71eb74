"""The page of all endpoints of the REST API, made from the hub's own description (OpenAPI) when the site is built."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from hubwright.config import load_settings
from hubwright.wiring.first_start import prepare
from hubwright.wiring.hub import Extras, Hub

HEAD = """# Endpoints

What `/docs` of a hub shows as well; common rules are told in [the REST API](../../docs/api.md), who may do what in
[access](../../docs/access.md).
"""


def write_endpoints(file: Path) -> None:
    """Write the page; unchanged content leaves the file as it is, so that the site is not built anew."""
    text = "\n".join([HEAD, *_sections(asyncio.run(_describe()))])
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


async def _describe() -> dict[str, Any]:
    """The description as a hub gives it to whoever asks."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({}, None, {"HUBWRIGHT_DATA_DIR": folder, "HUBWRIGHT_PORT": "8010"})
        hub = Hub(settings, Extras(), prepare(settings), 8010)
        try:
            door = httpx2.ASGITransport(app=hub.app)
            async with httpx2.AsyncClient(transport=door, base_url="http://127.0.0.1:8010") as client:
                return dict((await client.get("/openapi.json")).raise_for_status().json())
        finally:
            hub.site.logs.close()
            hub.parts.close()


def _sections(described: dict[str, Any]) -> Iterator[str]:
    tags: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            tags.setdefault(operation.get("tags", ["others"])[0], []).append((path, method.upper(), operation))
    for tag, found in sorted(tags.items()):
        yield f"## {tag.capitalize()}\n"
        for path, method, operation in sorted(found, key=lambda one: one[:2]):
            yield f"### `{method} {path}`\n"
            yield operation.get("description", operation["summary"]) + "\n"
            yield from _parameters(operation.get("parameters", []))
            yield from _body(operation.get("requestBody", {}))


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    told = [one for one in parameters if one["in"] != "path"]
    if told:
        yield "| parameter | in | what it is |\n|---|---|---|"
        for one in told:
            words = one.get("description", one.get("schema", {}).get("description", "")).replace("\n", " ")
            yield f"| `{one['name']}` | {one['in']} | {words.replace('|', '&#124;')} |"
        yield ""


def _body(body: dict[str, Any]) -> Iterator[str]:
    for kind, content in body.get("content", {}).items():
        if "example" in content:
            example = json.dumps(content["example"], indent=2, ensure_ascii=False)
            yield f"Takes `{kind}`, for example\n\n```json\n{example}\n```\n"
