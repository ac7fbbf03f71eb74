"""A commit is described without a git process; what that tells must be what git itself would tell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hubwright.git.commands import Git
from hubwright.git.history import Described, describe_commits
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.git.reachable import Reachable

TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ORIGIN = Origin(repository="octo/app", clone_url="https://git.example.org/octo/app.git")
SIGNED = b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n author Eve <e@example.org> 1 +0000\n -----END PGP SIGNATURE-----\n"

ODD = {
    "plain": (b"", b"Ada Lovelace", b"One line\n\nand more\n"),
    "folded": (b"", b"Ada", b"\n\n  A subject\nof two lines  \n \nbody\n"),
    "no message": (b"", b"Ada", b""),
    "only blanks": (b"", b"Ada", b" \n\t\n"),
    "no line end": (b"", "Zoë Ünïcode".encode(), "für Élise".encode()),
    "latin-1": (b"encoding ISO-8859-1\n", "Zoë".encode("latin-1"), "für alle\n".encode("latin-1")),
    "unknown encoding": (b"encoding rot13\n", b"Ada", b"Fhowrpg\n"),
    "signed": (SIGNED, b"Ada", b"Signed\n"),
    "no name": (b"", b"", b"Nobody's\n"),
    "carriage returns": (b"", b"Ada", b"From Windows\r\n\r\nbody\r\n"),
}


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    mirrors = Mirrors(tmp_path, Git())
    subprocess.run(["git", "init", "-q", "--bare", mirrors.path(ORIGIN)], check=True)
    git(mirrors, "hash-object", "-t", "tree", "-w", "--stdin")
    return mirrors


def git(mirrors: Mirrors, *words: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["git", *words], cwd=mirrors.path(ORIGIN), input=given, capture_output=True, check=True)
    return done.stdout.strip()


def commit(mirrors: Mirrors, headers: bytes = b"", name: bytes = b"Ada", message: bytes = b"x\n") -> str:
    who = b"%s <a@example.org> 1767225600 +0000\n" % name
    parts = (b"tree ", TREE, b"\nauthor ", who, b"committer ", who, headers, b"\n", message)
    return git(mirrors, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=b"".join(parts)).decode()


@pytest.mark.parametrize("kind", ODD)
def test_a_commit_is_described_as_git_shows_it(mirrors: Mirrors, kind: str) -> None:
    sha = commit(mirrors, *ODD[kind])
    author, subject = git(mirrors, "show", "-s", "--format=%an%x00%s.", sha).decode("utf-8", "replace").split("\0")
    assert describe_commits(mirrors, ORIGIN, [sha]) == {sha: Described(author, subject.removesuffix("."))}
    mirrors.close()


def test_a_commit_that_the_mirror_lacks_is_not_described(mirrors: Mirrors) -> None:
    assert describe_commits(mirrors, ORIGIN, ["0" * 40]) == {}
    mirrors.close()


def test_what_a_branch_leads_to_is_asked_once(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old ones too, and one that no branch has is asked for each time: it may have come to one since."""
    first, other = commit(mirrors, message=b"first\n"), commit(mirrors, message=b"of a fork\n")
    git(mirrors, "update-ref", "refs/heads/main", first)
    asked: list[str] = []
    run = Git.run
    monkeypatch.setattr(Git, "run", lambda self, words, *more: (asked.append(words[0]), run(self, words, *more))[1])
    reachable, mirror = Reachable(Git()), mirrors.path(ORIGIN)
    assert [reachable.has(mirror, first), reachable.has(mirror, first)] == [True, True]
    assert asked == ["rev-list"]
    assert not reachable.has(mirror, other)
    git(mirrors, "update-ref", "refs/tags/v1", other)
    assert reachable.has(mirror, other)
