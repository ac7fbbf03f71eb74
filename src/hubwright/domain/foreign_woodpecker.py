"""A workflow of Woodpecker as a recipe; its variables `CI_…` have the same names here.

https://woodpecker-ci.org/docs/usage/workflow-syntax
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hubwright.domain.foreign_expressions import join_all, write_rules
from hubwright.domain.foreign_files import (
    Keys,
    Outline,
    Words,
    listed,
    mapping_of,
    ordered,
    texts_of,
    write_export,
)

_EVENTS = {
    "push": "push",
    "pull_request": "pull_request",
    "tag": "tag",
    "release": "release",
    "cron": "schedule",
    "manual": "manual",
}
_FILE_KEYS = {"when", "steps", "services", "matrix", "labels", "variables"}
_STEP_KEYS = {
    "name", "image", "commands", "environment", "when", "depends_on", "failure", "directory", "pull", "secrets",
    "settings", "detach", "entrypoint",
}  # fmt: skip
_PLATFORMS = {"linux": "linux-*", "darwin": "darwin-*", "windows": "windows-*", "freebsd": "freebsd-*"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_woodpecker(workflow: Keys) -> Outline:
    """The recipe of one workflow file."""
    outline = Outline()
    for key in workflow.keys() - _FILE_KEYS:
        outline.note(workflow[key], f"`{key}` of the workflow is left out")
    rules = _read_when(workflow.get("when"), outline, "the workflow")
    outline.keys["when"] = write_rules(rules) if rules else None
    _read_labels(mapping_of(workflow.get("labels")), outline)
    points = _read_matrix(workflow.get("matrix"), outline)
    _read_services(workflow.get("services"), outline)
    steps = dict(_named(workflow.get("steps")))
    needs = {name: texts_of(step.get("depends_on")) for name, step in steps.items()}
    for name in ordered(steps, needs) if any(needs.values()) else steps:
        _read_step(name, steps[name], points, outline)
    return outline


def _named(given: Any) -> list[tuple[str, Keys]]:
    """Steps or services by name, whether they are written as a mapping or as a list."""
    if isinstance(given, Mapping):
        return [(str(name), one) for name, one in given.items() if isinstance(one, Keys)]
    return [
        (str(one.get("name", f"step {number}")), one)
        for number, one in enumerate(listed(given), 1)
        if isinstance(one, Keys)
    ]


def _read_step(name: str, step: Keys, axes: list[str], outline: Outline) -> None:
    for key in step.keys() - _STEP_KEYS:
        outline.note(step[key], f"step `{name}`: `{key}` is left out")
    commands = texts_of(step.get("commands"))
    if not commands or "settings" in step:
        outline.note(step, f"step `{name}` is a plugin: say with a command what it does")
        return
    if step.get("detach") == "true":
        outline.note(step, f"step `{name}` is detached: make it one of `services`")
        return
    rules = _read_when(step.get("when"), outline, f"step `{name}`")
    if rules is None:
        return
    env, exports, secrets = _read_variables(step, name, outline)
    exports = [write_export(axis, f"${{MATRIX_{axis.upper()}}}") for axis in axes] + exports
    outline.add_stage(
        name,
        "\n".join([*exports, *commands]),
        dir=str(step.get("directory", "")).removeprefix("./") or None,
        env=env,
        when=write_rules(rules),
        allow_failure="true" if step.get("failure") == "ignore" else None,
        image=str(step.get("image", "")),
        secrets=secrets,
    )


def _read_variables(step: Keys, name: str, outline: Outline) -> tuple[dict[str, str], list[str], list[str]]:
    """Plain ones; lines that rename secrets; secrets."""
    plain, exports = {}, []
    secrets = [str(one).upper() for one in texts_of(step.get("secrets"))]
    given = step.get("environment")
    pairs = given.items() if isinstance(given, Mapping) else [one.partition("=")[::2] for one in texts_of(given)]
    for key, value in pairs:
        secret = str(mapping_of(value).get("from_secret", ""))
        if secret and _VARIABLE.fullmatch(secret):
            secrets.append(secret)
            exports += [write_export(key, "${" + secret + "}")] if secret != key else []
        elif isinstance(value, str) and not value.startswith("${"):
            plain[str(key)] = str(value)
        elif isinstance(value, str):
            exports.append(write_export(key, value))
        else:
            outline.note(value, f"step `{name}`: the variable `{key}` is no text: left out")
    return plain, exports, list(dict.fromkeys(secrets))


def _read_when(said: Any, outline: Outline, what: str) -> list[dict[str, Any]] | None:
    """Rules of which one must hold; None, with a note, where they say what no rule can."""
    if not said:
        return [{}]
    found: list[dict[str, Any]] = []
    for one in listed(said):
        found += join_all([{}], _read_rule(mapping_of(one), outline, what) or [])
    if not found:
        outline.note(said, f"{what}: its `when` has no counterpart, so it is left out")
        return None
    return found


def _read_rule(rule: Mapping[str, Any], outline: Outline, what: str) -> list[dict[str, Any]] | None:
    made: dict[str, Any] = {}
    for key, value in rule.items():
        match key:
            case "event":
                events = [_EVENTS[one] for one in map(str, texts_of(value)) if one in _EVENTS]
                if not events:
                    return None
                made["event"] = events
            case "branch" | "tag":
                made[key] = _with_exclusions(value)
            case "path":
                made["paths"] = _with_exclusions(value)
            case "status":
                status = texts_of(value)
                made["status"] = "always" if len(status) > 1 else "".join(status) or "success"
            case "matrix":
                made["matrix"] = {str(axis).lower(): str(one) for axis, one in mapping_of(value).items()}
            case "platform":
                made["platform"] = [_read_platform(one) for one in texts_of(value)]
            case _:
                outline.note(key, f"{what}: `{key}` in `when` has no counterpart")
                return None
    return [{key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in made.items()}]


def _with_exclusions(value: Any) -> list[str]:
    given = mapping_of(value)
    if not given:
        return [str(one) for one in texts_of(value)]
    return [str(one) for one in texts_of(given.get("include"))] + [f"!{one}" for one in texts_of(given.get("exclude"))]


def _read_platform(said: str) -> str:
    return _PLATFORMS.get(said.partition("/")[0], said)


def _read_labels(labels: Mapping[str, Any], outline: Outline) -> None:
    for key, value in labels.items():
        if key == "platform" and isinstance(value, Words):
            outline.keys["platforms"] = [_read_platform(value)]
            outline.note(
                value, f"`{value}` became `{_read_platform(value)}`: platforms are called as your builders are"
            )
        else:
            outline.note(
                key, f"the label `{key}={value}` is left out: `labels` of the recipe are those of your builders"
            )


def _read_matrix(said: Any, outline: Outline) -> list[str]:
    """The matrix; the names of its axes as the commands know them."""
    matrix = mapping_of(said)
    include = [mapping_of(one) for one in listed(matrix.get("include"))]
    axes = [str(key) for key in matrix if key != "include"] or list(
        dict.fromkeys(str(k) for one in include for k in one)
    )
    made: dict[str, Any] = {
        axis.lower(): [str(one) for one in texts_of(matrix.get(axis))] for axis in axes if axis in matrix
    }
    if include:
        made["include"] = [{str(key).lower(): str(value) for key, value in point.items()} for point in include]
    outline.keys["matrix"] = made
    return axes


def _read_services(said: Any, outline: Outline) -> None:
    for name, given in _named(said):
        service: dict[str, Any] = {"image": str(given.get("image", ""))}
        env = {str(k): str(v) for k, v in mapping_of(given.get("environment")).items() if isinstance(v, Words)}
        service |= {"env": env} if env else {}
        commands = texts_of(given.get("commands"))
        service |= {"command": "\n".join(commands)} if commands else {}
        outline.keys.setdefault("services", {})[name.lower()] = service
        if "ports" in given or len(env) < len(mapping_of(given.get("environment"))):
            outline.note(given, f"service `{name}`: ports and secrets are left out; stages reach it by its name")
