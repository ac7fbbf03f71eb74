"""What people send to build jobs, read and checked; every refusal names the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from hubwright.domain.refs import check_ref, check_sha
from hubwright.errors import UnprocessableError
from hubwright.web.api.bodies import convert

MAX_PARAMETERS = 100
"""Parameters of a build."""

MAX_VALUE = 10_000
"""Characters of a parameter's value."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


class Start(msgspec.Struct):
    """A build to start: of a ref (the default branch if left out) or of one commit."""

    ref: str | None = None
    sha: str | None = None
    parameters: dict[str, str] = {}


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
