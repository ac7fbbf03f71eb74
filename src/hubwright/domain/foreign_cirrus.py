"""The tasks of a `.cirrus.yml` as a recipe.

https://cirrus-ci.org/guide/writing-tasks/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from hubwright.domain.foreign_expressions import join_all, write_rules
from hubwright.domain.foreign_files import (
    MAX_POINTS,
    Keys,
    Outline,
    Words,
    line_of,
    listed,
    mapping_of,
    ordered,
    texts_of,
)
from hubwright.domain.foreign_instances import INSTANCES, read_instance

_VARIABLES = {
    "CIRRUS_BRANCH": "CI_COMMIT_BRANCH", "CIRRUS_TAG": "CI_COMMIT_TAG", "CIRRUS_PR": "CI_COMMIT_PULL_REQUEST",
    "CIRRUS_CHANGE_IN_REPO": "CI_COMMIT_SHA", "CIRRUS_WORKING_DIR": "CI_WORKSPACE", "CIRRUS_REPO_NAME": "CI_REPO_NAME",
    "CIRRUS_REPO_OWNER": "CI_REPO_OWNER", "CIRRUS_REPO_FULL_NAME": "CI_REPO", "CIRRUS_BUILD_ID": "CI_PIPELINE_ID",
    "CIRRUS_BASE_BRANCH": "CI_COMMIT_TARGET_BRANCH", "CIRRUS_DEFAULT_BRANCH": "CI_REPO_DEFAULT_BRANCH",
    "CIRRUS_REPO_CLONE_URL": "CI_REPO_CLONE_URL", "CIRRUS_COMMIT_MESSAGE": "CI_COMMIT_MESSAGE",
}  # fmt: skip
_NAMED = re.compile(r"\$\{?(CIRRUS_[A-Z_]+)\}?")
_READS = re.compile(r"cat ([\w./-]+)")
_SHARED = {"env", "environment", *INSTANCES}
_QUIET = {
    "name", "alias", "env", "environment", "only_if", "skip", "depends_on", "allow_failures", "timeout_in", "matrix",
    "auto_cancellation", "skip_notifications", "on_failure", "always", "on_success", "stateful", "experimental",
    "use_compute_credits", *INSTANCES,
}  # fmt: skip
_CONDITIONS = (
    (re.compile(r"\$CIRRUS_BRANCH ==? '([^']+)'"), lambda found: {"event": "push", "branch": found[1]}),
    (re.compile(r"\$CIRRUS_BRANCH == \$CIRRUS_DEFAULT_BRANCH"), lambda _: None),
    (re.compile(r"\$CIRRUS_PR != ''"), lambda _: {"event": "pull_request"}),
    (re.compile(r"\$CIRRUS_PR == ''"), lambda _: {"event": ["push", "tag", "schedule", "manual"]}),
    (re.compile(r"\$CIRRUS_TAG != ''"), lambda _: {"event": "tag"}),
    (re.compile(r"\$CIRRUS_CRON != ''"), lambda _: {"event": "schedule"}),
    (re.compile(r"\$CIRRUS_RELEASE != ''"), lambda _: {"event": "release"}),
    (
        re.compile(r"changesInclude\(('[^']+'(?:, *'[^']+')*)\)"),
        lambda found: {"paths": re.findall(r"'([^']+)'", found[1])},
    ),
)


def read_cirrus(tasks: Keys) -> Outline:
    """The recipe of all tasks: equal ones on several platforms are one, others run one after the other."""
    outline = Outline()
    shared = {key: value for key, value in tasks.items() if key in _SHARED}
    found: dict[str, Keys] = {}
    for key, value in tasks.items():
        if key == "task" or key.endswith("_task"):
            for task in listed(value):
                for one in islice(_expand(_with_shared(shared, task)), MAX_POINTS):
                    found[_free(_name(one) or key.removesuffix("_task") or "task", found)] = one
        elif key not in _SHARED and not isinstance(value, Keys):
            outline.note(value, f"`{key}` is left out")
        elif key in ("pipe", "docker_builder") or key.endswith(("_pipe", "_docker_builder")):
            outline.note(value, f"`{key}` is left out: only tasks are translated")
    needs = {name: texts_of(task.get("depends_on")) for name, task in found.items()}
    groups = _gather({name: found[name] for name in ordered(found, needs)})
    if len(groups) > 1:
        outline.note(next(iter(found.values())), "tasks run one after the other, in one workspace of one machine")
    _write(groups, outline)
    return outline


def _with_shared(shared: Mapping[str, Any], task: Any) -> Keys:
    own = mapping_of(task)
    inherited = {} if own.keys() & INSTANCES.keys() else {key: shared[key] for key in shared.keys() & INSTANCES.keys()}
    made = Keys({**inherited, **own, "env": {**_env(shared), **_env(own)}})
    made.line = line_of(task)
    return made


def _env(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**mapping_of(given.get("env")), **mapping_of(given.get("environment"))}


def _expand(value: Any) -> Iterator[Any]:
    """Every value that a `matrix` at any depth makes of this one. https://cirrus-ci.org/guide/writing-tasks/#matrix-modification"""
    if not isinstance(value, Mapping):
        yield value
        return
    if "matrix" in value:
        rest = {key: inner for key, inner in value.items() if key != "matrix"}
        for point in listed(value["matrix"]):
            if isinstance(point, Mapping):
                yield from _expand(_keys({**rest, **point, **_joined(rest, point)}, value))
            elif not rest:
                yield point
        return
    for key, inner in value.items():
        variants = list(islice(_expand(inner), MAX_POINTS)) if isinstance(inner, Mapping) else [inner]
        if len(variants) != 1 or (variants[0] is not inner and variants[0] != inner):
            for one in variants:
                yield from _expand(_keys({**value, key: one}, value))
            return
    yield value


