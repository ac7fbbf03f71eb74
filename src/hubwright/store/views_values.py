"""What pages, API and reports are shown: plain values, no rows. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `next` is the cursor that gets the following ones, None at the end."""

    items: tuple[Item, ...]
    next: int | str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Counts of test cases."""

    total: int
    passed: int
    skipped: int
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StageView:
    """A stage of a run; `log_start` and `log_end` bound its part of the run's log, in bytes."""

    run_id: int
    position: int
    name: str
    kind: str | None
    allow_failure: bool
    state: str
    result: str | None
    exit_code: int | None
    detail: str | None
    attempt: int
    log_start: int | None
    log_end: int | None
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """A build on one platform and matrix point; `latest` is False when a newer attempt replaced it.

    `limited`: it is held within limits or by a pause, and not for approval.
    """

    id: int
    build_id: int
    platform: str
    labels: tuple[str, ...] = ()
    matrix: dict[str, str]
    attempt: int
    latest: bool
    state: str
    result: str | None
    detail: str | None
    builder: str | None
    cancel: str | None
    log_size: int
    tests: Totals | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    tests_previous: int | None = None
    tests_difference: dict[str, Any] | None = None
    images: list[dict[str, str]] | None = None
    stages: tuple[StageView, ...] = ()
    limited: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildView:
    """Build `number` of `job` (its path). `runs` are the latest attempts; `earlier` those that were replaced.

    `tests` sums the runs; `problem` says why there is no run; `parameters` are those that it was started with.
    """

    id: int
    number: int
    job_id: int
    job: str
    repository: str
    sha: str
    ref: str
    branch: str | None
    event: str
    pull_request: int | None
    message: str
    author_name: str | None
    author_login: str | None
    priority: int
    trust: str = "trusted"
    state: str
    result: str | None
    problem: str | None
    recipe: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    runs: tuple[RunView, ...] = ()
    earlier: tuple[RunView, ...] = ()
    tests: Totals | None = None
    parameters: dict[str, str] | None = None
    blocked: str | None = None

    @property
    def awaits_approval(self) -> bool:
        """Whether its held runs wait for people, rather than within limits."""
        return self.trust == "untrusted" and self.blocked in {None, "new"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildFilter:
    """Which builds are wanted; None is any. `job` is a path; all of a sha's digits, or 7 and more from its start.

    `told`: only builds that say how a job stands, none of those that searches for culprits have asked for. `folders`:
    only builds of jobs below one of these.
    """

    repository: str | None = None
    sha: str | None = None
    job: str | None = None
    branch: str | None = None
    state: str | None = None
    result: str | None = None
    told: bool = False
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseView:
    """A test case; `result` is passed, failed, error or skipped, `change` how it stands against the run before.

    `file` is relative to the workspace. `flaky`: it is known to have failed and passed on one commit.
    """

    id: int
    position: int
    suite: str
    classname: str
    name: str
    result: str
    seconds: float | None
    message: str | None
    file: str | None = None
    line: int | None = None
    change: str | None = None
    flaky: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactView:
    """A file that a run kept. Its key in the storage is `domain.artifacts.artifact_key`'s; `sha` is the commit's."""

    id: int
    run_id: int
    sha: str
    platform: str
    path: str
    size: int
    sha256: str
    kept_at: float
    expires_at: float | None
    key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job or copy; `builds` is the number of its newest build, `newest` that build.

    `settings` is what its own definition says, as values that the API always had. `closed_at`: what it is a copy of is
    gone since then. `parent` is the path of the job that it is a copy of, its own for a job that was removed.
    """

    id: int
    path: str
    repository: str
    repository_id: int | None
    clone_url: str | None
    settings: dict[str, Any]
    enabled: bool
    builds: int
    created_at: float
    newest: BuildView | None = None
    version: int = 0
    copy_of: int | None = None
    parent: str | None = None
    copy_key: str | None = None
    closed_at: float | None = None
    archived_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderView:
    """A builder as last heard of; `running` are the runs it holds.

    `state` is connected, draining, away or on_demand; `wish` is what people want of it: paused, draining or None. `lag`
    is how long it takes to answer, `skew` how far its clock is ahead of the hub's, both in seconds.
    """

    name: str
    platform: str
    labels: tuple[str, ...]
    slots: int
    version: str
    executor: str
    state: str
    connected_at: float | None
    seen_at: float | None
    lag: float | None
    wish: str | None = None
    skew: float | None = None
    running: tuple[int, ...] = ()

    @property
    def shown(self) -> str:
        """Its state in one word: away, on_demand, draining, paused or connected."""
        return self.state if self.state != "connected" else self.wish or self.state


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedView:
    """A run that waits for a builder, in the order in which it is due."""

    id: int
    build_id: int
    job: str
    number: int
    sha: str
    branch: str | None
    platform: str
    labels: tuple[str, ...] = ()
    matrix: dict[str, str]
    attempt: int
    priority: int
    queued_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeView:
    """What the first page tells; `broken` are the newest telling builds of jobs that did not end well.

    `queued` and `running_runs` count runs.
    """

    running: tuple[BuildView, ...]
    finished: tuple[BuildView, ...]
    broken: tuple[BuildView, ...]
    queued: int
    running_runs: int
