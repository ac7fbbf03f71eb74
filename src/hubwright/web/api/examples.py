"""An example of every operation in the API's description, from `examples.json`, and how errors look there.

Entries are by method and address: `status`, `answer` (JSON) or `text` with its `kind`, and `body` where one is sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI

from hubwright.web.api.definition_schemas import make_schemas

LOADS = "POST /load/*"
"""All addresses below `/load` answer alike."""

_JSON, _PROBLEM = "application/json", "application/problem+json"
_ERRORS = {
    "401": ("Not authenticated", "This needs a token: make one with `hubwright token new`, or log in."),
    "403": ("Forbidden", "This needs the role write; ann has the role read."),
    "404": ("Not found", "There is no build 4711."),
    "422": ("Unprocessable request", "role: one of read, write, admin, builder, join, sql is expected."),
    "429": ("Too many requests", "Too many requests came with this token (ACCESS__REQUESTS_PER_MINUTE): wait 2 s."),
}


def describe(app: FastAPI) -> None:
    """Have the application's description tell an example of every operation."""
    make, examples = app.openapi, orjson.loads((Path(__file__).parent / "examples.json").read_bytes())

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            document.setdefault("components", {}).setdefault("schemas", {}).update(make_schemas())
            add_examples(document, examples)
        return make()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way: "Extending OpenAPI" of its docs


def add_examples(document: dict[str, Any], examples: dict[str, Any]) -> None:
    """Add to each operation its example, where it has none yet, and the errors that all may answer."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = LOADS if path.startswith("/load/") else f"{method.upper()} {path}"
            _add_errors(operation["responses"])
            if (example := examples.get(name)) is not None:
                _add_example(operation, example)


def _add_example(operation: dict[str, Any], example: dict[str, Any]) -> None:
    responses, status = operation["responses"], example["status"]
    if status == "204" and "204" not in responses:  # FastAPI believes 200 of what is not told
        responses.pop("200", None)
    told = responses.setdefault(status, {"description": "Nothing is left of it." if status == "204" else "Done."})
    if "answer" in example:
        told.setdefault("content", {}).setdefault(_JSON, {}).setdefault("example", example["answer"])
    elif "text" in example:
        told.setdefault("content", {}).setdefault(example["kind"], {}).setdefault("example", example["text"])
    if "body" in example:
        body = operation.setdefault("requestBody", {"required": False})
        body.setdefault("content", {}).setdefault(_JSON, {"schema": {"type": "object"}})
        body["content"][_JSON].setdefault("example", example["body"])


def _add_errors(responses: dict[str, Any]) -> None:
    for status, (title, detail) in _ERRORS.items():
        problem: dict[str, Any] = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
        if status == "422":
            problem["errors"] = [{"pointer": "#/role", "detail": detail}]
        told = responses.setdefault(status, {"description": title})
        told.setdefault("content", {}).setdefault(_PROBLEM, {"example": problem})
        if status == "422":
            told["content"].pop(_JSON, None)  # FastAPI's own errors, which nobody is sent
