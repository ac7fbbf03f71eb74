"""The history of a branch, out of a mirror that has its commits. Raises UnreachableRepositoryError when git fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple

from hubwright.domain.refs import check_sha
from hubwright.git.commands import GitError
from hubwright.git.mirrors import Mirrors, Origin, explained

_LENGTH = 200
_ENCODINGS = re.compile(
    r"(iso-?8859-\d{1,2}|latin-?1|(windows-|cp)\d{3,4}|koi8-[ru]|euc-(jp|kr)|shift[_-]jis|gbk|gb2312|gb18030|big5)",
    re.IGNORECASE,
)


class Described(NamedTuple):
    """A commit for people: who wrote it, and the first line of its message."""

    author: str
    subject: str


class Told(NamedTuple):
    """A commit with its message and its author's name and time (ISO 8601)."""

    sha: str
    author: str
    at: str
    message: str


def list_new_commits(mirrors: Mirrors, origin: Origin, before: str, after: str, bound: int) -> list[Told]:
    """The commits that `after` has and `before` has not, newest first, at most `bound`.

    Where there are none, or `before` is not in the mirror, `after` alone.
    """
    form = "--format=%H%x00%an%x00%aI%x00%B"
    answer = ""
    if mirrors.has(origin, before):
        chosen = (f"--max-count={bound}", check_sha(after), f"^{check_sha(before)}")
        answer = _run(mirrors, origin, "log", "-z", "--no-color", form, *chosen)
    words = (answer or _run(mirrors, origin, "log", "-z", "--no-color", form, "--max-count=1", check_sha(after))).split(
        "\0"
    )
    rows = (words[at : at + 4] for at in range(0, len(words) - 3, 4))
    return [Told(sha, author[:_LENGTH], at, message.rstrip("\n")) for sha, author, at, message in rows]


def list_first_parents(mirrors: Mirrors, origin: Origin, sha: str, bound: int) -> list[str]:
    """The commit and those before it on its branch, newest first, at most `bound`: merged ones count as their merge."""
    return _run(mirrors, origin, "rev-list", "--first-parent", f"--max-count={bound}", check_sha(sha)).split()


def describe_commits(mirrors: Mirrors, origin: Origin, shas: Sequence[str]) -> dict[str, Described]:
    """Author and subject of each commit that the mirror has."""
    found = ((sha, mirrors.read_commit(origin, check_sha(sha))) for sha in shas)
    return {sha: read_description(content) for sha, content in found if content is not None}


def read_description(content: bytes) -> Described:
    """Author and subject out of a commit's object, as `git show --format=%an%x00%s` would tell them.

    What is not said to be in another encoding is UTF-8. https://git-scm.com/docs/git-commit#_discussion
    """
    head, _, message = content.partition(b"\n\n")
    said = dict(line.split(b" ", 1) for line in reversed(head.split(b"\n")) if line[:1] != b" " and b" " in line)
    lines = dropwhile(lambda line: not line, (line.rstrip() for line in message.split(b"\n")))
    subject = b" ".join(takewhile(bool, lines))
    author = said.get(b"author", b"").partition(b"<")[0].strip()
    encoding = said.get(b"encoding", b"").decode("ascii", "replace")
    return Described(*(_decode(part, encoding).replace("\0", "")[:_LENGTH] for part in (author, subject)))


def _decode(text: bytes, encoding: str) -> str:
    """Strangers name the encoding: only those that people have written in are looked for."""
    try:
        return text.decode(encoding if _ENCODINGS.fullmatch(encoding) else "utf-8", "replace")
    except LookupError:
        return text.decode("utf-8", "replace")


def is_ancestor(mirrors: Mirrors, origin: Origin, older: str, newer: str) -> bool:
    """Whether `newer` has `older` in its history, or is it."""
    return not _run(mirrors, origin, "rev-list", "--max-count=1", check_sha(older), f"^{check_sha(newer)}").strip()


def is_on_branch(mirrors: Mirrors, origin: Origin, sha: str) -> bool:
    """Whether a branch or tag that was fetched has the commit. What only a pull request has brought is on none."""
    return bool(
        _run(
            mirrors, origin, "for-each-ref", "--count=1", f"--contains={check_sha(sha)}", "refs/heads", "refs/tags"
        ).strip()
    )


def list_changed_files(mirrors: Mirrors, origin: Origin, base: str, head: str) -> list[str]:
    """The files that differ between `head` and where it left `base`, or `base` itself when they share no commit."""
    asked = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff"]
    try:
        answer = mirrors.git.run([*asked, f"{check_sha(base)}...{check_sha(head)}", "--"], mirrors.path(origin))
    except GitError:  # no common history
        return _split(_run(mirrors, origin, *asked, check_sha(base), check_sha(head), "--"))
    return _split(answer.decode("utf-8", "replace"))


def _split(names: str) -> list[str]:
    return [name for name in names.split("\0") if name]


def find_commit(mirrors: Mirrors, origin: Origin, digits: str) -> str | None:
    """The one commit of the mirror whose id begins with these hexadecimal digits."""
    if not digits.isalnum() or not set(digits.lower()) <= set("0123456789abcdef"):
        return None
    try:
        answer = mirrors.git.run(["rev-parse", "--verify", "-q", f"{digits}^{{commit}}"], mirrors.path(origin))
    except (GitError, FileNotFoundError):
        return None
    return answer.decode("ascii").strip() or None


def _run(mirrors: Mirrors, origin: Origin, *arguments: str) -> str:
    try:
        return mirrors.git.run(arguments, mirrors.path(origin)).decode("utf-8", "replace")
    except GitError as failure:
        raise explained(failure, origin.repository) from failure
