"""What people send to define and build jobs, read and checked; every refusal names the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from hubwright.domain.jobs import JobSettings
from hubwright.domain.refs import check_owner, check_ref, check_repository, check_sha
from hubwright.errors import UnprocessableError
from hubwright.web.api.bodies import check_keys, convert

MAX_PARAMETERS = 100
"""Parameters of a build."""

MAX_VALUE = 10_000
"""Characters of a parameter's value."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_SETTINGS = tuple(field.name for field in fields(JobSettings))


class Definition(msgspec.Struct):
    """A job as it is PUT. `repo` is `owner/name`; without it and `clone_url`, both stay as they are."""

    repo: str | None = None
    clone_url: str | None = None
    enabled: bool = True
    settings: JobSettings = JobSettings()


class Start(msgspec.Struct):
    """A build to start: of a ref (the default branch if left out) or of one commit."""

    ref: str | None = None
    sha: str | None = None
    parameters: dict[str, str] = {}


def read_definition(data: Mapping[str, Any]) -> Definition:
    """A job's definition. Raises UnprocessableError, MalformedError that name what is wrong."""
    settings = data.get("settings")
    if isinstance(settings, dict):
        check_keys(settings, _SETTINGS, "settings.")
    definition = convert(data, Definition)
    _check_bounds(definition.settings)
    if definition.repo is not None:
        owner, _, name = definition.repo.partition("/")
        definition.repo = f"{check_owner(owner)}/{check_repository(name)}"
    return definition


def _check_bounds(settings: JobSettings) -> None:
    for name, value, most in (
        ("timeout", settings.timeout, 7 * 86_400),
        ("max_commits_per_push", settings.max_commits_per_push, 2048),
    ):
        if not 1 <= value <= most:
            raise UnprocessableError(f"settings.{name} is {value}; between 1 and {most} is expected.")


def read_start(data: Mapping[str, Any]) -> Start:
    """A build to start. Raises UnprocessableError, MalformedError that name what is wrong."""
    wanted = convert(data, Start)
    if wanted.ref is not None:
        check_ref(wanted.ref)
    if wanted.sha is not None:
        wanted.sha = check_sha(wanted.sha)
    if len(wanted.parameters) > MAX_PARAMETERS:
        raise UnprocessableError(f"A build takes at most {MAX_PARAMETERS} parameters.")
    for name, value in wanted.parameters.items():
        if not _NAME.match(name):
            raise UnprocessableError(
                f"parameters: {name[:80]!a} can't be a variable: letters, digits and _ are expected."
            )
        if len(value) > MAX_VALUE or "\0" in value:
            raise UnprocessableError(f"parameters.{name} is longer than {MAX_VALUE} characters or holds a NUL.")
    return wanted


def merge_patch(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the changes in it; what is null in them is left out. https://www.rfc-editor.org/rfc/rfc7396"""
    merged = dict(known)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge_patch(merged[name], value)
        else:
            merged[name] = value
    return merged
