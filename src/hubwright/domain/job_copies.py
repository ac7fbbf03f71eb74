"""Copies of a job for pull requests and branches: which are wanted, and what they are called.

A copy's name tells what it is of: `app_pr25`, `app_release-1-2`. Several branches may look alike when only letters,
digits and dashes are left of them. Exactly one of these is written plainly, and the name alone tells which, so it makes
no difference which came first: the branch that is called so itself or, where the name ends in a version, the one with
dots in it and a slash before it (`release/1.2`). Every other has a digest behind it.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from hubwright.domain.job_paths import MAX_NAME, split_path
from hubwright.domain.matching import glob_matches

EVERYTHING = ("**",)
"""The globs that any branch or tag matches."""

_PARENT = 60  # characters of the parent's name that a copy's name has
_SHORT, _LONG = 8, 26  # characters of a digest: 40 bits, and 130 for when that path is taken
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_VERSION = re.compile(r"(?:\A|-)(v?[0-9]+(?:-(?:[0-9]+|x))+)\Z")
_LIKE_PULL_REQUEST = re.compile(r"pr[0-9]+\Z")


class CopyKind(StrEnum):
    """What copies are made for."""

    PULL_REQUEST = "pull_request"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class CopyKey:
    """What a copy is of: a pull request's number or a branch's name; `repository` is set if it is not the job's own.

    Its number at GitHub counts where that is known: a name may be another repository's later.
    """

    kind: CopyKind
    name: str
    repository: str | None = None
    repository_id: int | None = None

    def __str__(self) -> str:
        """As the database has it: `pull_request:25`, `branch:main #7`, or without a number `branch:main owner/name`."""
        own = f"{self.kind.value}:{self.name}"
        if self.repository_id is not None:
            return f"{own} #{self.repository_id}"
        return own if self.repository is None else f"{own} {self.repository.lower()}"


@dataclass(frozen=True, slots=True)
class Link:
    """That the pull requests or branches of a repository have copies of a job.

    `globs` are of the branches, or of those that pull requests go into; `!glob` excludes. `repository` is set if it is
    not the job's own, and with it GitHub's number.
    """

    kind: CopyKind
    globs: tuple[str, ...] = EVERYTHING
    repository: str | None = None
    repository_id: int | None = None


def read_copy_key(text: str) -> CopyKey:
    """The key that `str` has written; a repository has its number or its name. Raises ValueError."""
    kind, _, rest = text.partition(":")
    name, _, repository = rest.partition(" ")  # no branch has a blank
    if repository.startswith("#"):
        return CopyKey(CopyKind(kind), name, None, int(repository[1:]))
    return CopyKey(CopyKind(kind), name, repository or None)


def is_wanted(globs: Sequence[str], name: str) -> bool:
    """Whether a branch or tag is wanted: one glob matches it and no `!glob` does; no globs want nothing."""
    wanted = [glob for glob in globs if not glob.startswith("!")] or list(EVERYTHING)
    excluded = [glob[1:] for glob in globs if glob.startswith("!")]
    return (
        bool(globs)
        and any(glob_matches(glob, name) for glob in wanted)
        and not any(glob_matches(glob, name) for glob in excluded)
    )


def copy_of_branch(link: Link, branch: str, default_branch: str | None) -> CopyKey | None:
    """The copy that builds a push to a branch; None for the job itself, which also builds its default branch."""
    if link.kind is not CopyKind.BRANCH or not is_wanted(link.globs, branch):
        return None
    own_default = link.repository is None and branch == default_branch
    return None if own_default else CopyKey(CopyKind.BRANCH, branch, link.repository, link.repository_id)


def copy_of_pull_request(link: Link, number: int, target: str) -> CopyKey | None:
    """The copy that builds a pull request into branch `target`, wherever its commits come from; None for the job."""
    if link.kind is not CopyKind.PULL_REQUEST or not is_wanted(link.globs, target):
        return None
    return CopyKey(CopyKind.PULL_REQUEST, str(number), link.repository, link.repository_id)


def copy_paths(parent: str, key: CopyKey) -> tuple[str, str]:
    """Where a copy of the job at `parent` is, and where it is if something else has that path.

    Two copies never have the same path, whichever of both each has.
    """
    folder, name = split_path(parent)
    head = f"{folder}/{name[:_PARENT]}_" if folder else f"{name[:_PARENT]}_"
    room = MAX_NAME - len(name[:_PARENT]) - 1 - _LONG - 1
    safe, plain = _say(key)
    digest = b32encode(sha256(f"{parent}\n{key}".encode("utf-8", "surrogatepass")).digest()).decode().lower()
    marked = f"{head}{safe[:room].strip('-')}"
    plain = plain and len(safe) <= room and len(name) <= _PARENT
    return f"{head}{safe}" if plain else f"{marked}.{digest[:_SHORT]}", f"{marked}.{digest[:_LONG]}"


def _say(key: CopyKey) -> tuple[str, bool]:
    """The key in letters, digits and dashes, and whether nothing else may be written so."""
    if key.kind is CopyKind.PULL_REQUEST:
        said, plain = f"pr{key.name}", True
    else:
        said = _UNSAFE.sub("-", key.name).strip("-") or "branch"
        plain = key.name == _plain_branch(said) and not _LIKE_PULL_REQUEST.match(said)
    if key.repository is None:
        return said, plain
    return f"{_UNSAFE.sub('-', key.repository.rpartition('/')[2]).strip('-')}-{said}", False


def _plain_branch(said: str) -> str:
    """Of the branches that are all said so, the one that is written plainly."""
    version = _VERSION.search(said)
    if version is None:
        return said
    before = said[: version.start()]
    return f"{before}/{version[1].replace('-', '.')}" if before else version[1].replace("-", ".")
