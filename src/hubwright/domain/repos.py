"""What we read from GitHub: repositories, commits, pushes, pull requests, branch and tag news."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

NO_COMMIT = "0" * 40
"""The sha that GitHub sends as `after` of a deletion and as `before` of a creation."""


class Trust(StrEnum):
    """Whether the people of the repository vouch for a commit: what a fork brings is untrusted and gets no secret."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A repository as GitHub names it.

    `id` is GitHub's 64-bit number, the identity through renames and transfers; None in system 0's 2008 document.
    """

    id: int | None
    owner: str
    name: str
    private: bool = False
    fork: bool = False
    default_branch: str | None = None
    description: str | None = None
    html_url: str | None = None

    @property
    def full_name(self) -> str:
        """`owner/name`, as in GitHub's addresses."""
        return f"{self.owner}/{self.name}"

    def is_same(self, other: Repository) -> bool:
        """Whether both are one repository: by GitHub's numbers where both have one, else by their names in any case."""
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return self.full_name.lower() == other.full_name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit as a push lists it. `timestamp` is ISO 8601 as sent; the author may have no GitHub login."""

    sha: str
    message: str
    author_name: str | None = None
    author_email: str | None = None
    author_login: str | None = None
    timestamp: str | None = None
    url: str | None = None
    distinct: bool = True
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """A branch or tag moved from `before` to `after`. `commits` are oldest first, at most 2,048 (GitHub's bound).

    With `job_path` this hub has found it by asking that job's repository: no other job is meant. `base_ref` is where a
    new branch began, if GitHub has told.
    """

    repository: Repository
    ref: str
    before: str
    after: str
    created: bool = False
    deleted: bool = False
    forced: bool = False
    commits: tuple[Commit, ...] = ()
    head_commit: Commit | None = None
    pusher: str | None = None
    job_path: str | None = None
    base_ref: str | None = None

    @property
    def branch(self) -> str | None:
        """The branch's name, None for a tag."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    @property
    def tag(self) -> str | None:
        """The tag's name, None for a branch."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else None


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestEvent:
    """A pull request was opened, pushed to, reopened, closed …; `head` may come from a fork (or a deleted one).

    `retargeted`: its base was changed; `updated_at` is ISO 8601 in UTC, as sent.
    """

    repository: Repository
    action: str
    number: int
    title: str
    head_sha: str
    head_ref: str
    head_repository: Repository | None
    base_ref: str
    base_sha: str
    author_login: str | None = None
    author_id: int | None = None
    draft: bool = False
    merged: bool = False
    retargeted: bool = False
    updated_at: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def from_fork(self) -> bool:
        """Whether the head lives elsewhere; an unknown head counts as elsewhere, which is the safe side."""
        return self.head_repository is None or not self.head_repository.is_same(self.repository)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalComment:
    """A person's comment at a pull request asks to approve commit `sha`, whole; None when it names none so.

    `user_id` is GitHub's number of who wrote it; `login` only finds them.
    """

    repository: Repository
    number: int
    sha: str | None
    user_id: int
    login: str


class CheckWish(StrEnum):
    """What people ask for at our check runs."""

    RERUN = "rerun"
    RERUN_FAILED = "rerun_failed"
    CANCEL = "cancel"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRequest:
    """A person asks for something at the check runs of commit `sha`: at all of them, or at that of one `run`.

    `app` are the number and the client's id of the App whose check runs these are. `user_id` is GitHub's number of who
    asks; `login` only finds them.
    """

    repository: Repository
    sha: str
    wish: CheckWish
    app: tuple[str, ...]
    run: int | None
    user_id: int
    login: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RefEvent:
    """A branch or tag was made or deleted (events `create` and `delete`); `ref` has no refs/ prefix."""

    repository: Repository
    action: str
    ref_type: str
    ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseEvent:
    """A release was published (event `release`, action `published`): `number` is GitHub's, `tag` the tag's name."""

    repository: Repository
    number: int
    tag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """An event that starts nothing but is kept: `ping`, events we do not read yet, and those that GitHub invents."""

    event: str
    action: str | None = None
    repository: Repository | None = None
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manual:
    """Somebody or something asked this hub for a build of one commit; never read from a webhook.

    `trigger` names the wish, `event` is who wishes (`domain.builds.ASKED_FOR`). Without a `sha` it is the newest of
    `ref`, or of the default branch where that is `HEAD`, at the time when it is planned.
    Who asks does not vouch for the commit: one that only a fork has brought stays untrusted.
    """

    repository: Repository
    job_path: str
    sha: str
    ref: str
    trigger: str
    asked_by: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    trust: Trust = Trust.TRUSTED
    event: str = "manual"


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """This hub asks itself whether a job's newest commit was built on every platform that the job names by now."""

    repository: Repository
    job_path: str


Event = Push | PullRequestEvent | ApprovalComment | CheckRequest | RefEvent | ReleaseEvent | Manual | Backfill | Other
