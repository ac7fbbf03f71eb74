"""Failures as RFC 9457 problems."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hubwright import errors
from hubwright.store.writers import DatabaseBusyError
from hubwright.web.problems import PROBLEM_HANDLERS

SECRET = "s3cret-value"


def answer(error: Exception) -> Response:
    """As the application answers: by the nearest class that has a handler."""
    handler = next(PROBLEM_HANDLERS[kind] for kind in type(error).__mro__ if kind in PROBLEM_HANDLERS)
    request = Request({"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": []})
    response = handler(request, error)
    assert isinstance(response, Response)
    return response


def body(response: Response) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(bytes(response.body))
    return parsed


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadSignatureError("no"), 401),
        (errors.UnauthenticatedError("no"), 401),
        (errors.ForbiddenError("no"), 403),
        (errors.NotFoundError("no"), 404),
        (errors.ConflictError("no"), 409),
        (errors.TooLargeError("no"), 413),
        (errors.UnprocessableError("no"), 422),
        (errors.UnreachableRepositoryError("no"), 502),
        (errors.VanishedCommitError("no"), 422),
        (errors.RateLimitedError("no", 403, 12.4), 503),
        (errors.GitHubUnavailableError("no"), 502),
        (errors.StaleLeaseError("no"), 409),
        (HTTPException(405), 405),
        (DatabaseBusyError("no"), 503),
        (OperationalError("SELECT 1", {}, Exception("database is locked")), 503),
    ],
)
def test_every_error_has_its_status(error: Exception, status: int) -> None:
    """Clients act on the status; it stands in the body too, as RFC 9457 wants it."""
    response = answer(error)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body(response)["status"] == status
    assert body(response)["detail"]


def test_outages_say_when_to_come_back() -> None:
    """A hook or a script that gets 503 tries again instead of giving up."""
    assert int(answer(DatabaseBusyError("no")).headers["retry-after"]) > 0
    assert answer(errors.RateLimitedError("no", 403, 12.4)).headers["retry-after"] == "12"


def test_missing_rights_name_the_scheme() -> None:
    """RFC 9110: a 401 carries WWW-Authenticate."""
    assert answer(errors.UnauthenticatedError("no")).headers["www-authenticate"].startswith("Bearer")


def test_a_recipe_shows_where_it_is_wrong() -> None:
    """Each problem keeps its place in the file."""
    found = body(answer(errors.RecipeError(".hubwright.yml", [(3, 5, "unknown key `stage`")])))
    assert found["status"] == 422
    assert found["errors"] == [{"file": ".hubwright.yml", "line": 3, "column": 5, "detail": "unknown key `stage`"}]


def test_the_unexpected_tells_no_secrets() -> None:
    """Neither message nor traceback of a fault of ours leaves the hub; the id leads to the log."""
    response = answer(RuntimeError(SECRET))
    assert response.status_code == 500
    assert SECRET.encode() not in bytes(response.body)
    assert b"Traceback" not in bytes(response.body)
    assert "id " in body(response)["detail"]


def test_an_outage_does_not_show_its_sql() -> None:
    """SQLAlchemy's message holds the statement and its parameters."""
    response = answer(OperationalError("SELECT secret", {"x": SECRET}, Exception("locked")))
    assert SECRET.encode() not in bytes(response.body)
    assert b"SELECT" not in bytes(response.body)
