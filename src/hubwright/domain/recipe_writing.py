"""A recipe as the text of a `.hubwright.yml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

ORDER = (
    "version", "name", "when", "platforms", "labels", "matrix", "env", "secrets", "image", "services", "cache",
    "network", "limits", "timeout", "stages",
)  # fmt: skip
"""Keys of the file, as a person would write them."""


class _Writer(yaml.SafeDumper):
    """Scripts as blocks, no anchors, no quotes around what only looks like a number: a recipe's values are texts."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Written out each time: who reads it need not look for the other place."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001 - PyYAML's
        """Items of lists stand below their key's first letter, as in the documentation."""
        return super().increase_indent(flow, False)


def write_recipe(recipe: Mapping[str, Any], remarks: Iterable[str] = ()) -> str:
    """The text, with the remarks as comments at its top. Reading it gives the same recipe."""
    known = {key: recipe[key] for key in ORDER if key in recipe}
    whole = _plain({**known, **{key: value for key, value in recipe.items() if key not in known}})
    body: str = yaml.dump(whole, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)
    return "".join(f"# {line}\n" for remark in remarks for line in remark.splitlines()) + body


def _plain(value: Any) -> Any:
    """Nothing but texts, lists and mappings: those of other modules would be written with their names."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)


_Writer.yaml_implicit_resolvers = {}
_Writer.add_representer(str, _text)
