"""JSON Schemas for editors: of recipes, jobs and folders.

`# yaml-language-server: $schema=https://HUB/schema/recipe.json`
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.job_schema import job_schema
from hubwright.domain.recipe_schema import recipe_schema
from hubwright.web.site import Site

PATH = "/schema/recipe.json"


def make_recipe_schema(site: Site) -> Route:
    """`GET /schema/recipe.json`; open to all, for it holds nothing of this hub but its address."""
    return _make_route(site, PATH, recipe_schema())


def make_job_schemas(site: Site) -> list[Route]:
    """`GET /schema/job.json` and `/schema/folder.json`: of definitions; open to all."""
    return [
        _make_route(site, "/schema/job.json", job_schema()),
        _make_route(site, "/schema/folder.json", job_schema(folder=True)),
    ]


def _make_route(site: Site, path: str, schema: dict[str, Any]) -> Route:
    content = orjson.dumps({"$id": f"{site.public_url}{path}", **schema}, option=orjson.OPT_INDENT_2)

    async def show(_request: Request) -> Response:
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"}
        return Response(content, headers=headers, media_type="application/schema+json")

    return Route(path, show, methods=["GET", "HEAD"])
