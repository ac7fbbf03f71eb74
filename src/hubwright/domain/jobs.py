"""A job: what to build of a repository, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hubwright.domain.repos import Repository


class Commits(StrEnum):
    """Which commits of a push are built."""

    EACH = "each"
    HEAD = "head"
    BISECT = "bisect"  # the head; when it broke, as many more as it takes to find the commit that did it


class Approval(StrEnum):
    """What waits until someone with write access has approved it."""

    FORKS = "forks"  # all that is untrusted
    NEVER = "never"


class RecipeSide(StrEnum):
    """Whose recipe a fork's pull request is built with."""

    HEAD = "head"  # its own
    BASE = "base"  # that of the branch that it is for


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSettings:
    """The settings of a job; every one has a default, so a job may be just a repository.

    `recipe` is the text of an inline recipe (then nothing is read from the repository), else `recipe_path` is read
    at the commit, else the project is detected. `checkout: False` runs the stages in an empty folder. `backfill`: a
    platform that comes later builds the newest commit. `approval` says whether what a fork brings waits for approval,
    `untrusted_recipe` whose recipe it is built with, `comment` and `issue` whether GitHub is told in these ways too;
    None for each: as the hub's settings say.
    """

    commits: Commits = Commits.EACH
    max_commits_per_push: int = 20
    recipe: str | None = None
    recipe_path: str = ".hubwright.yml"
    checkout: bool = True
    platforms: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    timeout: int = 3600
    backfill: bool = True
    approval: Approval | None = None
    untrusted_recipe: RecipeSide | None = None
    comment: bool | None = None
    issue: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A definition in the folder tree. `path` is like `team/app`; `clone_url` is set only for plain git addresses."""

    id: int
    path: str
    repository_id: int | None
    repository: str
    clone_url: str | None
    settings: JobSettings
    enabled: bool = True

    def is_of(self, repository: Repository) -> bool:
        """Whether it builds this repository: by GitHub's number, else by name while it has no number."""
        if self.repository_id is not None:
            return self.repository_id == repository.id
        return self.repository.lower() == repository.full_name.lower()


def new_job(repository: Repository, settings: JobSettings, clone_url: str | None = None) -> Job:
    """The job that a repository has before anybody defines one: at its own name, not kept yet (`id` 0)."""
    return Job(
        id=0,
        path=repository.full_name,
        repository_id=repository.id,
        repository=repository.full_name,
        clone_url=clone_url,
        settings=settings,
    )
