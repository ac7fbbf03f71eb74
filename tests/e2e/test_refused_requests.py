"""What is not a webhook, a builder or a person with a token is refused clearly, and writes nothing (S8)."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest

from builder_process import open_folder
from fake_github import FakeGitHub, delivery_headers
from hub_process import SECRET, HubProcess, Make

BODY = orjson.dumps({"zen": "Speak like a human.", "repository": {"name": "r", "owner": {"login": "o"}}})
SECOND = "a second secret"


@pytest.fixture(scope="module")
def quiet(github: FakeGitHub) -> Iterator[HubProcess]:
    """A hub in which nothing happens but what a test does."""
    secrets = {"GITHUB__WEBHOOK_SECRETS": orjson.dumps([SECRET, SECOND]).decode()}
    with open_folder() as folder, HubProcess(
        folder, ("up", "--no-demo", "--no-builder"), github=github, settings=secrets
    ) as hub:  # fmt: skip
        yield hub


def signed(body: bytes, **changes: str | None) -> dict[str, str]:
    """The headers of a `ping` with this body; a change to None leaves one out."""
    headers = delivery_headers("ping", body, secret=SECRET) | {
        name.replace("_", "-"): value for name, value in changes.items() if value is not None
    }
    return {name: value for name, value in headers.items() if changes.get(name.replace("-", "_"), "") is not None}


def check_refused(hub: HubProcess, answer: httpx2.Response, status: int, before: dict[str, int]) -> str:
    """It is a problem of RFC 9457 that says what is wrong, and no table has a row more; what it says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert "Traceback" not in answer.text
    assert hub.count_rows() == before
    assert SECRET not in answer.text
    return str(problem["detail"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_hub_signature_256": "sha256=" + "0" * 64}, "does not fit"),
        ({"x_hub_signature_256": "sha256=é"}, "does not fit"),
        ({"x_hub_signature_256": hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()}, "does not fit"),
        ({"x_hub_signature_256": None}, "is missing"),
        ({"x_hub_signature_256": None, "x_hub_signature": None}, "is missing"),
        ({"x_hub_signature_256": ""}, "is missing"),
    ],
    ids=["wrong", "not-ascii", "without-its-kind", "sha1-only", "none", "empty"],
)
def test_a_bad_signature_is_401(quiet: HubProcess, changes: dict[str, str | None], says: str) -> None:
    """S1, S2: Buildbot takes an unsigned hook although a secret is set, three peers know SHA-1 only."""
    before = quiet.count_rows()
    headers = {name: value.encode() for name, value in signed(BODY, **changes).items()}
    answer = quiet.client.post("/hooks/github", content=BODY, headers=headers)
    assert says in check_refused(quiet, answer, 401, before)


DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000


@pytest.mark.parametrize(
    "body",
    [
        BODY[:-1],
        DEEP,
        b"[" * 10_000 + b"]" * 10_000,
        b"[]",
        b'"push"',
        b"",
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b"payload={",
        gzip.compress(BODY),
    ],
    ids=[
        "truncated",
        "deep",
        "deep-list",
        "list",
        "text",
        "empty",
        "not-utf8",
        "nan",
        "form-in-json",
        "packed",
    ],
)
def test_a_body_that_is_no_json_object_is_400(quiet: HubProcess, body: bytes) -> None:
    """S5: signed rubbish is rubbish: refused by a sentence, at once, with nothing kept."""
    before = quiet.count_rows()
    answer = quiet.client.post("/hooks/github", content=body, headers=signed(body))
    assert "JSON" in check_refused(quiet, answer, 400, before)


@pytest.mark.parametrize("event", [None, "", "Push", "push;id", "a" * 101, "push\tx"])
def test_a_bad_event_header_is_400(quiet: HubProcess, event: str | None) -> None:
    """The event's name becomes a column and a label: it is a short word or refused."""
    before = quiet.count_rows()
    answer = quiet.client.post("/hooks/github", content=BODY, headers=signed(BODY, x_github_event=event))
    assert "X-GitHub-Event" in check_refused(quiet, answer, 400, before)


