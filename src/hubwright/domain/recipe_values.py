"""What a recipe says, as values: stages, matrix, rules. Reading one from text is `recipe`'s work."""

from __future__ import annotations

from dataclasses import dataclass, field

from hubwright.domain.limits import UNLIMITED, Limits

CONTAINER = "container"
"""The label of builders that run stages in containers; a recipe with an image asks for it."""

STAGE_KINDS = ("build", "test", "csources", "docs", "installer", "package")
"""The kinds that pages and reports know by name (system 1's jobs); a stage may also have none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule of a `when`: all keys given must match; patterns are globs, `!glob` excludes; empty means any."""

    event: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    matrix: dict[str, tuple[str, ...]] = field(default_factory=dict)
    status: str | None = None  # success, failure or always; stages only


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """Files to keep after a stage: globs relative to the workspace; `keep` in seconds, None for the hub's default."""

    paths: tuple[str, ...]
    keep: int | None = None
    status: str = "success"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One named step. Times are seconds; `run` is the script as written; `when` empty means always (after success)."""

    name: str
    run: str
    kind: str | None = None
    shell: str = "sh"
    dir: str = "."
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    when: tuple[Rule, ...] = ()
    timeout: int | None = None
    idle_timeout: int | None = None
    retry: int = 0
    allow_failure: bool = False
    once: bool = False
    artifacts: Files | None = None
    reports: tuple[str, ...] = ()
    network: bool = True
    image: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Axes in the order written; `include` adds points, `exclude` drops those that match all its keys."""

    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    include: tuple[dict[str, str], ...] = ()
    exclude: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cache:
    """What to keep for the next builds: globs of the workspace or `~/…`, a name, files that tell when it is new.

    With a `stage` it is of those runs only that have the stage.
    """

    paths: tuple[str, ...]
    key: str = ""
    files: tuple[str, ...] = ()
    stage: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A container beside the stages, reached under its name. `command`: None for the image's own.

    `ready` is run inside until it succeeds, at most `ready_timeout` seconds; without it the service counts as ready
    when it has been started.
    """

    name: str
    image: str
    env: dict[str, str] = field(default_factory=dict)
    command: str | None = None
    ready: str | None = None
    ready_timeout: int = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A whole build file. `origin` tells where it came from: a path, `job`, or `detected: Makefile`.

    `warnings` are sentences about keys that are well formed but that this version does not act on.
    """

    stages: tuple[Stage, ...]
    name: str | None = None
    when: tuple[Rule, ...] = ()
    platforms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    matrix: Matrix = Matrix()
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    timeout: int | None = None
    network: bool = True  # what stages have that say nothing; theirs counts
    limits: Limits = UNLIMITED
    cancel: str = "superseded"
    cache: tuple[Cache, ...] = ()
    services: tuple[Service, ...] = ()
    origin: str = ".hubwright.yml"
    warnings: tuple[str, ...] = ()
