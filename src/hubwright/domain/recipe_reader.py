"""YAML nodes checked against the format and made into plain text, lists and dicts, with every problem found."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import yaml

from hubwright.domain.recipe_shapes import Either, Items, Shape, Table, Text

Problem = tuple[int, int, str]
"""Line and column, 1-based, and a sentence."""

_MISSING: Any = object()

# What other build servers call it.
_ELSEWHERE = {"on": "when", "os": "platforms", "environment": "env", "needs": "requires"}
_ELSEWHERE |= dict.fromkeys(("command", "commands", "cmd", "script"), "run")
_ELSEWHERE |= dict.fromkeys(("steps", "jobs", "tasks", "pipeline"), "stages")
_ELSEWHERE |= dict.fromkeys(("branches", "ref"), "branch")


def place(node: yaml.Node) -> tuple[int, int]:
    """Line and column of a node, 1-based."""
    return node.start_mark.line + 1, node.start_mark.column + 1


class Reader:
    """Reads nodes by shapes; gathers what is wrong in `problems`, what is well formed but not acted on in `notices`.

    `blamed` has the node of each problem.
    The values that `read` returns can be trusted only while there are no problems.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notices: list[Problem] = []
        self.blamed: list[yaml.Node] = []

    def read(self, shape: Shape, node: yaml.Node, where: str) -> Any:
        """The node as a `str`, `list` or `dict`; `where` is the key that problems name."""
        if isinstance(shape, Either):
            return self._either(shape, node, where)
        if isinstance(shape, Text) and isinstance(node, yaml.ScalarNode):
            return self._text(shape, node, where)
        if isinstance(shape, Items) and isinstance(node, yaml.SequenceNode):
            return self._items(shape, node, where)
        if isinstance(shape, Table) and isinstance(node, yaml.MappingNode):
            return self._table(shape, node, where)
        return self._refuse(node, f"{where} must be {shape.expected}, not {_said(node)}")

    def _refuse(self, node: yaml.Node, message: str) -> Any:
        self.problems.append((*place(node), message))
        self.blamed.append(node)
        return _MISSING

    def _either(self, shape: Either, node: yaml.Node, where: str) -> Any:
        kinds = {yaml.ScalarNode: shape.text, yaml.SequenceNode: shape.items, yaml.MappingNode: shape.table}
        chosen = kinds[type(node)]
        if chosen is None:
            return self._refuse(node, f"{where} must be {shape.expected}, not {_said(node)}")
        return self.read(chosen, node, where)

    def _text(self, shape: Text, node: yaml.ScalarNode, where: str) -> Any:
        if node.value in shape.dormant:
            self.notices.append((*place(node), f"'{node.value}' in {where} is not carried out yet: it never happens"))
        if shape.accepts(node.value):
            return node.value
        if len(node.value) > shape.most:
            return self._refuse(node, f"{where} is too long: at most {shape.most} characters")
        near = _meant(node.value, shape.choices)
        return self._refuse(node, f"{where} must be {shape.expected}, not {_said(node)}{near}")

    def _items(self, shape: Items, node: yaml.SequenceNode, where: str) -> Any:
        if not shape.least <= len(node.value) <= shape.most:
            return self._refuse(node, f"{where} must have {shape.least} to {shape.most} items, not {len(node.value)}")
        if shape.distinct:
            self._check_distinct(node)
        return [self.read(shape.item, item, where) for item in node.value]

    def _check_distinct(self, node: yaml.SequenceNode) -> None:
        lines: dict[str, int] = {}
        for item in node.value:
            for key, _ in item.value if isinstance(item, yaml.MappingNode) else ():
                name = key.value.casefold() if isinstance(key, yaml.ScalarNode) else ""
                if name in lines:
                    self._refuse(key, f"the name {_said(key)} is taken: it is on line {lines[name]} too")
                lines.setdefault(name, place(key)[0])

    def _table(self, shape: Table, node: yaml.MappingNode, where: str) -> Any:
        if len(node.value) > shape.most:
            return self._refuse(node, shape.surplus or f"{where} must have at most {shape.most} keys")
        if len(node.value) < shape.least:
            return self._refuse(node, f"{where} must be {shape.expected}, not empty")
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, f"a key of {where} must be plain text, not {_said(key)}")
            elif key.value in values:
                self._refuse(key, f"the key {_said(key)} is given twice")
            else:
                values[key.value] = self._entry(shape, key, value, where)
        for name in shape.required:
            if name not in values:
                self._refuse(node, f"{where} must have the key `{name}`")
        return values

    def _entry(self, shape: Table, key: yaml.ScalarNode, value: yaml.Node, where: str) -> Any:
        name: str = key.value
        if known := shape.fields.get(name):
            if known.later:
                self.notices.append((*place(key), f"`{name}` is not carried out yet: {known.later}"))
            return self.read(known.shape, value, f"`{name}`")
        if shape.names is None or shape.values is None:
            return self._refuse(key, f"unknown key {_said(key)} in {where}{_meant(name, tuple(shape.fields))}")
        if not shape.names.accepts(name):
            return self._refuse(key, f"{_said(key)} in {where} is not {shape.names.expected}")
        return self.read(shape.values, value, f"`{name}`")


def _said(node: yaml.Node) -> str:
    """What was written, short enough for one line."""
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if not node.value.strip():
        return "empty"
    text = "".join(c if c.isprintable() else " " for c in node.value[:61])
    return f"'{text}'" if len(text) <= 60 else f"'{text[:59]}…'"


def _meant(written: str, known: tuple[str, ...]) -> str:
    other = _ELSEWHERE.get(written.lower())
    near = [other] if other in known else get_close_matches(written[:60].lower(), known, n=1)
    return f", did you mean '{near[0]}'?" if near else ""
