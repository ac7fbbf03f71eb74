"""Mirrors: what git has is fetched once, what is wrong is told apart, and no name from outside is an option."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from git_repositories import GitRepository
from hubwright.errors import DiskFullError, UnreachableRepositoryError, VanishedCommitError
from hubwright.git.commands import Git, GitError
from hubwright.git.mirrors import Mirrors, Origin, explained
from hubwright.git.objects import MAX_FILE


class CountingGit(Git):
    """git that counts its fetches."""

    fetches: list[tuple[str, ...]] = []  # noqa: RUF012  cleared by the fixture

    def run(self, arguments: Any, *rest: Any, **more: Any) -> bytes:
        if arguments[0] == "fetch":
            self.fetches.append(tuple(arguments))
        return super().run(arguments, *rest, **more)


@pytest.fixture
def remote(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "remote" / "octo" / "hello.git")


@pytest.fixture
def origin(remote: GitRepository) -> Origin:
    return Origin(repository="octo/hello", clone_url=f"file://{remote.path}")


@pytest.fixture
def mirrors(tmp_path: Path) -> Iterator[Mirrors]:
    CountingGit.fetches.clear()
    opened = Mirrors(tmp_path / "mirrors", CountingGit("file"), timeout=20)
    yield opened
    opened.close()


def test_a_commit_is_fetched_once_and_its_files_are_read(
    mirrors: Mirrors, remote: GitRepository, origin: Origin
) -> None:
    sha = remote.commit({"a/b.txt": "hello", "big": b"x" * (MAX_FILE + 5000), "naïve \U0001f600": "1"})
    assert not mirrors.has(origin, sha)
    for _ in range(3):
        mirrors.fetch(origin, sha, "refs/heads/main")
    assert len(CountingGit.fetches) == 1
    assert mirrors.read_file(origin, sha, "a/b.txt") == b"hello"
    assert mirrors.read_file(origin, sha, "big") == b"x" * MAX_FILE
    assert mirrors.read_file(origin, sha, "a") is None
    assert mirrors.read_file(origin, sha, "no such file") is None
    assert mirrors.read_file(origin, sha, "a\nb") is None
    assert mirrors.list_files(origin, sha) == ["a/b.txt", "big", "naïve \U0001f600"]
    assert mirrors.list_files(origin, sha, bound=1) == ["a/b.txt"]


def test_many_who_ask_at_once_cause_one_fetch(mirrors: Mirrors, remote: GitRepository, origin: Origin) -> None:
    sha = remote.commit({"a": "1"})
    start = threading.Barrier(6)

    def ask() -> None:
        start.wait(20)
        mirrors.fetch(origin, sha, "refs/heads/main")

    with ThreadPoolExecutor(6) as pool:
        for asked in [pool.submit(ask) for _ in range(6)]:
            asked.result(30)
    assert len(CountingGit.fetches) == 1


def test_a_commit_that_its_branch_no_longer_has_is_still_found(
    mirrors: Mirrors, remote: GitRepository, origin: Origin
) -> None:
    """A force push came between the push and us; GitHub gives such commits by their id for a while."""
    first = remote.commit({"a": "1"})
    remote.move("main", remote.commit({"b": "1"}, branch="other"))
    mirrors.fetch(origin, first, "refs/heads/main")
    assert mirrors.has(origin, first)


def test_a_branch_that_is_gone_is_no_reason_to_give_up(mirrors: Mirrors, remote: GitRepository, origin: Origin) -> None:
    sha = remote.commit({"a": "1"})
    mirrors.fetch(origin, sha, "refs/heads/deleted")
    assert mirrors.has(origin, sha)


def test_a_commit_that_is_gone_for_good_is_told_apart_from_a_repository_that_is_away(
    mirrors: Mirrors, remote: GitRepository, origin: Origin
) -> None:
    remote.commit({"a": "1"})
    with pytest.raises(VanishedCommitError, match="no longer has commit"):
        mirrors.fetch(origin, "d" * 40, "refs/heads/main")
    away = Origin(repository="octo/away", clone_url=f"file://{remote.path}.away")
    with pytest.raises(UnreachableRepositoryError, match="octo/away can't be fetched"):
        mirrors.fetch(away, "d" * 40, "refs/heads/main")
    with pytest.raises(UnreachableRepositoryError):
        mirrors.read_heads(away)


@pytest.mark.parametrize(
    ("sha", "ref"),
    [("HEAD", "refs/heads/main"), ("--upload-pack=id", "refs/heads/main"), ("d" * 39, "refs/heads/main"),
     ("d" * 40, "refs/heads/../../x"), ("d" * 40, "refs/heads/a b"), ("d" * 40, "refs/heads/a:refs/heads/b"),
     ("d" * 40, "refs/heads/*")],
)  # fmt: skip
def test_names_that_git_could_take_for_more_never_reach_it(
    mirrors: Mirrors, origin: Origin, sha: str, ref: str
) -> None:
    """S40."""
    with pytest.raises(VanishedCommitError):
        mirrors.fetch(origin, sha, ref)
    assert CountingGit.fetches == []


@pytest.mark.parametrize(
    "address", ["--upload-pack=touch /tmp/x", "-c", "ext::sh -c id", "file:///a\nb", "http://h/o/n"]
)
def test_addresses_of_other_protocols_and_options_are_refused(mirrors: Mirrors, address: str) -> None:
    """S40: the allow-list holds for every fetch, whoever gave the address."""
    with pytest.raises(UnreachableRepositoryError):
        mirrors.fetch(Origin(repository="o/n", clone_url=address), "d" * 40, "refs/heads/main")
    with pytest.raises(UnreachableRepositoryError):
        mirrors.read_heads(Origin(repository="o/n", clone_url=address))


def test_hostile_branch_names_are_fetched_as_what_they_are(
    mirrors: Mirrors, remote: GitRepository, origin: Origin, tmp_path: Path
) -> None:
    """Names as attack: git takes them, so do we, and nothing of them is run."""
    for number, name in enumerate(
        ["$(touch${IFS}pwned)", "`id`", "a;id", "'\"", "<script>", "-", "%s%n", "\U0001f600"]
    ):
        if name == "-":
            continue
        sha = remote.commit({"a": str(number)}, branch=f"x{number}")
        remote.git("update-ref", f"refs/heads/{name}", sha)
        remote.delete(f"x{number}")
        mirrors.fetch(origin, sha, f"refs/heads/{name}")
        assert mirrors.read_heads(origin)[f"refs/heads/{name}"] == sha
    assert not list(tmp_path.rglob("pwned"))


def test_heads_of_a_repository_and_of_an_empty_one(mirrors: Mirrors, remote: GitRepository, origin: Origin) -> None:
    assert mirrors.read_heads(origin) == {}
    sha = remote.commit({"a": "1"})
    assert mirrors.read_heads(origin) == {"HEAD": sha, "refs/heads/main": sha}


def test_tags_are_known_by_their_commits(mirrors: Mirrors, remote: GitRepository, origin: Origin) -> None:
    """An annotated tag is an object of its own; what is built is the commit behind it."""
    sha = remote.commit({"a": "1"})
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    remote.git("tag", "light", sha)
    remote.git(*who, "tag", "-a", "-m", "m", "heavy", sha)
    heads = mirrors.read_heads(origin)
    assert heads["refs/tags/light"] == heads["refs/tags/heavy"] == sha


def test_a_reader_that_was_killed_is_started_again(mirrors: Mirrors, remote: GitRepository, origin: Origin) -> None:
    sha = remote.commit({"a": "1"})
    mirrors.fetch(origin, sha, "refs/heads/main")
    process = mirrors._reader(mirrors.path(origin))._process
    assert process is not None
    process.kill()
    process.wait()
    assert mirrors.read_file(origin, sha, "a") == b"1"


def test_only_so_many_reading_processes_live(mirrors: Mirrors, tmp_path: Path) -> None:
    for number in range(18):
        remote = GitRepository(tmp_path / "many" / f"r{number}.git")
        origin = Origin(repository=f"o/r{number}", clone_url=f"file://{remote.path}")
        mirrors.fetch(origin, remote.commit({"a": "1"}), "refs/heads/main")
    assert len(mirrors._readers) == 16


def test_a_token_is_in_no_argument_and_for_one_host_only(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ps` shows arguments to every user of the machine."""
    seen: list[Any] = []

    def run(_self: Git, arguments: Any, _folder: Path, settings: Any = None, _timeout: float = 0) -> bytes:
        seen.append((arguments, dict(settings)))
        return b""

    monkeypatch.setattr(CountingGit, "run", run)
    for address in ("https://github.com/o/n.git", "file:///o/n.git", "http://github.com/o/n.git"):
        mirrors.read_heads(Origin(repository="o/n", clone_url=address, token_of=lambda: "s3cret"))
    assert "s3cret" not in str([arguments for arguments, _ in seen])
    assert list(seen[0][1]) == ["http.https://github.com/.extraHeader"]
    assert seen[1][1] == seen[2][1] == {}


def test_what_git_complains_of_is_understood() -> None:
    assert isinstance(explained(GitError("error: write: No space left on device"), "o/n"), DiskFullError)
    said = str(explained(GitError("warning: x\nfatal: unable to access 'https://h/': timeout\n"), "o/n"))
    assert said == "o/n can't be fetched: fatal: unable to access 'https://h/': timeout"


def test_a_fetch_that_does_not_end_is_ended(tmp_path: Path) -> None:
    git = Git("file")
    with pytest.raises(GitError, match="took longer"):
        git.run(["-c", "alias.wait=!sleep 60", "wait"], tmp_path, timeout=0.2)
