"""Changes that hang on what is there: ETag, If-Match, If-None-Match. https://www.rfc-editor.org/rfc/rfc9110#section-13"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from hubwright.errors import OutdatedError

Check = Callable[[int | None], None]


def write_tag(version: int) -> str:
    """The ETag of a definition: the number of its version."""
    return f'"{version}"'


def read_conditions(request: Request) -> Check:
    """What a change asks of the version that is there (None: nothing is); raises OutdatedError if it is another."""
    match, none_match = _read(request, "if-match"), _read(request, "if-none-match")

    def check(version: int | None) -> None:
        if match and (version is None or not {"*", write_tag(version)} & match):
            now = "nothing is there" if version is None else f"it is at version {version}"
            raise OutdatedError(f"If-Match names another version: {now}. Read it again, then change that.")
        if none_match and version is not None and {"*", write_tag(version)} & none_match:
            raise OutdatedError(f"If-None-Match: it is there already, at version {version}.")

    return check


def _read(request: Request, header: str) -> frozenset[str]:
    return frozenset(tag.strip() for tag in request.headers.get(header, "").split(",") if tag.strip())
