"""What grids, branches, pull requests and blame show: plain values, no rows. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hubwright.domain.grids import find_worst, rank_state, sort_platforms


@dataclass(frozen=True, kw_only=True, slots=True)
class GridFilter:
    """Which commits of a repository: those built for a branch, or for a pull request.

    `failed`: only those of which a build ended badly. `families`: only what these jobs and their copies built.
    """

    repository: str
    branch: str | None = None
    pull_request: int | None = None
    failed: bool = False
    families: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GridRun:
    """The newest attempt at one platform and matrix point of a build; `limited` as of `RunView`."""

    id: int
    build_id: int
    platform: str
    matrix: dict[str, str]
    attempt: int
    state: str
    result: str | None
    started_at: float | None
    finished_at: float | None
    limited: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class GridBuild:
    """A job's newest build of a commit, with its runs; `again`: how often the job had built that commit before."""

    id: int
    number: int
    job: str
    repository: str
    sha: str
    branch: str | None
    ref: str
    pull_request: int | None
    message: str
    author_name: str | None
    author_login: str | None
    state: str
    result: str | None
    problem: str | None
    queued_at: float
    finished_at: float | None
    again: int = 0
    runs: tuple[GridRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """What a commit did on a platform: all runs there, the worst first; that one's state stands for all."""

    platform: str
    runs: tuple[GridRun, ...]

    @property
    def worst(self) -> GridRun:
        """The run whose state stands for all."""
        return self.runs[0]

    @property
    def alike(self) -> int:
        """How many runs are in the same state."""
        return sum((one.state, one.result) == (self.worst.state, self.worst.result) for one in self.runs)


@dataclass(frozen=True, slots=True)
class CommitRow:
    """A commit with the newest build of each job. `id` is its place in the list: that of the first build there."""

    id: int
    builds: tuple[GridBuild, ...]

    @property
    def first(self) -> GridBuild:
        """The build that tells of message and author: the newest."""
        return self.builds[0]

    @property
    def state(self) -> tuple[str, str | None]:
        """State and result of the whole commit."""
        return find_worst((one.state, one.result) for one in self.builds)

    @property
    def branches(self) -> tuple[str, ...]:
        """That it was built for, without those of pull requests."""
        names = (one.branch or one.ref.removeprefix("refs/tags/") for one in self.builds if one.pull_request is None)
        return tuple(dict.fromkeys(names))

    @property
    def pull_requests(self) -> tuple[int, ...]:
        """That it was built for."""
        return tuple(dict.fromkeys(one.pull_request for one in self.builds if one.pull_request is not None))

    @property
    def cells(self) -> dict[str, Cell]:
        """By platform."""
        found: dict[str, list[GridRun]] = {}
        for one in self.builds:
            for run in one.runs:
                found.setdefault(run.platform, []).append(run)
        return {
            platform: Cell(platform, tuple(sorted(runs, key=lambda run: rank_state(run.state, run.result))))
            for platform, runs in found.items()
        }

    @property
    def told_at(self) -> float:
        """When the hub first heard of it, as far as its builds tell."""
        return min(one.queued_at for one in self.builds)


@dataclass(frozen=True, slots=True)
class BranchRow:
    """A branch by its newest commit."""

    name: str
    commit: CommitRow
    is_default: bool = False
    is_gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PullView:
    """A pull request, as far as GitHub told of it."""

    number: int
    title: str | None = None
    state: str | None = None
    draft: bool = False
    merged: bool = False
    author: str | None = None
    head: str | None = None
    base: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PullRow:
    """A pull request by its newest push."""

    pull: PullView
    commit: CommitRow


@dataclass(frozen=True, kw_only=True, slots=True)
class BlameBuild:
    """A build that broke or mended a job, and whose it was."""

    id: int
    number: int
    sha: str
    message: str
    author_name: str | None
    author_login: str | None
    result: str | None
    at: float

    @property
    def author(self) -> str:
        """As people are called on pages."""
        return self.author_name or self.author_login or "somebody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breakage:
    """A job broke on a branch: by which build, and by which it was mended; None while it is broken still."""

    job: str
    repository: str
    branch: str
    broke: BlameBuild
    fixed: BlameBuild | None

    def lasted(self, now: float) -> float:
        """Seconds until it was mended, or until now."""
        return max((now if self.fixed is None else self.fixed.at) - self.broke.at, 0.0)


def platforms_of(rows: Iterable[CommitRow]) -> list[str]:
    """The columns that these rows need."""
    return sort_platforms(run.platform for row in rows for one in row.builds for run in one.runs)
