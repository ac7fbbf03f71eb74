"""What can't be meant in a definition whose values are each well formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hubwright.domain.job_format import MAX_SECONDS
from hubwright.domain.job_parameters import check_parameter, read_parameters
from hubwright.domain.recipe import read_recipe
from hubwright.domain.refs import check_branch
from hubwright.domain.schedules import read_schedule
from hubwright.domain.secrets import check_name, looks_secret
from hubwright.errors import MalformedError, RecipeError, UnprocessableError

Path = tuple[str | int, ...]

Found = Iterator[tuple[Path, str]]

SHORTEST_POLL = 10
"""Seconds between two questions to one repository."""

_MOST_COMMITS = 2048  # that GitHub lists of a push
_SECRET = "this is a key or token: keep it as a secret of the hub, and name it under `secrets`"  # noqa: S105  a sentence
_INLINE = ("text", "path", "detect", "stages")


def find_contradictions(document: Mapping[str, Any], data: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Where it stands and a sentence without a full stop, for each; `data` is what `document` was made of."""
    return [
        *_check_recipe(document, data),
        *_check_parameters(document),
        *_check_secrets(document),
        *_check_triggers(document.get("triggers", {})),
        *_check_bounds(document),
        *_check_source(document),
    ]


def _check_recipe(document: Mapping[str, Any], data: Mapping[str, Any]) -> Found:
    said = data.get("recipe")
    if "stages" in data and said is not None:
        yield ("stages",), "a job has a `recipe` or `stages`, not both"
    if isinstance(said, Mapping):
        kinds = [kind for kind in _INLINE if kind in said]
        if len(kinds) != 1:
            yield ("recipe",), "exactly one of `text`, `path`, `detect` or `stages` is expected"
        elif "stages" not in said and len(said) > 1:
            yield ("recipe",), f"keys of a recipe stand beside `stages` only, not beside `{kinds[0]}`"
    text = document.get("recipe", {}).get("text")
    if text is not None:
        try:
            read_recipe(text, "recipe")
        except RecipeError as error:
            key = "stages" if said is None else "recipe"
            for line, column, message in error.problems:
                yield (key,), f"in its line {line}, column {column}: {message}"


def _check_parameters(document: Mapping[str, Any]) -> Found:
    parameters = read_parameters(document.get("parameters", ()))
    counts = Counter(parameter.name for parameter in parameters)
    for at, parameter in enumerate(parameters):
        if not (parameter.name.isidentifier() and parameter.name.isascii()):
            yield ("parameters", at), "a parameter needs a `name`, the variable that it becomes"
        elif counts[parameter.name] > 1:
            yield ("parameters", at), f"there are {counts[parameter.name]} parameters {parameter.name}"
        elif parameter.name in document.get("secrets", ()):
            yield ("parameters", at), f"{parameter.name} is a secret: secrets are not typed when a build is started"
        for key, message in check_parameter(parameter):
            yield ("parameters", at, key), message


def _check_secrets(document: Mapping[str, Any]) -> Found:
    for at, name in enumerate(document.get("secrets", ())):
        try:
            check_name(name)
        except UnprocessableError as error:
            yield ("secrets", at), str(error).rstrip(".")
    for name, value in document.get("environment", {}).items():
        if looks_secret(value):
            yield ("environment", name), _SECRET


def _check_triggers(triggers: Mapping[str, Any]) -> Found:
    for at, one in enumerate(triggers.get("schedule", ())):
        try:
            read_schedule(one["cron"], one.get("zone", "UTC"))
            check_branch(one.get("branch", "main"))
        except (UnprocessableError, MalformedError) as error:
            yield ("triggers", "schedule", at), str(error).rstrip(".")
    poll = triggers.get("poll")
    if not isinstance(poll, bool) and poll is not None and not SHORTEST_POLL <= poll <= MAX_SECONDS:
        yield (
            ("triggers", "poll"),
            f"a repository is asked once in {SHORTEST_POLL} seconds at most, and once in 7 days",
        )


def _check_bounds(document: Mapping[str, Any]) -> Found:
    if document.get("timeout", 1) > MAX_SECONDS:
        yield ("timeout",), f"at most {MAX_SECONDS} seconds (7 days) are expected"
    if document.get("max_commits_per_push", 1) > _MOST_COMMITS:
        yield ("max_commits_per_push",), f"at most {_MOST_COMMITS} are expected"


def _check_source(document: Mapping[str, Any]) -> Found:
    if "default_branch" in document:
        try:
            check_branch(document["default_branch"])
        except MalformedError as error:
            yield ("default_branch",), str(error).rstrip(".")
    if "clone_url" in document:
        try:
            password = urlsplit(document["clone_url"]).password
        except ValueError:
            yield ("clone_url",), "this is no address"
        else:
            if password is not None or looks_secret(document["clone_url"]):
                yield ("clone_url",), "an address must not have a password or token in it"
