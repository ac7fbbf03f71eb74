"""Real bare git repositories for tests, made in milliseconds: one `git fast-import` per call, no working copy."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NO_COMMIT = "0" * 40
FIRST_SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z: commits are a minute apart, so ids are the same in each run

_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = true
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
[gc]
\tauto = 0
[receive]
\tautogc = false
"""


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who commits; `login` is the GitHub account, None for an author that GitHub does not know."""

    name: str = "Ada Lovelace"
    email: str = "ada@example.org"
    login: str | None = "ada"


@dataclass(frozen=True, kw_only=True)
class LoggedCommit:
    """A commit as `git log --name-status` tells it."""

    sha: str
    tree: str
    author_name: str
    author_email: str
    timestamp: str
    message: str
    added: list[str]
    removed: list[str]
    modified: list[str]


Files = Mapping[str, str | bytes | None]
"""Path to content; None deletes the file. Content that starts with `#!` becomes executable."""


class GitRepository:
    """A bare repository at `path`; branches move only by the methods here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        for folder in ("objects", "refs/heads", "refs/tags"):
            (path / folder).mkdir(parents=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        (path / "config").write_text(_CONFIG)

    def commit(
        self, files: Files, message: str = "Change", *, branch: str = "main", author: Author | None = None
    ) -> str:
        """Commit on top of `branch` (made when it is new, without a parent); return the commit's id."""
        return self.commit_each([(files, message)], branch=branch, author=author)[0]

    def commit_each(
        self, changes: Sequence[tuple[Files, str]], *, branch: str = "main", author: Author | None = None
    ) -> list[str]:
        """Make one commit per (files, message), oldest first, in one go; return their ids."""
        parent = self.head(branch)
        stream = bytearray()
        for number, (files, message) in enumerate(changes, 1):
            stream += self._commit_command(f"refs/heads/{branch}", number, message, author or Author())
            if parent is not None and number == 1:
                stream += f"from {parent}\n".encode()
            stream += b"".join(map(_file_command, files.items()))
        stream += b"".join(b"get-mark :%d\n" % number for number in range(1, len(changes) + 1))
        return self.git("fast-import", "--quiet", "--force", stdin=bytes(stream)).decode().split()

    def head(self, branch: str = "main") -> str | None:
        """Return the branch's commit id, None when there is no such branch."""
        loose = self.path / "refs" / "heads" / branch
        return loose.read_text().strip() if loose.is_file() else self.find(f"refs/heads/{branch}")

    def find(self, revision: str) -> str | None:
        """Return the commit id that `revision` (id, ref) names, None when it is not here."""
        found = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", check=False)
        return found.decode().strip() or None

    def move(self, branch: str, sha: str) -> None:
        """Let `branch` point to `sha`, wherever it pointed before: a force push, or a new branch."""
        self.git("update-ref", f"refs/heads/{branch}", sha)

    def tag(self, name: str, sha: str) -> None:
        """Make a light tag."""
        self.git("update-ref", f"refs/tags/{name}", sha)

    def delete(self, branch: str) -> None:
        """Delete `branch`; its commits stay until `prune`."""
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def prune(self) -> None:
        """Drop every commit that no branch or tag reaches, as GitHub does some time after a force push."""
        self.git("repack", "-adq")
        self.git("prune", "--expire=now")

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        return self.git("merge-base", older, newer, check=False).decode().strip() == older

    def read(self, path: str, revision: str = "HEAD") -> bytes | None:
        """Return a file's content at `revision`, None when it is not there."""
        if self.find(revision) is None or not self.git("ls-tree", revision, "--", path):
            return None
        return self.git("cat-file", "blob", f"{revision}:{path}")

    def branches(self) -> dict[str, str]:
        """Return each branch's name and commit id, in the order of names."""
        lines = (
            self.git("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads").decode().splitlines()
        )
        return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}

    def log(self, revisions: Sequence[str], *, limit: int = 2048) -> list[LoggedCommit]:
        """Return the newest `limit` commits of `revisions`, newest first."""
        pattern = "%x1e%H%x1f%T%x1f%an%x1f%ae%x1f%aI%x1f%B%x1f"
        text = self.git(
            "log",
            f"--max-count={limit}",
            f"--format={pattern}",
            "--name-status",
            "--no-renames",
            "-z",
            *revisions,
            "--",
        )
        return [_read_logged(entry) for entry in text.decode().split("\x1e")[1:]]

    def git(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> bytes:
        """Run git in this repository and return its output."""
        command = ["git", "--git-dir", str(self.path), *arguments]
        return subprocess.run(command, input=stdin, check=check, capture_output=True).stdout

    def _commit_command(self, ref: str, number: int, message: str, author: Author) -> bytes:
        self._commits += 1
        who = f"{author.name} <{author.email}> {FIRST_SECOND + 60 * self._commits} +0000"
        return f"commit {ref}\nmark :{number}\nauthor {who}\ncommitter {who}\n".encode() + _data(message.encode())


def _file_command(change: tuple[str, str | bytes | None]) -> bytes:
    path, content = change
    if content is None:
        return b"D %b\n" % path.encode()
    raw = content.encode() if isinstance(content, str) else content
    return b"M %b inline %b\n" % (b"100755" if raw.startswith(b"#!") else b"100644", path.encode()) + _data(raw)


def _data(raw: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(raw), raw)


def _read_logged(entry: str) -> LoggedCommit:
    sha, tree, name, email, timestamp, message, changes = entry.split("\x1f", 6)
    parts = changes.strip("\0\n").split("\0") if changes.strip("\0\n") else []
    paths: dict[str, list[str]] = {"A": [], "D": [], "M": []}
    for letter, path in zip(parts[::2], parts[1::2], strict=True):
        paths.get(letter.strip(), paths["M"]).append(path)
    return LoggedCommit(
        sha=sha, tree=tree, author_name=name, author_email=email, timestamp=timestamp, message=message.rstrip("\n"),
        added=paths["A"], removed=paths["D"], modified=paths["M"],
    )  # fmt: skip
