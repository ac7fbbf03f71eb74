"""How processes with the same settings ask GitHub: one budget, one token of an App, one memory of answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fake_github import FakeGitHub
from hubwright.config import load_settings
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from hubwright.store.github_budget import load_budgets
from hubwright.wiring.github import GitHubAccess, open_github
from hubwright.wiring.secret_keys import open_vault


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        fake.create_repository("octo/hello", {"a": "1"})
        yield fake


def start(github: FakeGitHub, database: Database, tmp_path: Path, **flags: str) -> GitHubAccess:
    named = {f"github.{name}": value for name, value in flags.items()}
    settings = load_settings({"data_dir": str(tmp_path), "github.api_url": github.api_url, **named}, None, {})
    open_vault(settings)
    return open_github(settings, database, Tally())


def test_processes_of_an_app_are_one_to_github(github: FakeGitHub, database: Database, tmp_path: Path) -> None:
    """One token for both, the second asks with the first one's tags, and what is left is known to both."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    github.install_app("12345", public.decode(), ["octo"])
    answers = []
    for _ in range(2):
        access = start(github, database, tmp_path, app_id="12345", app_private_key=private.decode())
        with closing(access):
            answers.append(access.client.get("/repos/octo/hello", owner="octo"))
            assert (access.token_of("octo") or "").startswith("ghs_12345_")
    assert [answer.not_modified for answer in answers] == [False, True]
    assert github.state.app is not None
    assert github.state.app.issued == 1
    with database.reading() as connection:
        assert set(load_budgets(connection)) == {"app 12345", f"installation {2**33}"}


def test_without_credentials_github_is_asked_anonymously(
    github: FakeGitHub, database: Database, tmp_path: Path
) -> None:
    with closing(start(github, database, tmp_path)) as access:
        assert (access.is_known, access.token_of("octo"), access.app) == (False, None, None)
        assert access.client.get("/repos/octo/hello").status == 200
    assert "authorization" not in github.requests[0].headers
