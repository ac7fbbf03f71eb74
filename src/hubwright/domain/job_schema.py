"""The format of definitions as a JSON Schema, for editors, the API's description and `/schema/job.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubwright.domain.job_format import FOLDER, JOB
from hubwright.domain.job_inheritance import MERGED
from hubwright.domain.recipe_schema import shape_schema

_NOTHING = {"type": "null"}


def job_schema(*, folder: bool = False) -> dict[str, Any]:
    """A draft-07 schema of a job's or a folder's definition, without `$id`, which the server sets.

    The reader takes a little more: null for what is not said, and the names of `job_format.ALIASES`.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Hubwright folder" if folder else "Hubwright job",
        **shape_schema(FOLDER if folder else JOB),
    }


def change_schema(*, folder: bool = False) -> dict[str, Any]:
    """A schema of what changes a definition in parts: null unsays a key, also one of a map that is inherited by key."""
    whole = shape_schema(FOLDER if folder else JOB)
    said = {name: _unsay_keys(one) if name in MERGED else one for name, one in whole["properties"].items()}
    return {"title": f"Change of a {'folder' if folder else 'job'}", **_nullable(whole, said)}


def _unsay_keys(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_unsay_keys(one) for one in schema["anyOf"]]}
    return _nullable(schema, schema.get("properties", {})) if schema.get("type") == "object" else dict(schema)


def _nullable(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a map whose values may be null, and of which no key has to be there."""
    changed = {key: value for key, value in schema.items() if key not in {"required", "minProperties"}}
    if properties:
        changed["properties"] = {name: {"anyOf": [one, _NOTHING]} for name, one in properties.items()}
    if isinstance(values := schema.get("additionalProperties"), dict):
        changed["additionalProperties"] = {"anyOf": [values, _NOTHING]}
    return changed
