"""What the settings say of how events are understood: whose repositories build, where from, and on what ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.repos import Repository
from hubwright.git.mirrors import Origin
from hubwright.hub.plans import Ground
from hubwright.store import repos
from hubwright.store.builders import load_kinds


def _no_token(_owner: str) -> str | None:
    return None


def refuse(_repository: Repository, _login: str, _user_id: int) -> str:
    """Why nobody may approve through GitHub while there is no token to ask with."""
    return "this hub has no token to ask GitHub who may write: set GITHUB__TOKEN, or approve with a token of the hub"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What understanding is told once. `owners` empty = all that the signature vouches for."""

    clone_base: str
    ground: Ground
    token_of: Callable[[str], str | None] = _no_token  # the token for an owner's repositories
    refusal_of: Callable[[Repository, str, int], str | None] = refuse  # why a GitHub user may not approve
    app_id_of: Callable[[], str | None] = lambda: None  # the number or client's id of this hub's App
    owners: tuple[str, ...] = ()
    defaults: JobSettings = field(default_factory=JobSettings)

    def may_build(self, repository: Repository) -> bool:
        """Whether a repository that nobody has made a job for is built all the same."""
        owners = self.owners
        return not owners or repository.owner.lower() in {owner.lower() for owner in owners}

    def origin_of(self, job: Job) -> Origin:
        """Where a job's commits are fetched from: the operator's base or the job's address, never a payload's."""
        if job.clone_url is not None:
            return Origin(repository=job.repository, clone_url=job.clone_url)
        owner = job.repository.partition("/")[0]
        return Origin(
            repository=job.repository,
            clone_url=f"{self.clone_base}/{job.repository}.git",
            token_of=partial(self.token_of, owner),
        )

    def ground_at(self, connection: Connection, repository: Repository) -> Ground:
        """The ground as it is now for plans of a repository: the builders that are known, its default branch."""
        return replace(
            self.ground,
            kinds=load_kinds(connection),
            default_branch=repository.default_branch or repos.load_default_branch(connection, repository.full_name),
        )
