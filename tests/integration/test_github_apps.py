"""A GitHub App's tokens, against a fake that verifies the JWT with the public key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fake_github import FakeGitHub
from github_pace import unpaced
from hub_parts import rows
from hubwright.errors import GitHubRefusedError, RateLimitedError, SettingsError
from hubwright.github.apps import AppTokens, MemoryTokens
from hubwright.github.client import GitHubClient
from hubwright.hub.github_sharing import SealedTokens
from hubwright.hub.sealing import Keys, make_key
from hubwright.store import schema
from hubwright.store.database import Database


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
    with GitHubClient(github.api_url, tokens, gate=unpaced()) as client:
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
    assert tokens("umbrella").token != first.token
    clock.ahead = 3300 - 60
    assert tokens("octo") == first
    assert github.state.app is not None
    github.state.app.ahead = clock.ahead = 3301
    renewed = tokens("octo")
    assert renewed.token != first.token
    assert renewed.budget == first.budget  # the hour's limit is the installation's
    assert renewed.tags != first.tags  # GitHub's ETags are the token's
    tokens.close()


def test_all_processes_use_one_token_through_its_hour(
    github: FakeGitHub, keys: tuple[str, str], database: Database
) -> None:
    """The ETags that one worker was given hold for the others, and after a restart; the token lies there sealed."""
    secret_key = make_key()

    def start() -> AppTokens:
        store = SealedTokens(database, lambda: Keys([secret_key]))
        return AppTokens(github.api_url, "12345", keys[0], store=store)

    first, second = start(), start()
    token = first("octo").token
    assert second("octo").token == token
    assert github.state.app is not None
    assert github.state.app.issued == 1
    (row,) = rows(database, schema.github_token)
    assert (token or "-") not in row.sealed
    first.close()
    second.close()
    with closing(start()) as third:
        assert third("octo").token == token


@pytest.mark.parametrize("texts", [[], [make_key()]])
def test_without_the_key_each_process_has_its_own_token(
    github: FakeGitHub, keys: tuple[str, str], database: Database, texts: list[str]
) -> None:
    """A key that was lost or is not there yet stops nothing."""
    store = SealedTokens(database, lambda: Keys([make_key()]))
    store.keep("app 12345 installation 8589934592", "sealed by another key", time.time() + 3600)
    tokens = AppTokens(github.api_url, "12345", keys[0], store=SealedTokens(database, lambda: Keys(texts)))
    with closing(tokens):
        assert (tokens("octo").token or "").startswith("ghs_12345_")


def test_a_token_that_github_takes_back_is_replaced(github: FakeGitHub, keys: tuple[str, str]) -> None:
    """An owner may suspend the App or revoke its tokens at any time within the hour."""
    store = MemoryTokens()
    first, second = (AppTokens(github.api_url, "12345", keys[0], store=store) for _ in range(2))
    with closing(first), closing(second), GitHubClient(github.api_url, first) as client:
        taken = second("octo").token
        assert client.get("/repos/octo/hello", owner="octo").status == 200
        github.state.tokens.remove(str(taken))
        assert client.get("/repos/octo/hello", owner="octo", remember=False).status == 200
        assert first("octo").token != taken
        with GitHubClient(github.api_url, second) as other:
            assert other.get("/repos/octo/hello", owner="octo").status == 200
        assert second("octo").token == first("octo").token
    assert github.state.app is not None
    assert github.state.app.issued == 2


def test_an_app_that_was_installed_anew_is_found_under_its_new_number(
    github: FakeGitHub, tokens: AppTokens, keys: tuple[str, str]
) -> None:
    app = github.state.app
    assert app is not None
    before = tokens("octo")
    app.installations["octo"] += 100
    assert before.forget is not None
    before.forget()
    assert tokens("octo").budget == f"installation {app.installations['octo']}"


@pytest.mark.parametrize("letters", [40, 93, 255, 256, 520, 1024, 2048, 2049, 4096, 8000])
def test_a_token_of_any_length_is_used_kept_and_shared(
    github: FakeGitHub, keys: tuple[str, str], database: Database, letters: int
) -> None:
    """GitHub's installation tokens became longer in 2026, and it promises no bound."""
    assert github.state.app is not None
    github.state.app.letters = letters
    key = make_key()

    def start() -> AppTokens:
        store = SealedTokens(database, lambda: Keys([key]))
        return AppTokens(github.api_url, "12345", keys[0], store=store)

    with closing(start()) as tokens, GitHubClient(github.api_url, tokens) as client:
        token = tokens("octo").token or ""
        assert len(token) == letters
        assert client.get("/repos/octo/hello", owner="octo").status == 200
        assert github.requests[-1].headers["authorization"] == f"Bearer {token}"
        with closing(start()) as other:
            assert other("octo").token == token