def _joined(rest: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    return {"env": {**_env(rest), **_env(point)}} if "env" in point or "environment" in point else {}


def _keys(values: Mapping[str, Any], at: object) -> Keys:
    made = Keys(values)
    made.line = line_of(at)
    return made


def _name(task: Mapping[str, Any]) -> str:
    """What a task is called, without what only the machine knows: `Tests` of `Tests on $CIRRUS_OS`."""
    return re.sub(r"( (on|in|for|with|at))?\W*$", "", _NAMED.sub("", str(task.get("name", "")))).strip()


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _gather(tasks: Mapping[str, Keys]) -> list[tuple[str, list[Keys]]]:
    """Tasks that do the same on several machines, together; in another image they are others."""
    groups: dict[str, tuple[str, list[Keys]]] = {}
    for name, task in tasks.items():
        same = {key: value for key, value in task.items() if key not in INSTANCES and key not in ("name", "alias")}
        image = read_instance(task, Outline()).image
        groups.setdefault(repr((same, image)), (name, []))[1].append(task)
    return list(groups.values())


def _write(groups: list[tuple[str, list[Keys]]], outline: Outline) -> None:
    machines = [[read_instance(task, outline) for task in tasks] for _, tasks in groups]
    union = list(dict.fromkeys(one.platform for some in machines for one in some if one.platform))
    outline.keys["platforms"] = union
    for (name, tasks), some in zip(groups, machines, strict=True):
        platforms = list(dict.fromkeys(one.platform for one in some if one.platform))
        rule = (
            {"platform": platforms[0] if len(platforms) == 1 else platforms} if platforms and platforms != union else {}
        )
        _Task(outline, tasks[0], name if len(groups) > 1 else "", some[0].image).read(rule)


class _Task:
    """Reads the instructions of one task into stages; `title` stands before their names where there are several."""

    def __init__(self, outline: Outline, task: Keys, title: str, image: str) -> None:
        self._outline = outline
        self._task = task
        self._title = title
        self._image = image
        self._env: dict[str, str] = {}
        self._secrets: list[str] = []
        self._last: dict[str, Any] | None = None

    def read(self, rule: dict[str, Any]) -> None:
        """Add the stages; those under `rule` only."""
        if self._task.get("trigger_type") == "manual":
            self._outline.note(self._task, f"task `{self._title}` is started by hand: left out")
            return
        rules = self._condition([rule])
        if rules is None:
            return
        self._read_env()
        for key, value in self._task.items():
            if key in ("on_failure", "always", "on_success"):
                status = {"on_failure": "failure", "always": "always", "on_success": "success"}[key]
                for inner, said in mapping_of(value).items():
                    self._read(inner, said, join_all(rules, [{"status": status}]))
            elif key not in _QUIET:
                self._read(key, value, rules)

    def _condition(self, rules: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        if skip := self._task.get("skip"):
            self._outline.note(skip, f"`skip: {skip}` is left out: say with `when` where the stages are wanted")
        said = self._task.get("only_if")
        if not said:
            return rules
        found = [_read_side(side) for side in str(said).replace('"', "'").split("||")]
        joined = join_all(rules, [one for one in found if one]) if all(found) else []
        if not joined:
            self._outline.note(said, f"`only_if: {said}` has no counterpart: the task {self._title} is left out")
            return None
        return joined

    def _read_env(self) -> None:
        for name, value in mapping_of(self._task.get("env")).items():
            if str(value).startswith("ENCRYPTED["):
                self._outline.note(value, f"`{name}` is a secret: `hubwright secret set {name}` keeps its value")
                self._secrets.append(str(name))
            elif isinstance(value, Words):
                self._env[str(name)] = str(value)

    def _read(self, key: str, value: Any, rules: list[dict[str, Any]]) -> None:
        kind = key.rpartition("_")[2]
        if key == "script" or (kind == "script" and not key.endswith("background_script")):
            self._add_script(key.removesuffix("_script"), value, rules)
        elif kind == "cache":
            self._add_cache(mapping_of(value))
        elif kind == "artifacts":
            self._add_artifacts(key, value, rules)
        else:
            self._outline.note(value, f"`{key}` is left out")

    def _add_script(self, name: str, value: Any, rules: list[dict[str, Any]]) -> None:
        if name == "clone":
            self._outline.note(value, "`clone_script` is left out: the builder checks out the commit")
            return
        lines = [self._translate(one) for one in texts_of(value)]
        self._last = self._outline.add_stage(
            f"{self._title} {name}".strip(),
            "\n".join(lines).rstrip("\n"),
            env=dict(self._env),
            secrets=list(self._secrets),
            when=write_rules(rules),
            image=self._image,
            timeout=_read_time(str(self._task.get("timeout_in", ""))),
            allow_failure="true" if self._task.get("allow_failures") == "true" else None,
        )

    def _translate(self, text: Words) -> str:
        def put(found: re.Match[str]) -> str:
            known = _VARIABLES.get(found[1])
            if known is None:
                self._outline.note(text, f"`{found[1]}` has no counterpart: put what is meant in its place")
            return "${" + known + "}" if known else found[0]

        return _NAMED.sub(put, text)

    def _add_cache(self, given: Mapping[str, Any]) -> None:
        folders = [str(one) for one in texts_of(given.get("folders") or given.get("folder"))]
        if folders:
            caches = self._outline.keys.setdefault("cache", [])
            cache = {"paths": [one.replace("$HOME/", "~/") for one in folders]}
            caches += [cache] if cache not in caches else []
        for key in ("fingerprint_script", "fingerprint_key", "populate_script"):
            if key in given:
                self._outline.note(given[key], f"the cache's `{key}` is left out: `files` names what makes a new one")

    def _add_artifacts(self, key: str, value: Any, rules: list[dict[str, Any]]) -> None:
        given = mapping_of(value)
        paths = [str(one).removeprefix("./") for one in texts_of(given.get("paths") or given.get("path") or value)]
        usable = [one for one in paths if not one.startswith(("/", "$", "~"))]
        if self._last is None or len(usable) < len(paths) or not usable:
            self._outline.note(value, f"`{key}` is left out: say `artifacts` at a stage")
            return
        self._last.setdefault("artifacts", {"paths": []})["paths"] += usable
        if any(rule.get("status") == "always" for rule in rules):
            self._last["artifacts"]["status"] = "always"
        if given.get("format") == "junit":
            self._last["reports"] = usable


def _read_side(text: str) -> dict[str, Any] | None:
    joined: list[dict[str, Any]] = [{}]
    for clause in text.split("&&"):
        match = next(
            ((found, make) for pattern, make in _CONDITIONS if (found := pattern.fullmatch(clause.strip()))), None
        )
        rule = None if match is None else match[1](match[0])
        joined = join_all(joined, [rule]) if rule else []
    return joined[0] if joined else None


def _read_time(said: str) -> str | None:
    return (
        said
        if re.fullmatch(r"[1-9]\d{0,4}[smh]", said)
        else f"{said}m"
        if re.fullmatch(r"[1-9]\d{0,4}", said)
        else None
    )
