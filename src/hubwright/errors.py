"""Every error that Hubwright raises on purpose, and what a person can do about it.

HubwrightError
├── SettingsError            a setting is wrong; the message names it
├── RefusedError             a request is refused; carries an HTTP status
│   ├── BadSignatureError        401
│   ├── UnauthenticatedError     401
│   ├── ForbiddenError           403
│   ├── BodyError                carries a pointer to what is wrong
│   │   ├── MalformedError           400
│   │   └── UnprocessableError       422
│   │       └── DefinitionError          422; carries pointers to all that is wrong
│   ├── ParameterError           422; carries the name of a parameter of the query
│   ├── NotFoundError            404
│   ├── ConflictError            409
│   ├── OutdatedError            412
│   ├── TooLargeError            413
│   └── TooManyAttemptsError     429; carries `retry_after` seconds
│       └── TooManyRequestsError     429; the same
├── RecipeError              a build file is wrong; carries file:line:col problems
├── SourceError              a repository or commit can't be had
│   ├── UnreachableRepositoryError    try again later
│   └── VanishedCommitError           the commit is gone for good (force push, deleted fork)
├── GitHubError              GitHub did not do as asked
│   ├── RateLimitedError          wait `retry_after` seconds
│   ├── GitHubUnavailableError    5xx or no connection; try again
│   └── GitHubRefusedError        4xx; trying again won't help
│       └── PageRefusedError          422; pages of this listing are had by cursor only
├── WireError                a builder or hub sent what the protocol does not know
├── HubAwayError             no hub has let a builder in that waits only so long
├── ClusterError             a cluster of machines does not do as a builder asks
├── StaleLeaseError          a builder reports a run that it no longer holds
├── OutletError              an outside system is away or full; try again later
│   └── OutletRefusedError       it will never take what it was told
├── NotYetError              a report had better wait; carries `seconds`
├── StorageError             the place for artifacts is away, full or refuses its keys; try again later
└── ExecutorError            a builder could not run a stage (its own fault, not the code's)
    └── DiskFullError
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class HubwrightError(Exception):
    """Something went wrong that has a name; the message is one sentence for people."""


class SettingsError(HubwrightError):
    """A setting is missing or wrong; the message names it and says what is expected."""


class RefusedError(HubwrightError):
    """A request is refused and nothing was written; `status` is the HTTP status, `title` a short fixed text."""

    status = 400
    title = "Bad request"


class BadSignatureError(RefusedError):
    """The signature of a webhook is missing or wrong: compare the hook's secret with GITHUB__WEBHOOK_SECRETS."""

    status = 401
    title = "Bad signature"


class UnauthenticatedError(RefusedError):
    """No valid token came with the request: make one with `hubwright token new`."""

    status = 401
    title = "Not authenticated"


class ForbiddenError(RefusedError):
    """The token's role does not allow this."""

    status = 403
    title = "Forbidden"


class BodyError(RefusedError):
    """Something in the body is wrong; `pointer` is a JSON pointer to it (RFC 6901), None where nobody knows it."""

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self._pointer = pointer

    @property
    def errors(self) -> list[dict[str, str | int]]:
        """What is wrong, as `application/problem+json` lists it."""
        return [] if self._pointer is None else [{"pointer": f"#{self._pointer}", "detail": str(self)}]


class MalformedError(BodyError):
    """The body is not what the route takes (not JSON, not an object, a wrong type)."""

    status = 400
    title = "Malformed request"


class UnprocessableError(BodyError):
    """The body is well formed but a value can't be used."""

    status = 422
    title = "Unprocessable request"


class ParameterError(RefusedError):
    """A parameter of the query has a value that can't be used; `parameter` is its name."""

    status = 422
    title = "Unprocessable request"

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self._parameter = parameter

    @property
    def errors(self) -> list[dict[str, str | int]]:
        """What is wrong, as `application/problem+json` lists it."""
        return [{"parameter": self._parameter, "detail": str(self)}]


class Wrong(NamedTuple):
    """One thing that is wrong in a document: a JSON pointer to it (RFC 6901), a sentence, line and column if any."""

    pointer: str
    message: str
    line: int | None = None
    column: int | None = None


