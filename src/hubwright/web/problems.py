"""Every failure of a request as RFC 9457 `application/problem+json`: one clear sentence, never a traceback.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import http
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast
from uuid import uuid4

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import get_contextvars

from hubwright.errors import (
    BodyError,
    GitHubError,
    HubwrightError,
    RateLimitedError,
    RecipeError,
    RefusedError,
    SettingsError,
    SourceError,
    StaleLeaseError,
    StorageError,
    TooManyAttemptsError,
    UnreachableRepositoryError,
)
from hubwright.store.writers import DatabaseBusyError

RETRY_AFTER = 5
"""Seconds after which one may ask again when the database is away."""

log = structlog.get_logger(__name__)


def make_problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response; `errors` says where each wrong value stands (`pointer` or `parameter`, and `detail`)."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    sent = dict(headers or {})
    if status == 401:
        sent.setdefault("WWW-Authenticate", 'Bearer realm="hubwright"')
    content = orjson.dumps(body, default=str)
    return Response(content, status, sent, media_type="application/problem+json")


def answer_refusal(request: Request, error: RefusedError) -> Response:
    """What the hub refuses on purpose. Where nobody said what of a body is wrong, the pointer is to all of it."""
    errors = getattr(error, "errors", ())
    if isinstance(error, BodyError) and not errors and request.headers.get("content-length", "0") != "0":
        errors = [{"pointer": "#", "detail": str(error)}]
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyAttemptsError) else None
    return make_problem(error.status, error.title, str(error), errors=errors, headers=headers)


def answer_http(_request: Request, error: HTTPException) -> Response:
    """No such route, wrong method and the like."""
    title = http.HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != title else _HTTP_DETAILS.get(error.status_code, title)
    return make_problem(error.status_code, title, detail, headers=error.headers)


def answer_invalid(_request: Request, error: RequestValidationError) -> Response:
    """Parameters and bodies that are not what the route takes."""
    errors = [_place(found) for found in error.errors()[:50]]
    first = errors[0]
    detail = f"{first.get('parameter') or first.get('pointer')}: {first['detail']}."
    return make_problem(422, "Unprocessable request", detail, errors=errors)


def answer_outage(request: Request, error: Exception) -> Response:
    """The database is away, locked or overloaded."""
    log.warning("database unavailable", path=request.url.path, error=str(error).splitlines()[0])
    detail = f"The database is busy or away; try again in {RETRY_AFTER} seconds."
    return make_problem(503, "Service unavailable", detail, headers={"Retry-After": str(RETRY_AFTER)})


def answer_unfit(request: Request, error: Exception) -> Response:
    """A value that the database has no place for: PostgreSQL knows no NUL in texts."""
    log.warning("database refused a value", path=request.url.path, error=str(error).splitlines()[0])
    return make_problem(422, "Unprocessable request", "A value has a NUL in it, or is too large: leave that out.")


def answer_named(request: Request, error: HubwrightError) -> Response:
    """Errors with a name that are not refusals: sources and GitHub that fail, recipes that are wrong."""
    if isinstance(error, RecipeError):
        errors = [
            {"file": error.file, "line": line, "column": column, "detail": text}
            for line, column, text in error.problems
        ]
        return make_problem(422, "Wrong recipe", str(error).partition("\n")[0], errors=errors[:50])
    if isinstance(error, RateLimitedError):
        headers = {"Retry-After": str(max(1, round(error.retry_after)))}
        return make_problem(503, "GitHub's limit is used up", str(error), headers=headers)
    for kind, status, title in _NAMED:
        if isinstance(error, kind):
            return make_problem(status, title, str(error))
    return answer_unexpected(request, error)


def answer_unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours: the operator finds it in the log by its id."""
    number = get_contextvars().get("request") or uuid4().hex[:16]
    trace = "".join(traceback.format_exception(error))  # as text: a log must not show the values of variables
    log.error("request failed", id=number, method=request.method, path=request.url.path, traceback=trace)
    detail = f"Something went wrong in Hubwright; its log tells more under the id {number}."
    return make_problem(500, "Internal error", detail)


_HTTP_DETAILS = {404: "There is nothing at this address.", 405: "This address does not take this method."}
_NAMED: tuple[tuple[type[HubwrightError], int, str], ...] = (
    (UnreachableRepositoryError, 502, "Repository not reachable"),
    (SourceError, 422, "Commit not available"),
    (GitHubError, 502, "GitHub did not answer as expected"),
    (StaleLeaseError, 409, "Conflict"),
    (StorageError, 503, "Storage not available"),
    (SettingsError, 503, "Not set up"),
)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]

PROBLEM_HANDLERS = cast(
    "dict[int | type[Exception], Handler]",
    {
        RefusedError: answer_refusal,
        HTTPException: answer_http,
        RequestValidationError: answer_invalid,
        DatabaseBusyError: answer_outage,
        OperationalError: answer_outage,
        InterfaceError: answer_outage,
        DataError: answer_unfit,
        HubwrightError: answer_named,
        Exception: answer_unexpected,
    },
)
"""Which error is answered how: `FastAPI(exception_handlers=PROBLEM_HANDLERS)`, and Starlette's the same."""


def _place(found: Mapping[str, Any]) -> dict[str, str]:
    """Where pydantic found a wrong value: a JSON pointer into the body, or a parameter's name."""
    where, *path = (str(part) for part in found["loc"])
    detail = str(found["msg"])
    if where == "body":
        return {
            "pointer": "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path),
            "detail": detail,
        }
    return {"parameter": ".".join(path), "detail": detail}
