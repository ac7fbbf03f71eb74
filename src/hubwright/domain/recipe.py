"""A build file's text, read into a recipe, with every problem in it found and placed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from hubwright.domain.limits import Limits, read_size
from hubwright.domain.recipe_format import FORMAT, MAX_RUN_STAGES, MAX_RUNS
from hubwright.domain.recipe_labels import check_labels
from hubwright.domain.recipe_matrix import count_points
from hubwright.domain.recipe_nodes import read_nodes, read_text
from hubwright.domain.recipe_reader import Problem, Reader, place
from hubwright.domain.recipe_services import check_services, make_services
from hubwright.domain.recipe_values import CONTAINER, Cache, Files, Matrix, Recipe, Rule, Stage
from hubwright.errors import RecipeError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_recipe(text: str | bytes, file: str = ".hubwright.yml") -> Recipe:
    """The recipe that the text says; RecipeError with all problems, in the order of the file."""
    return inspect_recipe(text, file)[0]


def inspect_recipe(text: str | bytes, file: str = ".hubwright.yml") -> tuple[Recipe, list[Problem]]:
    """The recipe, and with their places the notices that its `warnings` tell; RecipeError as `read_recipe`."""
    node = read_nodes(read_text(text, file), file)
    reader = Reader()
    data = reader.read(FORMAT, node, "the file")
    problems = reader.problems or _contradictions(data, node)
    if problems:
        raise RecipeError(file, sorted(problems, key=lambda problem: problem[:2]))
    notices = sorted(set(reader.notices))
    warnings = tuple(f"{file}:{line}: {message}" for line, _, message in notices)
    return _recipe(data, file, warnings), notices


def _contradictions(data: Mapping[str, Any], node: yaml.Node) -> list[Problem]:
    """Problems between values that are each well formed."""
    problems = check_services(data, node, has_image=_has_image(data)) + check_labels(data, node)
    return problems + (_check_matrix(data, node) if "matrix" in data else [])


def _check_matrix(data: Mapping[str, Any], node: yaml.Node) -> list[Problem]:
    where = next(value for key, value in node.value if key.value == "matrix")
    matrix = _matrix(data["matrix"])
    problems: list[Problem] = []
    runs = count_points(matrix) * max(1, len(_many(data.get("platforms"))))
    if runs > MAX_RUNS:
        problems.append((*place(where), f"the matrix makes {runs} runs, platforms counted; at most {MAX_RUNS}"))
    elif runs * len(data["stages"]) > MAX_RUN_STAGES:
        message = (
            f"{runs} runs of {len(data['stages'])} stages are too many: at most {MAX_RUN_STAGES} stages in all runs"
        )
        problems.append((*place(where), message))
    folded = [name.upper() for name in matrix.axes]
    if len(set(folded)) < len(folded):
        problems.append((*place(where), "two axes have names that differ only in case"))
    known = {"platform", *matrix.axes, *(name for point in matrix.include for name in point)}
    unknown = sorted({name for point in matrix.exclude for name in point} - known)
    problems += [(*place(where), f"`exclude` names '{name}', which is no axis of the matrix") for name in unknown]
    return problems


def _recipe(data: Mapping[str, Any], file: str, warnings: tuple[str, ...]) -> Recipe:
    return Recipe(
        stages=tuple(_stage(name, said, data) for item in data["stages"] for name, said in item.items()),
        name=data.get("name"),
        when=_rules(data.get("when")),
        platforms=_many(data.get("platforms")),
        labels=_labels(data),
        matrix=_matrix(data.get("matrix", {})),
        env=data.get("env", {}),
        secrets=_many(data.get("secrets")),
        timeout=_seconds(data.get("timeout")),
        network=data.get("network") != "false",
        limits=_limits(data.get("limits", {})),
        cancel=data.get("cancel", "superseded"),
        cache=_all_caches(data),
        services=make_services(data.get("services")),
        origin=file,
        warnings=warnings,
    )


def _labels(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Each once, in an order that is always the same: they name a queue. Not every builder has containers."""
    return tuple(sorted({*_many(data.get("labels")), *([CONTAINER] if _has_image(data) else [])}))