class DefinitionError(UnprocessableError):
    """A job's definition or a build's parameters are wrong; `problems` are all of it, in the order of the document."""

    title = "Wrong definition"

    def __init__(self, problems: Sequence[Wrong]) -> None:
        self.problems = tuple(problems)
        first, more = self.problems[0], len(self.problems) - 1
        where = f"line {first.line}: " if first.line is not None else ""
        rest = f" ({more} more {'is' if more == 1 else 'are'} wrong.)" if more else ""
        stop = "" if first.message.endswith(("?", ".")) else "."
        super().__init__(f"{where}{first.message[:1].upper()}{first.message[1:]}{stop}{rest}")

    @property
    def errors(self) -> list[dict[str, str | int]]:
        """The problems as `application/problem+json` lists them, at most 50."""
        return [
            {"pointer": f"#{one.pointer}", "detail": one.message}
            | ({"line": one.line, "column": one.column or 1} if one.line is not None else {})
            for one in self.problems[:50]
        ]


class NotFoundError(RefusedError):
    """There is no such thing, or the asker may not know of it."""

    status = 404
    title = "Not found"


class ConflictError(RefusedError):
    """The thing is not in a state that allows this."""

    status = 409
    title = "Conflict"


class OutdatedError(RefusedError):
    """The thing is not as the request expects it (If-Match): read it again."""

    status = 412
    title = "Precondition failed"


class TooLargeError(RefusedError):
    """The body is larger than the route takes."""

    status = 413
    title = "Too large"


class TooManyAttemptsError(RefusedError):
    """Too many wrong tokens came from one address: wait `retry_after` seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, message: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class TooManyRequestsError(TooManyAttemptsError):
    """One token, session or address sends more than the hub allows: wait `retry_after` seconds."""

    title = "Too many requests"


class RecipeError(HubwrightError):
    """A build file is wrong; `problems` hold (line, column, message), 1-based, in the order of the file."""

    def __init__(self, file: str, problems: list[tuple[int, int, str]]) -> None:
        self.file = file
        self.problems = problems
        super().__init__("\n".join(f"{file}:{line}:{column}: {message}" for line, column, message in problems))


class SourceError(HubwrightError):
    """A repository's content can't be had."""


class UnreachableRepositoryError(SourceError):
    """The repository does not answer; it is tried again later."""


class VanishedCommitError(SourceError):
    """The repository answers but no longer has the commit (force push, deleted branch or fork)."""


class GitHubError(HubwrightError):
    """GitHub did not do as asked; `status` is its HTTP status, 0 when it did not answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        self.status = status
        super().__init__(message)


class RateLimitedError(GitHubError):
    """GitHub asks to wait `retry_after` seconds.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    def __init__(self, message: str, status: int, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message, status)


class GitHubUnavailableError(GitHubError):
    """GitHub is down, slow or not reachable; asking again later may help."""


class GitHubRefusedError(GitHubError):
    """GitHub refused (4xx); asking again won't help until a person changes something."""


class PageRefusedError(GitHubRefusedError):
    """GitHub refuses `page=` for this listing: follow its `next` links from the first page, one after the other."""


class WireError(HubwrightError):
    """The other side of a builder connection sent something that the protocol does not know."""


class HubAwayError(HubwrightError):
    """A builder that waits only so long has not found a hub that lets it in."""


class ClusterError(HubwrightError):
    """A cluster is away, refuses a job, or its commands are not there; the message has its words."""


class StaleLeaseError(HubwrightError):
    """The run is no longer held under this lease; its builder must drop it."""


class OutletError(HubwrightError):
    """An outside system that is told of builds is away, full or does not know us; telling it later may help."""


class OutletRefusedError(OutletError):
    """It will never take what it was told."""


class NotYetError(HubwrightError):
    """A report had better wait, for `seconds`: nothing went wrong."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Waits {seconds:.0f} s.")
        self.seconds = seconds


class StorageError(HubwrightError):
    """The storage of artifacts did not do as asked: it is away, full, read-only or refuses its keys."""


class ExecutorError(HubwrightError):
    """A stage could not be run for a reason that is not the code's fault."""


class DiskFullError(ExecutorError):
    """The builder's disk is full: free space or set a smaller cache."""
