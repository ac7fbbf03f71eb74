"""A small real repository, bare, with one commit for each push to come: what builds check out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson

FILES = 20


def make_repository(path: Path, commits: int, command: str) -> list[str]:
    """Make it with `commits` commits on branch `main` and a recipe that runs `command`; their ids, oldest first."""
    path.mkdir(parents=True)
    _git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    for key in ("uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"):
        _git(path, "config", key, "true")
    stream = b"".join(_commit(number, command) for number in range(1, commits + 1))
    marks = b"".join(b"get-mark :%d\n" % number for number in range(1, commits + 1))
    return _git(path, "fast-import", "--quiet", stdin=stream + marks).split()


def move_branch(path: Path, sha: str) -> None:
    """Let `main` end at a commit, as before its push: what comes later is not fetched."""
    (path / "refs/heads/main").write_text(f"{sha}\n")


def write_recipe(command: str) -> str:
    """Hubwright's recipe of one stage."""
    return f"stages:\n  - test: {orjson.dumps(command).decode()}\n"


def _commit(number: int, command: str) -> bytes:
    message = b"Change %d" % number
    lines = [
        b"commit refs/heads/main",
        b"mark :%d" % number,
        b"committer Ada <ada@example.org> %d +0000" % (1_767_225_600 + number),
        b"data %d" % len(message),
        message,
    ]
    names = [b"src/file%d.c" % file for file in range(FILES)] if number == 1 else [b"src/file%d.c" % (number % FILES)]
    if number == 1:
        lines += _file(b".hubwright.yml", write_recipe(command).encode())
    for name in names:
        lines += _file(name, b"/* %b, change %d */\nint f(void) { return %d; }\n" % (name, number, number) * 20)
    return b"\n".join(lines) + b"\n"


def _file(name: bytes, content: bytes) -> list[bytes]:
    return [b"M 100644 inline " + name, b"data %d" % len(content), content]


def _git(path: Path, *words: str, stdin: bytes = b"") -> str:
    command = ["git", "--git-dir", str(path), *words]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode()
