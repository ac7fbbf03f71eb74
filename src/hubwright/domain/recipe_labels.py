"""Labels that name axes of the matrix: `board-$MATRIX_BOARD` is another label at each point."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from hubwright.domain.recipe_reader import Problem, place

LABEL = r"[A-Za-z0-9][A-Za-z0-9._:/=+-]*"
"""What a builder's label looks like."""

_AXIS = re.compile(r"\$MATRIX_([A-Z0-9_]+)")


def labels_at(labels: Iterable[str], point: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that a run at this point wants; those that name an axis which it does not have fall away."""
    values = {axis.upper(): value for axis, value in point.items()}
    fitting = (label for label in labels if set(_AXIS.findall(label)) <= values.keys())
    return tuple(sorted({_AXIS.sub(lambda found: values[found[1]], label) for label in fitting}))


def check_labels(data: Mapping[str, Any], node: yaml.Node) -> list[Problem]:
    """Problems of labels that name what is no axis, or an axis with a value that no label can have."""
    said = next((value for key, value in node.value if key.value == "labels"), None)
    if said is None:
        return []
    values = _values(data.get("matrix", {}))
    items = said.value if isinstance(said, yaml.SequenceNode) else [said]
    return [(*place(item), problem) for item in items for problem in _problems(item.value, values)]


def _values(matrix: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each axis may be, `include` counted; axes in capitals, as variables have them."""
    values: dict[str, list[str]] = {}
    axes = [(axis, found) for axis, found in matrix.items() if axis not in {"include", "exclude"}]
    for axis, found in (*axes, *((axis, [one]) for point in matrix.get("include", ()) for axis, one in point.items())):
        values.setdefault(axis.upper(), []).extend(found)
    return values


def _problems(label: str, values: Mapping[str, list[str]]) -> Iterable[str]:
    for axis in dict.fromkeys(_AXIS.findall(label)):
        if axis not in values:
            yield f"the label `{label}` names '{axis.lower()}', which is no axis of the matrix"
        for value in values.get(axis, ()):
            if not re.fullmatch(LABEL, value):
                yield f"`{value}` of the axis '{axis.lower()}' can't be in a label (letters, digits and . _ : / = + -)"
