"""A GitHub App's tokens, against a fake that verifies the JWT with the public key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fake_github import FakeGitHub
from hubwright.errors import GitHubRefusedError, SettingsError
from hubwright.github.apps import AppTokens
from hubwright.github.client import GitHubClient


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A private and a public key, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def github(tmp_path: Path, keys: tuple[str, str]) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path) as fake:
        fake.install_app("12345", keys[1], ["octo", "Umbrella"])
        fake.create_repository("octo/hello", {"a": "1"})
        yield fake


class Clock:
    """The real time, moved by `ahead` seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def tokens(github: FakeGitHub, keys: tuple[str, str]) -> Iterator[AppTokens]:
    tokens = AppTokens(github.api_url, "12345", keys[0])
    yield tokens
    tokens.close()


def test_a_status_is_posted_as_the_app(github: FakeGitHub, tokens: AppTokens) -> None:
    sha = str(github.state.repositories["octo/hello"].head())
    with GitHubClient(github.api_url, tokens) as client:
        client.post_status("octo", "hello", sha, "success", "c")
        assert client.get("/repos/octo/hello", owner="octo").status == 200
    sent = github.requests[-1].headers["authorization"]
    assert sent.startswith("Bearer ghs_12345_")
    assert len(github.statuses(sha)) == 1


def test_a_token_is_kept_for_its_hour_and_then_renewed(github: FakeGitHub, keys: tuple[str, str]) -> None:
    """A new token per request would lose ETags and meet the limit on tokens; an ended one would lose statuses."""
    clock = Clock()
    tokens = AppTokens(github.api_url, "12345", keys[0], clock=clock)
    first = tokens("octo")
    assert tokens("OCTO") == first
    assert len(first.token or "") > 480
    assert tokens("umbrella") != first
    clock.ahead = 3300 - 60
    assert tokens("octo") == first
    assert github.state.app is not None
    github.state.app.ahead = clock.ahead = 3301
    assert tokens("octo") != first
    tokens.close()


def test_an_owner_without_the_app_is_told_so(tokens: AppTokens) -> None:
    with pytest.raises(GitHubRefusedError, match="not installed for 'stranger'"):
        tokens("stranger")


def test_without_an_owner_only_a_single_installation_is_clear(
    github: FakeGitHub, tokens: AppTokens, keys: tuple[str, str]
) -> None:
    with pytest.raises(GitHubRefusedError, match="not installed"):
        tokens(None)
    github.install_app("12345", keys[1], ["octo"])
    assert tokens(None) == tokens("octo")


def test_a_wrong_app_is_refused(github: FakeGitHub, keys: tuple[str, str]) -> None:
    tokens = AppTokens(github.api_url, "999", keys[0])
    with pytest.raises(GitHubRefusedError, match="401"):
        tokens("octo")
    tokens.close()


def test_a_key_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="GITHUB__APP_PRIVATE_KEY"):
        AppTokens("https://api.github.com", "1", "not a key")
