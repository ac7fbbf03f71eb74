"""A workflow of GitHub Actions as a recipe.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hubwright.domain.foreign_expressions import has_expression
from hubwright.domain.foreign_files import MAX_POINTS, Keys, Outline, Words, listed, mapping_of, ordered, texts_of
from hubwright.domain.foreign_steps import JobReader
from hubwright.errors import RecipeError

_EVENTS = {
    "push": "push",
    "pull_request": "pull_request",
    "pull_request_target": "pull_request",
    "merge_group": "pull_request",
    "release": "release",
    "schedule": "schedule",
    "workflow_dispatch": "manual",
}
_WITHOUT = {"name", "on", "jobs", "env", "defaults", "permissions", "run-name"}
"""Keys of the file that are translated, or mean nothing here."""

_HOST = re.compile(r"(ubuntu|macos|windows)-\S+")
_PLATFORMS = {"ubuntu": "linux-*", "macos": "darwin-*", "windows": "windows-*"}
_SELF_HOSTED = {"linux": "linux-*", "macos": "darwin-*", "windows": "windows-*"}


def read_workflow(workflow: Keys, job: str | None = None) -> Outline:
    """The recipe of all jobs, one after the other, or of one. Raises RecipeError when there is no such job."""
    outline = Outline()
    jobs = {name: one for name, one in mapping_of(workflow.get("jobs")).items() if isinstance(one, Keys)}
    if job is not None and job not in jobs:
        raise RecipeError("", [(1, 1, f"there is no job '{job}': {', '.join(jobs) or 'none at all'}")])
    outline.keys["when"] = _read_events(workflow.get("on"), outline)
    for key in workflow.keys() - _WITHOUT:
        outline.note(workflow[key], f"`{key}` of the workflow is left out")
    names = ordered(jobs, {name: texts_of(one.get("needs")) for name, one in jobs.items()}) if job is None else [job]
    _Workflow(workflow, outline).read({name: jobs[name] for name in names})
    return outline


class _Workflow:
    """Lays jobs one after the other: one that has no matrix runs once beside one that has."""

    def __init__(self, workflow: Keys, outline: Outline) -> None:
        self._workflow = workflow
        self._outline = outline

    def read(self, jobs: Mapping[str, Keys]) -> None:
        """Fill the outline."""
        matrices = {name: _Matrix(one, self._outline) for name, one in jobs.items()}
        leading = next((one for one in matrices.values() if one.axes), _Matrix(Keys(), self._outline))
        kept = {
            name: one for name, one in jobs.items() if not matrices[name].axes or matrices[name].axes == leading.axes
        }
        for name in jobs.keys() - kept.keys():
            self._outline.note(
                jobs[name], f"job `{name}` has another matrix: `--job {name}` makes a recipe of it alone"
            )
        self._outline.keys["matrix"] = leading.axes
        platforms = {name: matrices[name].platforms or _read_hosts(one, self._outline) for name, one in kept.items()}
        union = list(dict.fromkeys(one for some in platforms.values() for one in some))
        self._outline.keys["platforms"] = union
        if len(kept) > 1:
            self._outline.note(self._workflow["jobs"], "jobs run one after the other, in one workspace of one machine")
        for name, one in kept.items():
            chosen = platforms[name]
            rule = {"platform": chosen[0] if len(chosen) == 1 else chosen} if set(chosen) != set(union) else {}
            once = len(matrices[name].axes) < len(leading.axes) or (
                not matrices[name].platforms and bool(leading.platforms)
            )
            reader = JobReader(self._outline, self._workflow, one, name if len(kept) > 1 else "")
            reader.read(rule, once=once)
        _add_times(kept, self._outline)


class _Matrix:
    """`axes` as a recipe has them; `platforms` where an axis names the machine."""

    def __init__(self, job: Keys, outline: Outline) -> None:
        self._outline = outline
        given = mapping_of(mapping_of(job.get("strategy")).get("matrix"))
        self._machine = _find_machine_axis(job)
        self.platforms: list[str] = []
        self.axes: dict[str, Any] = {}
        matrix = mapping_of(job.get("strategy")).get("matrix")
        if isinstance(matrix, str) and has_expression(matrix):
            outline.note(matrix, "a matrix that is worked out while it runs has no counterpart: write its values")
        for key, value in given.items():
            self._add(key, value)
        self.axes = {key: value for key, value in self.axes.items() if value}

    def _add(self, key: str, value: Any) -> None:
        if key in ("include", "exclude"):
            self.axes[key] = [found for one in listed(value) if (found := self._read_point(one, key))]
        elif key == self._machine:
            self.platforms = list(dict.fromkeys(p for one in texts_of(value) for p in _read_host(one, self._outline)))
        elif any(not isinstance(one, str) for one in listed(value)):
            self._outline.note(key, f"the values of axis `{key}` are no plain texts: left out")
        else:
            self.axes[key.replace("-", "_")] = [str(one) for one in listed(value)][:MAX_POINTS]

    def _read_point(self, given: Any, kind: str) -> dict[str, Any]:
        point = {
            str(key).replace("-", "_"): value for key, value in mapping_of(given).items() if isinstance(value, Words)
        }
        machine = point.pop((self._machine or "").replace("-", "_"), None)
        if machine is None:
            return point
        if kind == "exclude":
            return {"platform": (_read_host(machine, Outline()) or ["*"])[0], **point}
        self._outline.note(given, "a point of `include` for one machine only has no counterpart: left out")
        return {}


def _find_machine_axis(job: Keys) -> str | None:
    found = re.fullmatch(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}", str(job.get("runs-on", "")))
    return found[1] if found else None


def _read_hosts(job: Keys, outline: Outline) -> list[str]:
    """Platforms of `runs-on`; its own labels become labels of the recipe."""
    said = job.get("runs-on")
    found = [
        platform for one in texts_of(mapping_of(said).get("labels") or said) for platform in _read_host(one, outline)
    ]
    return list(dict.fromkeys(found))


def _read_host(said: str, outline: Outline) -> list[str]:
    if match := _HOST.fullmatch(said):
        outline.note(said, f"`{said}` became `{_PLATFORMS[match[1]]}`: platforms are called as your builders are")
        return [_PLATFORMS[match[1]]]
    if said.lower() in _SELF_HOSTED:
        return [_SELF_HOSTED[said.lower()]]
    if has_expression(said):
        outline.note(said, f"`runs-on: {said}` has no counterpart: write the platforms")
    elif said.lower() not in ("self-hosted", "x64", "arm64"):
        outline.keys.setdefault("labels", []).append(str(said))
    return []


def _read_events(said: Any, outline: Outline) -> Any:
    """`on` as rules."""
    given = mapping_of(said) if isinstance(said, Mapping) else {str(one): "" for one in texts_of(said)}
    rules: list[dict[str, Any]] = []
    for event, details in given.items():
        if event not in _EVENTS:
            outline.note(event, f"nothing happens here on `{event}`")
        elif event == "schedule":
            crons = [str(one.get("cron")) for one in listed(details) if isinstance(one, Mapping)]
            times = crons[0] if len(crons) == 1 else json.dumps(crons)
            outline.note(event, f"times belong to the job: `hubwright job set JOB triggers.schedule='{times}'`")
            rules.append({"event": "schedule"})
        else:
            rules += _read_event(event, mapping_of(details), outline)
    unique = [rule for number, rule in enumerate(rules) if rule not in rules[:number]]
    return (unique[0] if len(unique) == 1 else unique) or None


def _read_event(event: str, details: Mapping[str, Any], outline: Outline) -> list[dict[str, Any]]:
    rule: dict[str, Any] = {"event": _EVENTS[event]}
    branches = texts_of(details.get("branches")) + [f"!{one}" for one in texts_of(details.get("branches-ignore"))]
    paths = texts_of(details.get("paths")) + [f"!{one}" for one in texts_of(details.get("paths-ignore"))]
    tags = texts_of(details.get("tags")) + [f"!{one}" for one in texts_of(details.get("tags-ignore"))]
    for key, value in (("branch", branches), ("paths", paths)):
        rule |= {key: [str(one) for one in value]} if value else {}
    if "inputs" in details:
        outline.note(
            details["inputs"], "inputs belong to the job: `parameters` in its definition, variables in its builds"
        )
    if tags and event == "push":
        of_tags = {"event": "tag", "tag": [str(one) for one in tags]}
        return [rule, of_tags] if branches else [of_tags]
    return [rule] if event != "push" or branches or paths else [rule, {"event": "tag"}]


def _add_times(jobs: Mapping[str, Keys], outline: Outline) -> None:
    """The sum of what the jobs may take, for they run one after the other."""
    minutes = [str(one.get("timeout-minutes", "")) for one in jobs.values()]
    if minutes and all(one.isascii() and one.isdigit() and int(one[:6]) > 0 for one in minutes):
        outline.keys["timeout"] = f"{sum(int(one[:6]) for one in minutes)}m"
