"""Stages to JSON and back: the same form on the wire and in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from hubwright.domain.recipe_values import Files, Rule, Stage
from hubwright.errors import WireError


def stage_to_json(stage: Stage) -> dict[str, Any]:
    """The stage as what JSON can hold, defaults left out; `stage_from_json` gives an equal stage back."""
    return {key.name: _plain(value) for key in fields(stage) if (value := getattr(stage, key.name)) != _default(key)}


def stage_from_json(data: Mapping[str, Any]) -> Stage:
    """The stage of `stage_to_json`; WireError when it has another form (written by a newer version)."""
    try:
        values = {key: _tuple(value) for key, value in data.items()}
        if "when" in values:
            values["when"] = tuple(_rule(rule) for rule in data["when"])
        if values.get("artifacts") is not None:
            values["artifacts"] = Files(**{key: _tuple(value) for key, value in data["artifacts"].items()})
        return Stage(**values)
    except (TypeError, AttributeError) as error:
        raise WireError(f"a stage has a form that this version does not know: {error}") from error


def _rule(data: Mapping[str, Any]) -> Rule:
    values = {key: _tuple(value) for key, value in data.items()}
    if "matrix" in values:
        values["matrix"] = {axis: tuple(patterns) for axis, patterns in data["matrix"].items()}
    return Rule(**values)


def _default(key: Field[Any]) -> Any:
    return key.default_factory() if key.default_factory is not MISSING else key.default


def _plain(value: Any) -> Any:
    if isinstance(value, Rule | Files):
        return {key.name: _plain(v) for key in fields(value) if (v := getattr(value, key.name)) != _default(key)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
