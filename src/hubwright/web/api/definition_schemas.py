"""The shapes of definitions in the API's description: whole ones, as PUT takes them, and changes, as PATCH does.

They are those that `/schema/job.json` and `/schema/folder.json` publish; OpenAPI 3.1 takes JSON Schema as it is.
"""

from __future__ import annotations

from typing import Any

from hubwright.domain.job_schema import change_schema, job_schema

_PLACE = "#/components/schemas/"


def refer_to(name: str) -> dict[str, str]:
    """A reference to one of the shapes: Job, Folder, JobChange, FolderChange."""
    return {"$ref": _PLACE + name}


def make_schemas() -> dict[str, Any]:
    """The shapes by name, each part once."""
    job = {key: value for key, value in job_schema().items() if key != "$schema"}
    made = {"Job": job}
    others = {
        "Folder": job_schema(folder=True),
        "JobChange": change_schema(),
        "FolderChange": change_schema(folder=True),
    }
    for name, schema in others.items():
        properties = {key: _share(key, part, job["properties"]) for key, part in schema["properties"].items()}
        made[name] = {key: value for key, value in schema.items() if key != "$schema"} | {"properties": properties}
    return made


def _share(key: str, part: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The part, by reference where jobs have the same."""
    if part == known[key]:
        return refer_to(f"Job/properties/{key}")
    ways = part.get("anyOf", [])
    if ways[:1] == [known[key]]:
        return {**part, "anyOf": [refer_to(f"Job/properties/{key}"), *ways[1:]]}
    return part
