"""The recipe's JSON Schema, for editors: `# yaml-language-server: $schema=https://HUB/schema/recipe.json`."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.recipe_schema import recipe_schema
from hubwright.web.site import Site

PATH = "/schema/recipe.json"


def make_recipe_schema(site: Site) -> Route:
    """`GET /schema/recipe.json`; open to all, for it holds nothing of this hub but its address."""
    content = orjson.dumps({"$id": f"{site.public_url}{PATH}", **recipe_schema()}, option=orjson.OPT_INDENT_2)

    async def show(_request: Request) -> Response:
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"}
        return Response(content, headers=headers, media_type="application/schema+json")

    return Route(PATH, show, methods=["GET", "HEAD"])
