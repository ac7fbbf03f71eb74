"""Exit codes, the same for every command; `docs/cli.md` lists them."""

from __future__ import annotations

from enum import IntEnum

from hubwright.domain.results import Result, State
from hubwright.errors import HubwrightError, UnauthenticatedError


class Exit(IntEnum):
    """What a script can tell from the exit code."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CANCELLED = 3
    NOT_AUTHENTICATED = 4
    FAILED = 5
    BROKEN = 6
    PENDING = 8
    INTERRUPTED = 130


_BY_RESULT = {
    Result.SUCCESS: Exit.OK,
    Result.SKIP: Exit.OK,
    Result.FAILURE: Exit.FAILED,
    Result.CANCELLATION: Exit.CANCELLED,
}


def exit_of_build(state: str, result: str | None) -> Exit:
    """The exit code that tells how a build stands."""
    if state != State.FINISHED or result is None:
        return Exit.PENDING
    return _BY_RESULT.get(Result(result), Exit.BROKEN)


def exit_of_error(error: HubwrightError) -> Exit:
    """The exit code of a command that could not do as asked."""
    return Exit.NOT_AUTHENTICATED if isinstance(error, UnauthenticatedError) else Exit.ERROR
