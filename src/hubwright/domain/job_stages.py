"""Stages in the manner of system 2's job files, as a recipe; and the commands that a job runs around every recipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

import yaml

from hubwright.domain.planning import PlannedRun, PlannedStage
from hubwright.domain.recipe_values import Rule, Stage

_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_LONGEST = 64
"""Characters of a stage's name in a recipe."""


def write_recipe(stages: Sequence[Mapping[str, Any]]) -> str:
    """A recipe's text that runs `{title, steps: [{title, command, ignoreExitCode}], on_start, on_success, on_failure}`.

    A stage's commands are one script: each step in a shell of its own under a heading, the first that fails ends the
    stage; whether `on_…` fail makes no difference.
    """
    names: list[str] = []
    made: list[dict[str, str]] = []
    for stage in stages:
        names.append(_free_name(stage["title"], names))
        made.append({names[-1]: _write_script(stage)})
    return write_yaml({"stages": made})


def add_hooks(
    run: PlannedRun,
    on_start: Sequence[str],
    on_success: Sequence[str],
    on_failure: Sequence[str],
    secrets: tuple[str, ...] = (),
) -> PlannedRun:
    """The run with a job's own commands as stages before and after; whether they fail makes no difference."""
    stages = [planned.stage for planned in run.stages]
    after: list[Stage] = []
    for name, commands, status in (("on success", on_success, "success"), ("on failure", on_failure, "failure")):
        after += _hook(name, commands, status, [*stages, *after])
    before = _hook("on start", on_start, "always", [*stages, *after])
    first, last = (
        tuple(PlannedStage(stage=replace(stage, secrets=secrets)) for stage in hooks) for hooks in (before, after)
    )
    return replace(run, stages=(*first, *run.stages, *last))


def write_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML that people like to read: texts of several lines as they are, no references."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _BREAKS.search(text):  # as they are, they would be read as the end of a line
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def _hook(name: str, commands: Sequence[str], status: str, stages: Iterable[Stage]) -> list[Stage]:
    if not commands:
        return []
    free = _free_name(name, [stage.name for stage in stages])
    rules = (Rule(status=status),) if status != "always" else ()
    return [Stage(name=free, run="\n".join(commands), when=rules, allow_failure=True)]


def _write_script(stage: Mapping[str, Any]) -> str:
    steps = stage["steps"]
    hooks = [stage.get(name, []) for name in ("on_start", "on_success", "on_failure")]
    if len(steps) == 1 and not any(hooks) and steps[0].get("ignoreExitCode") != "true":
        return str(steps[0]["command"])
    lines = ["set +eu", *(_apart(command) for command in hooks[0]), "(", "set -e"]
    for step in steps:
        if step.get("title"):
            lines.append(f"printf '%s\\n' {quote('::group::' + step['title'])}")
        lines.append(_apart(step["command"], " || :" if step.get("ignoreExitCode") == "true" else ""))
    lines += [")", "hubwright_status=$?"]
    for test, commands in (("-eq", hooks[1]), ("-ne", hooks[2])):
        if commands:
            lines += [f'if [ "$hubwright_status" {test} 0 ]; then', *map(_apart, commands), "fi"]
    return "\n".join([*lines, 'exit "$hubwright_status"'])


def _apart(command: str, after: str = "") -> str:
    """The command in a shell of its own, so that nothing of it but its end is seen by the next one."""
    return f"(\n{command}\n){after}"


def _free_name(title: str, taken: Iterable[str]) -> str:
    """The title as a stage may be named, with a number when that is taken."""
    allowed = "".join(char if char.isascii() and (char.isalnum() or char in " ._-") else "-" for char in title)
    name = allowed.strip(" ._-")[:_LONGEST] or "stage"
    used = {one.casefold() for one in taken}
    count = 1
    free = name
    while free.casefold() in used:
        count += 1
        free = f"{name[: _LONGEST - 5]} {count}"
    return free
