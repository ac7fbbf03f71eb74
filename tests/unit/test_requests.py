"""What must hold for requests to GitHub and for what its answers are taken to mean."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.github_budget import LONGEST_PAUSE
from hubwright.errors import GitHubError, GitHubRefusedError, GitHubUnavailableError, RateLimitedError
from hubwright.github.answers import read_answer, read_links, read_redirect
from hubwright.github.requests import CommitStatus, StatusState, cut_text, form_headers, form_path, form_status

NOW = 1_800_000_000.0
API = "https://api.github.com"


def answer(status: int, body: Any = None, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return read_answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, now=NOW)


def status(**changes: Any) -> CommitStatus:
    whole: dict[str, Any] = {
        "owner": "o",
        "repository": "r",
        "sha": "a" * 40,
        "state": StatusState.SUCCESS,
        "context": "c",
    }
    return CommitStatus(**(whole | changes))


def test_a_status_is_formed_within_github_s_limits() -> None:
    request = form_status(status(description="d" * 500, context="c" * 300, target_url="https://ci.example.org/1"))
    assert (request.method, request.path) == ("POST", f"/repos/o/r/statuses/{'a' * 40}")
    assert (len(request.json["description"]), len(request.json["context"])) == (140, 255)
    assert request.json["state"] == "success"


def test_a_target_that_is_no_web_address_is_left_out() -> None:
    """GitHub refuses the whole status for it."""
    assert "target_url" not in form_status(status(target_url="javascript:alert(1)")).json


def test_names_are_escaped_whole_in_a_path() -> None:
    """A branch named `a/b?c` must not reach another address."""
    assert (
        form_path("repos", "o", "a/../b", "branches", "x?y#z%2F ü")
        == "/repos/o/a%2F..%2Fb/branches/x%3Fy%23z%252F%20%C3%BC"
    )


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short", 5, "short"),
        ("too long", 5, "too…"),
        ("two\nlines\t here", 20, "two lines here"),
        ("bug 🐛", 20, "bug □"),
        ("abce\u0301fgh", 5, "abc…"),
        ("größe größe", 6, "größe…"),
    ],
)
def test_texts_are_cut_on_a_character_border(text: str, limit: int, short: str) -> None:
    assert cut_text(text, limit) == short


@given(st.text(), st.integers(min_value=1, max_value=200))
def test_a_cut_text_is_never_too_long(text: str, limit: int) -> None:
    """GitHub refuses a status whose description has 141 characters, so a build would seem to hang."""
    assert len(cut_text(text, limit)) <= limit
    assert all(ord(letter) <= 0xFFFF for letter in cut_text(text, limit))


def test_the_version_is_pinned_and_the_token_is_sent() -> None:
    headers = form_headers("ghs_1.2_x")
    assert (headers["authorization"], headers["x-github-api-version"]) == ("Bearer ghs_1.2_x", "2022-11-28")
    assert "authorization" not in form_headers(None)


@pytest.mark.parametrize("token", ["a\nb", "ü", "a\x00"])
def test_a_token_that_is_none_is_refused_without_telling_it(token: str) -> None:
    with pytest.raises(GitHubRefusedError) as refused:
        form_headers(token)
    assert token not in str(refused.value)


def test_an_answer_is_read_with_its_next_page() -> None:
    link = f'<{API}/repositories/1/commits?page=1>; rel="prev", <{API}/repositories/1/commits?page=3>; rel="next"'
    read = answer(200, [1, 2], link=link)
    assert (read.status, read.json, read.next_url) == (200, [1, 2], f"{API}/repositories/1/commits?page=3")
    assert answer(204).json is None


@pytest.mark.parametrize("link", ["", "x", f'<{API}>; rel="last"', '<>; rel="nextish"', "<" * 5000])
def test_the_last_page_has_no_next(link: str) -> None:
    assert read_links(link).get("next") is None


@pytest.mark.parametrize(
    ("code", "headers", "seconds"),
    [
        (403, {"retry_after": "7"}, 7),
        (429, {"retry_after": "7", "x_ratelimit_remaining": "0", "x_ratelimit_reset": str(NOW + 100)}, 7),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(NOW) + 100)}, 100),
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(NOW) - 100)}, 1),
        (429, {}, 60),
        (429, {"retry_after": "soon"}, 60),
        (403, {"retry_after": "0"}, 1),
        (403, {"retry_after": "99999999"}, LONGEST_PAUSE),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9999999999999"}, LONGEST_PAUSE),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(code: int, headers: dict[str, str], seconds: float) -> None:
    """R17: the asked time first, then the hour's reset, else a minute; never negative, never for ever."""
    with pytest.raises(RateLimitedError) as limited:
        answer(code, {"message": "no"}, **headers)
    assert (limited.value.retry_after, limited.value.status) == (seconds, code)