def test_two_installations_have_their_own_tokens_and_budgets(github: FakeGitHub, keys: tuple[str, str]) -> None:
    """What one organization has used up stops no build of another."""
    github.create_repository("umbrella/hello", {"a": "1"})
    gate = unpaced()
    with (
        closing(AppTokens(github.api_url, "12345", keys[0])) as tokens,
        GitHubClient(github.api_url, tokens, gate=gate) as client,
    ):
        gate.pause(tokens("octo").budget, 600)
        with pytest.raises(RateLimitedError):
            client.get("/repos/octo/hello", owner="octo")
        assert client.get("/repos/umbrella/hello", owner="umbrella").status == 200
        used = github.requests[-1].headers["authorization"].partition(" ")[2]
        assert used == tokens("umbrella").token != tokens("octo").token
        assert tokens("umbrella").tags != tokens("octo").tags


def test_an_installation_does_not_wait_for_anothers_token(github: FakeGitHub, keys: tuple[str, str]) -> None:
    """GitHub is slow about one; the other is already known."""
    with closing(AppTokens(github.api_url, "12345", keys[0])) as tokens, ThreadPoolExecutor(1) as pool:
        tokens("umbrella")
        github.fail_next(1, status=0, latency=3)
        slow = pool.submit(tokens, "octo")
        github.wait_for(lambda: not github.state.faults)
        assert tokens("umbrella").token
        assert not slow.done()
        assert slow.result().token


def test_a_suspended_installation_is_told_and_works_again(github: FakeGitHub, keys: tuple[str, str]) -> None:
    """Before and after its token was had; the others go on, and it is found again without a restart."""
    clock = Clock()
    app = github.state.app
    assert app is not None
    with closing(AppTokens(github.api_url, "12345", keys[0], clock=clock)) as tokens:
        tokens("octo")
        app.suspended["octo"] = "2026-11-22T08:00:00Z"
        app.ahead = clock.ahead = 3600
        with pytest.raises(GitHubRefusedError, match="suspended for 'octo' since 2026-11-22T08:00:00Z"):
            tokens("octo")
        assert tokens("umbrella").token
        assert tokens.fetch_installations() == {"umbrella": 2**33 + 1}
        app.suspended.clear()
        app.ahead = clock.ahead = 3700
        assert tokens("octo").token
        del app.installations["octo"]
        app.ahead = clock.ahead = 3700 + 3600
        with pytest.raises(GitHubRefusedError, match="not installed for 'octo'"):
            tokens("octo")


def test_an_owner_without_the_app_is_told_so(github: FakeGitHub, tokens: AppTokens) -> None:
    """Anybody may push under any name: GitHub is not asked about strangers each time."""
    for _ in range(5):
        with pytest.raises(GitHubRefusedError, match="not installed for 'stranger'"):
            tokens("stranger")
    assert len(github.requests) == 1


def test_without_an_owner_only_a_single_installation_is_clear(github: FakeGitHub, keys: tuple[str, str]) -> None:
    clock = Clock()
    with closing(AppTokens(github.api_url, "12345", keys[0], clock=clock)) as tokens:
        with pytest.raises(GitHubRefusedError, match="not installed"):
            tokens(None)
        github.install_app("12345", keys[1], ["octo"])
        assert github.state.app is not None
        github.state.app.ahead = clock.ahead = 61
        assert tokens(None) == tokens("octo")


def test_the_app_itself_can_be_asked(github: FakeGitHub, tokens: AppTokens) -> None:
    assert tokens.fetch_installations() == {"octo": 2**33, "umbrella": 2**33 + 1}
    assert len(tokens.client.get("/app/installations").json) == 2


def test_a_wrong_app_is_refused(github: FakeGitHub, keys: tuple[str, str]) -> None:
    tokens = AppTokens(github.api_url, "999", keys[0])
    with closing(tokens), pytest.raises(GitHubRefusedError, match="401"):
        tokens("octo")


def test_a_key_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="GITHUB__APP_PRIVATE_KEY"):
        AppTokens("https://api.github.com", "1", "not a key")