@pytest.mark.parametrize("path", ["/hooks/github", "/build", "/replication"])
def test_more_than_25_mb_is_413(quiet: HubProcess, path: str) -> None:
    """GitHub sends no more; said before the body is read when the length tells, else as soon as it is too long."""
    before = quiet.count_rows()
    body = b'{"a":"' + b"x" * (26 * 1024 * 1024) + b'"}'
    answer = quiet.client.post(path, content=body, headers=signed(body))
    assert "larger than" in check_refused(quiet, answer, 413, before)
    pieces = (body[at : at + 2**20] for at in range(0, len(body), 2**20))
    answer = quiet.client.post(path, content=pieces, headers=signed(body))
    check_refused(quiet, answer, 413, before)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_taken(quiet: HubProcess, method: str) -> None:
    """S7: Buildbot takes a GET for a POST."""
    before = quiet.count_rows()
    answer = quiet.client.request(method, "/hooks/github", headers=signed(b""))
    check_refused(quiet, answer, 405, before)
    assert answer.headers["allow"] == "POST"


def test_each_live_secret_is_taken_and_no_other(quiet: HubProcess) -> None:
    """R27, S4: a secret is replaced without losing a delivery: the old and the new are valid together."""
    for number, secret in enumerate((SECRET, SECOND)):
        headers = delivery_headers("ping", BODY, secret=secret, guid=f"secret-{number}")
        assert quiet.client.post("/hooks/github", content=BODY, headers=headers).status_code == 202
    before = quiet.count_rows()
    headers = delivery_headers("ping", BODY, secret=f"{SECOND}x")
    check_refused(quiet, quiet.client.post("/hooks/github", content=BODY, headers=headers), 401, before)


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("POST", "/api/v1/builds/1/cancel", {}),
        ("POST", "/api/v1/builds/1/rerun", {}),
        ("PUT", "/api/v1/jobs/a/b", {"repo": "a/b"}),
        ("POST", "/api/v1/jobs/a/b/builds", {}),
        ("PUT", "/api/v1/runs/1/artifacts/a.txt", None),
        ("GET", "/metrics", None),
        ("GET", "/api/v1/builds", None),
    ],
)
def test_a_bad_token_is_401(quiet: HubProcess, method: str, path: str, document: dict[str, Any] | None) -> None:
    """S3, S9, S36: a wrong token never counts as nobody's, and is shown nowhere."""
    before = quiet.count_rows()
    token = "hwt_this-token-was-never-given-to-anybody"
    answer = quiet.client.request(method, path, json=document, headers={"Authorization": f"Bearer {token}"})
    check_refused(quiet, answer, 401, before)
    assert token not in answer.text
    assert token not in quiet.said


def test_a_foreign_page_cannot_use_a_hub_on_loopback(quiet: HubProcess) -> None:
    """S33: neither by DNS rebinding (another Host) nor by a request of another site with our cookie."""
    before = quiet.count_rows()
    answer = quiet.client.get("/api/v1/builds", headers={"Host": "evil.example:8010"})
    check_refused(quiet, answer, 403, before)


def test_a_hub_open_to_the_network_takes_no_unsigned_hook(github: FakeGitHub, make: Make) -> None:
    """Without a secret only loopback may deliver: else everybody could have anything built (S1, Hydra's gap)."""
    settings = {"GITHUB__WEBHOOK_SECRETS": "", "HOST": "0.0.0.0", "PUBLIC_URL": "http://127.0.0.1"}
    with open_folder() as folder, HubProcess(
        folder, ("up", "--no-demo", "--no-builder"), github=github, settings=settings
    ) as hub:  # fmt: skip
        before = hub.count_rows()
        answer = hub.client.post("/hooks/github", content=BODY, headers=delivery_headers("ping", BODY))
        assert "WEBHOOK_SECRETS" in check_refused(hub, answer, 401, before)
        assert hub.client.get("/api/v1/builds", headers={"Authorization": ""}).status_code == 401