def test_a_secondary_limit_without_a_time_doubles_the_pause() -> None:
    body = b'{"message":"You have exceeded a secondary rate limit."}'
    pauses = []
    for before in range(8):
        with pytest.raises(RateLimitedError) as limited:
            read_answer(403, {}, body, now=NOW, limited_before=before)
        pauses.append(limited.value.retry_after)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3840, 3840]


def test_a_403_that_is_no_limit_is_a_refusal() -> None:
    with pytest.raises(GitHubRefusedError, match=r"Resource not accessible.* right "):
        answer(403, {"message": "Resource not accessible by integration"}, x_ratelimit_remaining="4999")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, GitHubRefusedError), (401, GitHubRefusedError), (404, GitHubRefusedError), (422, GitHubRefusedError),
     (301, GitHubRefusedError), (408, GitHubUnavailableError), (500, GitHubUnavailableError),
     (502, GitHubUnavailableError)],
)  # fmt: skip
def test_other_answers_say_whether_asking_again_helps(code: int, kind: type[GitHubError]) -> None:
    with pytest.raises(kind) as failed:
        answer(code, b"<html>Unicorn!</html>")
    assert failed.value.status == code


def test_a_refusal_names_github_s_reasons() -> None:
    body = {
        "message": "Validation Failed",
        "errors": [{"message": "description is too long"}, "odd", {"code": 1}, None],
    }
    with pytest.raises(GitHubRefusedError, match="Validation Failed: description is too long: odd"):
        answer(422, body)


def test_a_page_of_a_proxy_is_no_answer() -> None:
    with pytest.raises(GitHubUnavailableError):
        answer(200, b"<html>Please log in</html>")


@pytest.mark.parametrize(
    ("method", "code", "location", "target"),
    [
        ("GET", 301, f"{API}/repositories/1", f"{API}/repositories/1"),
        ("GET", 302, "/repositories/1", f"{API}/repositories/1"),
        ("POST", 307, f"{API}/repositories/1", f"{API}/repositories/1"),
        ("POST", 301, f"{API}/repositories/1", None),
        ("GET", 301, "https://evil.example.org/", None),
        ("GET", 301, "http://api.github.com/", None),
        ("GET", 301, "https://api.github.com:444/", None),
        ("GET", 301, "https://[", None),
        ("GET", 301, "", None),
        ("GET", 200, f"{API}/", None),
    ],
)
def test_a_rename_is_followed_and_the_token_stays_home(
    method: str, code: int, location: str, target: str | None
) -> None:
    assert read_redirect(method, f"{API}/repos/o/r", code, location) == target


NAMES = st.sampled_from(["retry-after", "x-ratelimit-reset", "x-ratelimit-remaining", "link", "location"])


@given(st.integers(100, 599), st.dictionaries(NAMES, st.text() | st.sampled_from(["0", "60", "1e9"])), st.binary())
def test_any_answer_is_read_or_has_a_named_error(code: int, headers: dict[str, str], body: bytes) -> None:
    with contextlib.suppress(GitHubError):
        read_answer(code, headers, body, now=NOW)
    read_redirect("GET", f"{API}/x", code, headers.get("location", "")) if headers.get(
        "location", "/"
    ).isascii() else None
