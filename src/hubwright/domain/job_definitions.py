"""Definitions of jobs and folders: read from JSON or YAML into one canonical document, and written back.

A document is sparse: it has what somebody said, in the form in which it is stored, sent and compared. Times are seconds
or days, lists are lists also where one text may be written, names are those of `job_format`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from hubwright.domain.job_checks import find_contradictions
from hubwright.domain.job_format import ALIASES, FOLDER, JOB
from hubwright.domain.job_nodes import Form, Tree, grow
from hubwright.domain.job_stages import write_recipe, write_yaml
from hubwright.domain.recipe_reader import Reader
from hubwright.errors import DefinitionError

Document = dict[str, Any]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RECIPE_KINDS = ("text", "path", "detect", "stages")


def read_definition(
    source: str | bytes | Mapping[str, Any], form: Form | None = None, *, folder: bool = False
) -> Document:
    """The canonical document that a text, or JSON that has been read already, says; null says nothing.

    Raises DefinitionError with all that is wrong.
    """
    return read_tree(grow(source, form), folder=folder)


def read_tree(tree: Tree, *, folder: bool = False) -> Document:
    """As `read_definition`, of a tree that has been grown; its keys get the names of the format."""
    root = _rename(tree)
    reader = Reader()
    data = reader.read(FOLDER if folder else JOB, root, "the definition")
    problems = [tree.blame(node, message) for node, (_, _, message) in zip(reader.blamed, reader.problems, strict=True)]
    if not problems:
        document = _make(data)
        found = find_contradictions(document, data)
        problems = [tree.blame(tree.find(path), message) for path, message in found]
    if problems:
        raise DefinitionError(sorted(problems, key=lambda one: (one.line or 0, one.column or 0)))
    return document


def write_definition(document: Mapping[str, Any], form: Form) -> str:
    """The document as a text that `read_definition` reads as the same document; keys in the order of the format."""
    order = {key: at for at, key in enumerate(JOB.fields)}
    sorted_keys = sorted(document, key=lambda key: order.get(key, len(order)))
    ordered = {key: document[key] for key in sorted_keys}
    if form == "json":
        return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    return write_yaml(ordered)


def _rename(tree: Tree) -> yaml.Node:
    """The tree with the keys of the format: other names replaced, `settings` and `recipe_path` put in place."""
    pairs: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in tree.root.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "settings" and isinstance(value, yaml.MappingNode):
            pairs += value.value
        else:
            pairs.append((key, value))
    names = {key.value for key, _ in pairs if isinstance(key, yaml.ScalarNode)}
    renamed: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in pairs:
        if not isinstance(key, yaml.ScalarNode):
            renamed.append((key, value))
        elif key.value == "recipe_path":
            renamed += [] if "recipe" in names else [(_like(tree, key, "recipe"), _below(tree, "path", value))]
        else:
            renamed.append((_like(tree, key), _rename_hooks(tree, key, value)))
    tree.root.value = renamed
    return tree.root


def _rename_hooks(tree: Tree, key: yaml.ScalarNode, value: yaml.Node) -> yaml.Node:
    """The stages of a job file have hooks too."""
    if key.value == "stages" and isinstance(value, yaml.SequenceNode):
        for item in value.value:
            if isinstance(item, yaml.MappingNode):
                item.value = [(_like(tree, name), said) for name, said in item.value]
    return value


def _like(tree: Tree, key: yaml.Node, name: str | None = None) -> yaml.Node:
    """A key that stands where another did: of this name, or of the one that it is another name for."""
    if not isinstance(key, yaml.ScalarNode):
        return key
    name = name or ALIASES.get(key.value, key.value)
    node = yaml.ScalarNode("", name, key.start_mark, key.end_mark, style=key.style)
    tree.keep(node, key)
    return node


def _below(tree: Tree, name: str, value: yaml.Node) -> yaml.Node:
    """A mapping that has only this value."""
    key = yaml.ScalarNode("", name, value.start_mark, value.end_mark)
    node = yaml.MappingNode("", [(key, value)], value.start_mark, value.end_mark)
    tree.keep(key, value)
    tree.keep(node, value)
    return node


def _make(data: Mapping[str, Any]) -> Document:
    """The canonical document of what the reader has read as texts, lists and mappings."""
    document = {key: _MAKERS.get(key, _same)(value) for key, value in data.items() if key != "stages"}
    if "stages" in data and "recipe" not in data:
        document["recipe"] = {"text": write_recipe(data["stages"])}
    return document


def _same(value: Any) -> Any:
    return value


def _flag(value: str) -> bool:
    return value == "true"


def _seconds(value: str) -> int:
    return int(value) if value.isdigit() else int(value[:-1]) * _SECONDS[value[-1]]


def _many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _numbers(value: Mapping[str, str]) -> dict[str, int]:
    return {key: int(one) for key, one in value.items()}


def _lists(value: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    return {key: _many(one) for key, one in value.items()}


def _recipe(value: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(value, str):
        if value.strip() == "detect":
            return {"detect": True}
        inline = "\n" in value or ":" in value or value.lstrip().startswith("{")
        return {"text": value} if inline else {"path": value.strip()}
    if "stages" in value:
        return {"text": write_yaml(value)}
    return {key: True if key == "detect" else one for key, one in value.items() if key in _RECIPE_KINDS}


def _parameters(value: list[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
    items = [{"name": name, **said} for name, said in value.items()] if isinstance(value, Mapping) else value
    return [_parameter(item) for item in items]


def _parameter(item: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": item.get("name") or _name_of(item.get("title", ""))}
    for key, maker in (("title", _same), ("type", _same), ("required", _flag), ("default", _same), ("allowed", _many)):
        if key in item:
            made[key] = maker(item[key])
    return made


def _name_of(title: str) -> str:
    """Job files name a parameter by its title only: that is the variable, in capitals if it was none."""
    if title.isidentifier() and title.isascii():
        return title
    return "".join(char.upper() if char.isascii() and char.isalnum() else "_" for char in title).strip("_")


def _triggers(value: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, said in value.items():
        if key == "poll":
            made[key] = said == "true" if said in {"true", "false"} else _seconds(said)
        elif key == "schedule":
            made[key] = [{"cron": one} if isinstance(one, str) else dict(one) for one in _items(said)]
        elif key == "after":
            made[key] = [{"job": one} if isinstance(one, str) else dict(one) for one in _items(said)]
        else:
            made[key] = {"true": ["**"], "false": []}.get(said, [said]) if isinstance(said, str) else said
    return made


def _items(said: str | list[Any] | Mapping[str, Any]) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _retention(value: Mapping[str, str]) -> dict[str, int]:
    return {key: int(one.removesuffix("d")) for key, one in value.items()}


def _concurrency(value: str | Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"limit": value} if isinstance(value, str) else dict(value)
    if "limit" in made:
        made["limit"] = int(made["limit"])
    if "policy" in made:
        made["policy"] = made["policy"].replace(" ", "-").replace("_", "-")
    return made


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("enabled", "checkout", "backfill", "comment", "issue"), _flag),
    **dict.fromkeys(("secrets", "platforms", "on_start", "on_success", "on_failure"), _many),
    **dict.fromkeys(("max_commits_per_push", "max_builds", "priority"), int),
    "timeout": _seconds,
    "recipe": _recipe,
    "parameters": _parameters,
    "triggers": _triggers,
    "retention": _retention,
    "notifications": _lists,
    "concurrency": _concurrency,
    "platform_limits": _numbers,
}
