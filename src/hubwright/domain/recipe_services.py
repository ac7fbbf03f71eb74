"""The services of a build file: containers that run beside its stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from hubwright.domain.recipe_reader import Problem, place
from hubwright.domain.recipe_values import Service

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def make_services(said: Mapping[str, Any] | list[Mapping[str, Any]] | None) -> tuple[Service, ...]:
    """The services that were written as a mapping of names or as a list."""
    if isinstance(said, list):
        return tuple(_service(one["name"], one) for one in said)
    pairs = (said or {}).items()
    return tuple(_service(name, {"image": one} if isinstance(one, str) else one) for name, one in pairs)


def check_services(data: Mapping[str, Any], node: yaml.Node, *, has_image: bool) -> list[Problem]:
    """Problems of services that are each well formed: a name twice, nobody who could reach them."""
    said = data.get("services")
    if said is None:
        return []
    where = place(next(value for key, value in node.value if key.value == "services"))
    problems: list[Problem] = []
    names = [service.name for service in make_services(said)]
    if len(set(names)) < len(names):
        problems.append((*where, "two services have the same name"))
    if not has_image:
        sentence = "`services` are reached only by stages that run in containers: give the file or a stage an `image`"
        problems.append((*where, sentence))
    return problems


def _service(name: str, data: Mapping[str, Any]) -> Service:
    timeout = data.get("ready_timeout", "60s")
    return Service(
        name=name,
        image=data["image"],
        env=data.get("env", {}),
        command=data.get("command"),
        ready=data.get("ready"),
        ready_timeout=int(timeout[:-1]) * _SECONDS[timeout[-1]],
    )