def _has_image(data: Mapping[str, Any]) -> bool:
    stages = [said for item in data["stages"] for said in item.values()]
    return "image" in data or any("image" in said for said in stages if not isinstance(said, str))


def _stage(name: str, said: str | Mapping[str, Any], file: Mapping[str, Any]) -> Stage:
    data: Mapping[str, Any] = {"run": said} if isinstance(said, str) else said
    return Stage(
        name=name,
        run="\n".join(_many(data["run"])),
        kind=data.get("kind"),
        shell=data.get("shell", "sh"),
        dir=data.get("dir", "."),
        env=data.get("env", {}),
        secrets=_many(data.get("secrets")),
        when=_rules(data.get("when")),
        timeout=_seconds(data.get("timeout")),
        idle_timeout=_seconds(data.get("idle_timeout")),
        retry=int(data.get("retry", "0")),
        allow_failure=data.get("allow_failure") == "true",
        once=data.get("once") == "true",
        artifacts=_files(data["artifacts"]) if "artifacts" in data else None,
        reports=_many(data.get("reports")),
        network=data.get("network", file.get("network")) != "false",
        image=data.get("image", file.get("image")),
    )


def _rules(said: Mapping[str, Any] | list[Mapping[str, Any]] | None) -> tuple[Rule, ...]:
    return tuple(_rule(rule) for rule in ([said] if isinstance(said, Mapping) else said or ()))


def _rule(data: Mapping[str, Any]) -> Rule:
    keys = ("event", "branch", "tag", "paths", "platform", "label")
    values = {key: _many(data.get(key)) for key in keys}
    if "schedule" in data:  # such a rule must not hold for what else happens
        values["event"] = ("schedule",)
    matrix = {axis: _many(patterns) for axis, patterns in data.get("matrix", {}).items()}
    return Rule(**values, matrix=matrix, status=data.get("status"))


def _files(said: str | list[str] | Mapping[str, Any]) -> Files:
    data: Mapping[str, Any] = said if isinstance(said, Mapping) else {"paths": said}
    return Files(paths=_many(data["paths"]), keep=_seconds(data.get("keep")), status=data.get("status", "success"))


def _limits(data: Mapping[str, str]) -> Limits:
    return Limits(
        memory=read_size(data["memory"]) if "memory" in data else None,
        pids=int(data["pids"]) if "pids" in data else None,
        cpu=float(data["cpu"]) if "cpu" in data else None,
        disk=read_size(data["disk"]) if "disk" in data else None,
    )


def _all_caches(data: Mapping[str, Any]) -> tuple[Cache, ...]:
    """Those of all stages, then those of each."""
    stages = [(name, said) for item in data["stages"] for name, said in item.items() if isinstance(said, Mapping)]
    of_stages = (cache for name, said in stages for cache in _caches(said.get("cache"), name))
    return (*_caches(data.get("cache"), ""), *of_stages)


def _caches(said: Mapping[str, Any] | list[Mapping[str, Any]] | None, stage: str) -> tuple[Cache, ...]:
    return tuple(
        Cache(paths=_many(one["paths"]), key=one.get("key", ""), files=_many(one.get("files")), stage=stage)
        for one in ([said] if isinstance(said, Mapping) else said or ())
    )


def _matrix(data: Mapping[str, Any]) -> Matrix:
    return Matrix(
        axes={axis: tuple(values) for axis, values in data.items() if axis not in {"include", "exclude"}},
        include=tuple(data.get("include", ())),
        exclude=tuple(data.get("exclude", ())),
    )


def _many(said: str | list[str] | None) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said or ())


def _seconds(said: str | None) -> int | None:
    return None if said is None else int(said[:-1]) * _SECONDS[said[-1]]
