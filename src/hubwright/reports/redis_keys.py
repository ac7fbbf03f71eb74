"""The names that systems 1 and 2 have for things in Redis, and Hubwright's own for what it keeps there for itself.

A job's name is its path. The key of a job `app_12` would be that of build 12 of `app`; such a job, and one whose name
ends in `_recent`, has `%5F` for that underscore, which no name has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from hubwright.domain.job_paths import split_path

_TAKEN = re.compile(r"_(?=(?:[0-9]+|recent)\Z)")
_OF_JOB = re.compile(r"(.*)_([0-9]+|recent)\Z", re.DOTALL)
_COMMIT = re.compile(r"(?:(.*):)?([0-9a-f]{40,64})(?::(platforms))?\Z", re.DOTALL)
_LINK = re.compile(r"github_.*_(?:pullrequest|branch)\Z", re.DOTALL)
_DRAFT = "hubwright:draft:"
_KINDS = {"pull_request": "pullrequest", "branch": "branch"}


class Told(NamedTuple):
    """A key of the read model: what it is of, and of that which part.

    `list`, `draft` and `folder` by name, `link` by key, `job` by path, `build` by job and number (or `recent`),
    `commit` by SHA and platform (or `platforms`).
    """

    kind: str
    name: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Every name, behind a prefix that sets several hubs apart in one Redis."""

    prefix: str = ""

    @property
    def commits(self) -> str:
        """System 1's list of commits, the newest first."""
        return f"{self.prefix}commits"

    @property
    def mark(self) -> str:
        """How far the facts are told."""
        return f"{self.prefix}hubwright:mark"

    @property
    def tree(self) -> str:
        """What of the tree is told."""
        return f"{self.prefix}hubwright:tree"

    @property
    def stamps(self) -> str:
        """Of which builds each commit is told."""
        return f"{self.prefix}hubwright:commits"

    @property
    def lease(self) -> str:
        """Who writes."""
        return f"{self.prefix}hubwright:writer"

    @property
    def pulse(self) -> str:
        """That somebody tells of the builders at the moment."""
        return f"{self.prefix}hubwright:pulse"

    @property
    def facts(self) -> str:
        """The channel of all facts."""
        return f"{self.prefix}hubwright:facts"

    def job(self, path: str) -> str:
        """The definition of a job; with `_recent` behind it the list of its builds."""
        return f"{self.prefix}job_{_TAKEN.sub('%5F', path)}"

    def recent(self, path: str) -> str:
        """The numbers of a job's newest builds, the newest first."""
        return f"{self.job(path)}_recent"

    def build(self, path: str, number: int) -> str:
        """A build, and the channel of what happens in it."""
        return f"{self.job(path)}_{number}"

    def folder(self, path: str) -> str:
        """The list of what is in a folder; "" is the root."""
        return f"{self.prefix}folder_{path}" if path else f"{self.prefix}jobs"

    def place(self, path: str) -> str:
        """The list that has the job or folder at this path."""
        return self.folder(split_path(path)[0])

    def draft(self, path: str) -> str:
        """The list of what is in a folder while it is written anew."""
        return f"{self.prefix}{_DRAFT}{path}"

    def link(self, repository: str, kind: str) -> str:
        """The job of which a repository's pull requests or branches have copies."""
        return f"{self.prefix}github_{repository.replace('/', '_')}_{_KINDS.get(kind, kind)}"

    def commit(self, sha: str) -> str:
        """A commit."""
        return f"{self.prefix}{sha}"

    def platforms(self, sha: str) -> str:
        """The platforms on which a commit was built."""
        return f"{self.prefix}{sha}:platforms"

    def outcome(self, platform: str, sha: str) -> str:
        """How a commit fared on a platform."""
        return f"{self.prefix}{platform}:{sha}"

    def node(self, builder: str) -> str:
        """The channel of a builder: the output of its runs, and that it lives."""
        return f"{self.prefix}node_{builder}"

    def read(self, key: str) -> Told | None:
        """What a key of the database is in the read model; None for one that is none of its."""
        if not key.startswith(self.prefix):
            return None
        name = key.removeprefix(self.prefix)
        if _LINK.match(name):
            return Told("link", key)
        if match := _COMMIT.match(name):
            return Told("commit", match[2], match[1] or match[3])
        return _read_job(name.removeprefix("job_")) if name.startswith("job_") else _read_place(name)


def _read_place(name: str) -> Told | None:
    if name.startswith(_DRAFT):
        return Told("draft", name)
    if name.startswith("folder_"):
        return Told("folder", name.removeprefix("folder_"))
    return Told("list", name) if name in {"jobs", "commits"} else None


def _read_job(name: str) -> Told:
    match = _OF_JOB.match(name)
    if match is None:
        return Told("job", name.replace("%5F", "_"))
    return Told("build", match[1].replace("%5F", "_"), match[2])
