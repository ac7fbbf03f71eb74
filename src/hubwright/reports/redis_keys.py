"""The names that systems 1 and 2 have for things in Redis, and Hubwright's own for what it keeps there for itself.

A job's name is its path. The key of a job `app_12` would be that of build 12 of `app`; such a job, and one whose name
ends in `_recent`, has `%5F` for that underscore, which no name has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hubwright.domain.job_paths import split_path

_TAKEN = re.compile(r"_(?=(?:[0-9]+|recent)\Z)")
_COMMIT = re.compile(r"(?:.*:)?[0-9a-f]{40,64}(?::platforms)?\Z", re.DOTALL)
_LINK = re.compile(r"github_.*_(?:pullrequest|branch)\Z", re.DOTALL)
_KINDS = {"pull_request": "pullrequest", "branch": "branch"}


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

    def is_told(self, key: str) -> bool:
        """Whether a key of the database is one of those that the read model has."""
        if not key.startswith(self.prefix):
            return False
        name = key.removeprefix(self.prefix)
        known = name in {"jobs", "commits"} or name.startswith(("job_", "folder_"))
        return known or _LINK.match(name) is not None or _COMMIT.match(name) is not None
