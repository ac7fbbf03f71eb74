"""Who may what, and which pages may ask for changes."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from hubwright.errors import ForbiddenError
from hubwright.web.gate import Asker, check_origin


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("admin", {"admin", "write", "read"}),
        ("write", {"write", "read"}),
        ("read", {"read"}),
        ("builder", {"builder"}),
        ("", set()),
    ],
)
def test_a_role_includes_those_below_it(role: str, allowed: set[str]) -> None:
    """A builder's token opens the builders' door and no other; no other token opens that one."""
    asker = Asker(role, "somebody", "token")
    assert {wanted for wanted in ("admin", "write", "read", "builder") if asker.may(wanted)} == allowed


def connection(**headers: str) -> HTTPConnection:
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": encoded})


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"host": "ci.example:8010", "origin": "http://ci.example:8010"},
    ],
)
def test_our_own_pages_may_change_things(headers: dict[str, str]) -> None:
    """Browsers say where a request comes from: new ones by Sec-Fetch-Site, old ones by Origin."""
    check_origin(connection(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "ci.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "host": "ci.example", "origin": "http://ci.example"},
        {"host": "ci.example", "origin": "http://evil.example"},
        {"host": "ci.example", "origin": "null"},
        {"host": "", "origin": ""},
        {"host": "ci.example", "origin": "http://["},
    ],
)
def test_other_pages_may_not(headers: dict[str, str]) -> None:
    """A page elsewhere must not act with our cookie (CSRF), whatever it leaves out."""
    with pytest.raises(ForbiddenError):
        check_origin(connection(**headers))
