"""How often an address may try with a wrong token."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from hubwright.errors import NotFoundError, TooManyAttemptsError, UnauthenticatedError
from hubwright.web import attempts as module
from hubwright.web.attempts import ALLOWED, FORGIVEN_EVERY, Attempts


def request_from(address: str) -> Request:
    return Request({"type": "http", "client": (address, 1), "headers": [], "method": "POST", "path": "/"})


def fail(attempts: Attempts, address: str = "10.0.0.1") -> None:
    with pytest.raises(UnauthenticatedError), attempts.counted(request_from(address)):
        raise UnauthenticatedError("wrong")


def test_failures_are_counted_by_address_and_forgotten_by_and_by() -> None:
    """S44: others are not kept out, and who waits may try again."""
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(ALLOWED):
        fail(attempts)
    with pytest.raises(TooManyAttemptsError) as caught, attempts.counted(request_from("10.0.0.1")):
        raise AssertionError("it was tried")
    assert caught.value.retry_after == FORGIVEN_EVERY
    with attempts.counted(request_from("10.0.0.2")):
        pass
    now[0] += FORGIVEN_EVERY
    fail(attempts)
    now[0] += ALLOWED * FORGIVEN_EVERY
    for _ in range(ALLOWED):
        fail(attempts)


def test_what_succeeds_or_fails_otherwise_does_not_count() -> None:
    attempts = Attempts(lambda: 0.0)
    for _ in range(3 * ALLOWED):
        with attempts.counted(request_from("10.0.0.1")):
            pass
        with pytest.raises(NotFoundError), attempts.counted(request_from("10.0.0.1")):
            raise NotFoundError("no")


def test_the_counter_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 5)
    attempts = Attempts(lambda: 0.0)
    for number in range(50):
        fail(attempts, f"10.0.0.{number}")
    assert len(attempts._clear_at) == 5
