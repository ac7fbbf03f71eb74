"""Names of images, and what registries are told."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from hubwright.builder.executors.images import _authority, _find_digest, split_name
from hubwright.errors import ExecutorError

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("debian", ("debian", "latest")),
        ("debian:12", ("debian", "12")),
        ("ghcr.io/o/n", ("ghcr.io/o/n", "latest")),
        ("localhost:5000/n", ("localhost:5000/n", "latest")),
        ("localhost:5000/n:1", ("localhost:5000/n", "1")),
        (f"debian@{DIGEST}", ("debian", DIGEST)),
        (f"localhost:5000/n:1@{DIGEST}", ("localhost:5000/n", DIGEST)),
    ],
)
def test_names_are_split_where_registries_split_them(name: str, parts: tuple[str, str]) -> None:
    """Without a tag a daemon would pull every image of that name."""
    assert split_name(name) == parts


def test_each_registry_is_told_its_own_password(tmp_path: Path) -> None:
    """Docker's own `config.json`; a registry that is not in it is told nothing."""
    file = tmp_path / "config.json"
    entries = {"ghcr.io": "me:pass:word", "https://index.docker.io/v1/": "you:other"}
    file.write_text(
        json.dumps({"auths": {key: {"auth": base64.b64encode(it.encode()).decode()} for key, it in entries.items()}})
    )

    def told(name: str) -> dict[str, str] | None:
        header = _authority(name, file)
        return None if header is None else json.loads(base64.urlsafe_b64decode(header))

    assert told("ghcr.io/o/n:1") == {"username": "me", "password": "pass:word", "serveraddress": "ghcr.io"}
    assert (told("debian") or {})["username"] == "you"
    assert (told("library/debian") or {})["username"] == "you"
    assert told("registry.example.org/n") is None
    assert _authority("debian", None) is None


def test_a_file_of_passwords_that_is_wrong_is_named(tmp_path: Path) -> None:
    """Without a word of what is in it."""
    file = tmp_path / "config.json"
    file.write_text('{"auths": {"ghcr.io": {"auth": "secret"')
    with pytest.raises(ExecutorError, match=r"config\.json can't be read") as refused:
        _authority("ghcr.io/o/n", file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("ghcr.io/o/n:1", "sha256:two"),
        ("debian:12", "sha256:three"),
        ("localhost:5000/other", ""),
        (f"ghcr.io/o/n@{DIGEST}", DIGEST),
    ],
)
def test_an_image_in_several_repositories_has_the_digest_of_the_one_named(name: str, digest: str) -> None:
    """None where it lies only elsewhere; the recipe's own where it names one."""
    known = ["quay.io/a/b@sha256:one", "ghcr.io/o/n@sha256:two", "docker.io/library/debian@sha256:three"]
    assert _find_digest(name, known) == digest
    assert _find_digest("debian", ()) == ""
