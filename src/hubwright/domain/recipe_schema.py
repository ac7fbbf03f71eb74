"""The format of build files as a JSON Schema, for editors and `/schema/recipe.json`."""

from __future__ import annotations

from typing import Any

from hubwright.domain.recipe_format import FORMAT
from hubwright.domain.recipe_shapes import Either, Field, Items, Shape, Table, Text


def recipe_schema() -> dict[str, Any]:
    """A draft-07 schema (the newest that yaml-language-server knows) without `$id`, which the server sets."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Hubwright build file (.hubwright.yml)",
        **shape_schema(FORMAT),
    }


def shape_schema(shape: Shape) -> dict[str, Any]:
    """The schema of any format that is described in shapes."""
    match shape:
        case Text():
            return _text(shape)
        case Items():
            return {"type": "array", "items": shape_schema(shape.item), "minItems": shape.least, "maxItems": shape.most}
        case Table():
            return _table(shape)
        case Either():
            return {"anyOf": [shape_schema(way) for way in (shape.text, shape.items, shape.table) if way is not None]}


def _text(shape: Text) -> dict[str, Any]:
    # Editors turn `3.10` and `true` into numbers and booleans before they check, so these types pass where text would.
    if shape.choices:
        return {"enum": [typed for choice in shape.choices for typed in _as_typed(choice)]}
    samples = {"string": None, "number": "1", "boolean": "true", "null": ""}
    types = [name for name, sample in samples.items() if sample is None or shape.accepts(sample)]
    return {"type": types, "pattern": f"^(?:{shape.pattern})$", "maxLength": shape.most}


def _as_typed(choice: str) -> list[str | int | bool]:
    if choice.isdigit():
        return [choice, int(choice)]
    return [choice, choice == "true"] if choice in {"true", "false"} else [choice]


def _table(shape: Table) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "maxProperties": shape.most}
    if shape.least:
        schema["minProperties"] = shape.least
    if shape.required:
        schema["required"] = list(shape.required)
    if shape.fields:
        schema["properties"] = {name: _field(known) for name, known in shape.fields.items()}
    if shape.names is None or shape.values is None:
        return schema | {"additionalProperties": False}
    names = {"anyOf": [{"enum": list(shape.fields)}, _text(shape.names)]} if shape.fields else _text(shape.names)
    return schema | {"propertyNames": names, "additionalProperties": shape_schema(shape.values)}


def _field(known: Field) -> dict[str, Any]:
    later = f"Not carried out yet: {known.later}." if known.later else ""
    about = " ".join(filter(None, (known.about, later)))
    return shape_schema(known.shape) | ({"description": about} if about else {})
