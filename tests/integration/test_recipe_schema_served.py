"""The schema that editors load from the hub."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import yaml
from starlette.applications import Starlette
from starlette.testclient import TestClient

from hubwright.web.recipe_schema import PATH, make_recipe_schema
from served import make_site


def test_the_served_schema_tells_a_good_recipe_from_a_bad_one(tmp_path: Path) -> None:
    """An editor that loads it must warn of the same slips as `hubwright lint`."""
    with make_site(tmp_path) as site, TestClient(Starlette(routes=[make_recipe_schema(site)])) as client:
        answer = client.get(PATH)

    schema = answer.json()
    check = jsonschema.Draft7Validator(schema)
    assert schema["$id"] == f"{site.public_url}{PATH}"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert check.is_valid(yaml.safe_load("stages: [{test: make check}]"))
    assert not check.is_valid(yaml.safe_load("stage: [{test: make check}]"))
