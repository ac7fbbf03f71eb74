"""Make github-rest.json.xz from npm's @octokit/openapi: `python prune.py package/generated/api.github.com.json`.

Kept are the parameters, JSON bodies and JSON answers of every operation, as JSON Schema; left out are all words,
examples and webhooks. What OpenAPI 3.0 calls nullable becomes the type null.
"""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "github-rest.json.xz"
METHODS = ("get", "post", "put", "patch", "delete")
WORDS = {
    "description",
    "example",
    "examples",
    "title",
    "externalDocs",
    "deprecated",
    "readOnly",
    "writeOnly",
    "default",
}


def main(source: str) -> None:
    """Read the package's description and write {"operations": …, "schemas": …}."""
    whole = json.loads(Path(source).read_text(encoding="utf-8"))
    operations = {
        f"{method.upper()} {path}": _read_operation(whole, operation)
        for path, operations in whole["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }
    schemas = {name: _clean(schema) for name, schema in whole["components"]["schemas"].items()}
    document = {"version": whole["info"]["version"], "operations": operations, "schemas": schemas}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    TARGET.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    sys.stdout.write(f"{len(operations)} operations, {len(text)} characters, {TARGET.stat().st_size} bytes\n")


def _read_operation(whole: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [_resolve(whole, one) for one in operation.get("parameters", [])]
    body = operation.get("requestBody", {})
    answers = {
        status: _clean(schema)
        for status, answer in operation["responses"].items()
        if (schema := _json_schema(_resolve(whole, answer))) is not None
    }
    return {
        "path": {one["name"]: _clean(one.get("schema", {})) for one in parameters if one["in"] == "path"},
        "query": {one["name"]: _clean(one.get("schema", {})) for one in parameters if one["in"] == "query"},
        "needed": [one["name"] for one in parameters if one["in"] == "query" and one.get("required")],
        "body": _clean(_json_schema(body)),
        "body_needed": bool(body.get("required")),
        "answers": answers,
        "statuses": sorted(operation["responses"]),
    }


def _resolve(whole: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    found: Any = one
    while "$ref" in found:
        place = found["$ref"].removeprefix("#/").split("/")
        found = whole
        for part in place:
            found = found[part]
    return dict(found)


def _json_schema(content: dict[str, Any]) -> Any:
    return content.get("content", {}).get("application/json", {}).get("schema")


def _clean(schema: Any, *, named: bool = False) -> Any:
    """The schema without words; `named` when its keys are names of properties."""
    if isinstance(schema, list):
        return [_clean(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _clean(value, named=key == "properties" and not named)
        if key not in {"enum", "required"} or named
        else value
        for key, value in schema.items()
        if named or (key not in WORDS and not key.startswith("x-"))
    }
    if named or not kept.pop("nullable", False):
        return kept
    if "enum" in kept and None not in kept["enum"]:
        kept["enum"] = [*kept["enum"], None]
    if isinstance(kept.get("type"), str):
        return kept | {"type": [kept["type"], "null"]}
    return {"anyOf": [kept, {"type": "null"}]} if kept else {}


if __name__ == "__main__":
    main(sys.argv[1])
