"""A definition changed in parts: what is named is said anew, what is null is not said any more, the rest stays.

A change is a definition itself, in any of its forms, laid over the one that there is: so `triggers: {push: devel}` says
another thing of pushes only. It is RFC 7396 where values are inherited key by key; all others are replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hubwright.domain.job_definitions import Document, read_definition, read_tree
from hubwright.domain.job_format import ALIASES
from hubwright.domain.job_inheritance import MERGED, NAMED, OWN, Place
from hubwright.domain.job_nodes import Form, grow


def patch_definition(
    document: Mapping[str, Any], source: str | bytes | Mapping[str, Any], form: Form | None = None, *,
    folder: bool = False,
) -> Document:  # fmt: skip
    """The canonical document with the changes that a text says. `parameters` by their names change one by one.

    Raises DefinitionError: for the change, with pointers into it; for what came of it, with pointers into that.
    """
    tree = grow(source, form)
    by_name = _has_mapping(tree.root.value)
    said = read_tree(tree, folder=folder)
    merged = _lay_over(document, said, by_name=by_name)
    return read_definition(_unsay(merged, map(_place_of, tree.nulls)), "json", folder=folder)


def _has_mapping(pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Whether the parameters are written by their names, also below `settings`."""
    return any(
        (key.value == NAMED and value.id == "mapping")
        or (key.value == "settings" and value.id == "mapping" and _has_mapping(value.value))
        for key, value in pairs
    )


def _lay_over(document: Mapping[str, Any], said: Mapping[str, Any], *, by_name: bool) -> Document:
    merged = dict(document)
    for key, value in said.items():
        if key in MERGED:
            merged[key] = {**merged.get(key, {}), **value}
        elif key == NAMED and by_name:
            known = {one["name"]: one for one in merged.get(key, ())}
            changed = {one["name"]: {**known.get(one["name"], {}), **one} for one in value}
            merged[key] = list({**known, **changed}.values())
        else:
            merged[key] = value
    return merged


def _place_of(path: Place) -> Place:
    """Where a canonical document has what was written at a path; () for all settings at once."""
    path = path[1:] if path[0] == "settings" else path
    if not path:
        return ()
    return ("recipe",) if path[0] == "recipe_path" else (ALIASES.get(path[0], path[0]), *path[1:])


def _unsay(document: Document, places: Iterable[Place]) -> Document:
    """The document without what is said at these places. Nothing that is passed in is changed."""
    for place in places:
        if not place:
            document = {key: value for key, value in document.items() if key in OWN}
        elif len(place) == 1:
            document = {key: value for key, value in document.items() if key != place[0]}
        elif place[0] in document:
            document = {**document, place[0]: _without(document[place[0]], place[1:])}
    return {key: value for key, value in document.items() if value != {} or key not in MERGED}


def _without(value: Any, path: Place) -> Any:
    if isinstance(value, list):  # parameters, by name
        rest = [one for one in value if one.get("name") != path[0]] if len(path) == 1 else value
        return [_without(one, path[1:]) if len(path) > 1 and one.get("name") == path[0] else one for one in rest]
    if not isinstance(value, Mapping):
        return value
    if len(path) == 1:
        return {key: one for key, one in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])} if path[0] in value else value
