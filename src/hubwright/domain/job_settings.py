"""A job's effective settings as values: what `job_inheritance` has laid together, for those who plan builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hubwright.domain.concurrency import Policy
from hubwright.domain.job_copies import EVERYTHING, is_wanted
from hubwright.domain.job_inheritance import Layer, Origin, Source
from hubwright.domain.job_parameters import Parameter, read_parameters
from hubwright.domain.jobs import Approval, Commits, Job, JobSettings, RecipeSide
from hubwright.domain.pauses import Pause
from hubwright.domain.schedules import Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """A time at which the job is built: of a branch, None for the default branch, with these parameters."""

    schedule: Schedule
    branch: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class After:
    """That the job is built after another's builds which end with `result`: success, failure or always."""

    job: str
    result: str = "success"


@dataclass(frozen=True, kw_only=True, slots=True)
class Triggers:
    """What starts builds: globs of branches pushed to, of tags, of branches that pull requests go into, of releases'
    tags; times; other jobs; and whether the repository is asked when no webhook tells of it, in seconds or as the hub
    sees fit (True)."""

    push: tuple[str, ...] = EVERYTHING
    tag: tuple[str, ...] = EVERYTHING
    pull_request: tuple[str, ...] = EVERYTHING
    release: tuple[str, ...] = ()
    schedule: tuple[Timed, ...] = ()
    after: tuple[After, ...] = ()
    poll: bool | int = True

    def want(self, event: str, name: str) -> bool:
        """Whether an event (`push`, `tag`, `pull_request`, `release`) at this branch or tag starts a build."""
        globs: tuple[str, ...] = getattr(self, event)
        return is_wanted(globs, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Days that things are kept, None for the hub's; how many of the newest builds are kept however old, and after how
    many days a copy is archived whose branch or pull request is gone."""

    builds: int | None = None
    logs: int | None = None
    artifacts: int | None = None
    keep: int = 0
    archive: int = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Concurrency:
    """How many builds go on at once in a group of several jobs; without a group, of the job alone."""

    group: str | None = None
    limit: int | None = None
    policy: Policy = Policy.QUEUE


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectiveSettings(JobSettings):
    """All that holds for a job or copy. `detect`: the recipe is guessed even where the repository has one.

    `priority` is added to that of each build; `platform_limits` are of runs at once, by platforms' names or globs.
    """

    default_branch: str | None = None
    detect: bool = False
    parameters: tuple[Parameter, ...] = ()
    secrets: tuple[str, ...] = ()
    triggers: Triggers = Triggers()
    retention: Retention = Retention()
    notifications: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priority: int = 0
    concurrency: Concurrency = Concurrency()
    max_builds: int | None = None
    platform_limits: Mapping[str, int] = field(default_factory=dict)
    on_start: tuple[str, ...] = ()
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether builds have to be admitted: something limits them, or newer ones supersede older ones."""
        told = self.concurrency
        return bool(
            told.group is not None
            or told.limit is not None
            or told.policy is not Policy.QUEUE
            or self.max_builds is not None
            or self.platform_limits
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedJob(Job):
    """A job or copy with all that holds for it. `version` is that of its own definition.

    A copy has the number of its parent in `copy_of`, the parent's path in `parent`, and what it is of in `copy_key`, as
    `job_copies.read_copy_key` reads it.
    """

    settings: EffectiveSettings
    version: int = 0
    copy_of: int | None = None
    copy_key: str | None = None
    parent: str | None = None
    paused: Pause | None = None  # it, or the job that it is a copy of

    @property
    def family(self) -> int:
        """The number of the job that all its copies share limits and turns with."""
        return self.copy_of or self.id


DEFAULTS = Layer(
    Origin(Source.DEFAULT),
    {
        "recipe": {"path": ".hubwright.yml"},
        "checkout": True,
        "triggers": {"push": ["**"], "tag": ["**"], "pull_request": ["**"], "release": [], "poll": True},
        "commits": "each",
        "max_commits_per_push": 20,
        "timeout": 3600,
        "backfill": True,
        "retention": {"keep": 0, "archive": 7},
        "priority": 0,
        "concurrency": {"policy": "queue"},
    },
)
"""What holds where nobody says anything."""

_TUPLES = ("platforms", "secrets", "on_start", "on_success", "on_failure")
_SAME = (
    "commits", "max_commits_per_push", "checkout", "timeout", "backfill", "approval", "untrusted_recipe", "comment",
    "issue", "default_branch", "priority", "max_builds",
)  # fmt: skip
_WORDS = {"commits": Commits, "approval": Approval, "untrusted_recipe": RecipeSide}


def read_effective(document: Mapping[str, Any]) -> EffectiveSettings:
    """The settings of a canonical document; keys that this version does not know are passed over."""
    values: dict[str, Any] = {key: document[key] for key in _SAME if key in document}
    values |= {key: kind(values[key]) for key, kind in _WORDS.items() if key in values}
    values |= {key: tuple(document[key]) for key in _TUPLES if key in document}
    recipe = document.get("recipe", {})
    values |= {name: recipe[key] for key, name in _RECIPE.items() if key in recipe}
    return EffectiveSettings(
        **values,
        env=dict(document.get("environment", {})),
        parameters=read_parameters(document.get("parameters", ())),
        triggers=_read_triggers(document.get("triggers", {})),
        retention=Retention(**_known(Retention, document.get("retention", {}))),
        notifications={key: tuple(one) for key, one in document.get("notifications", {}).items()},
        concurrency=_read_concurrency(document.get("concurrency", {})),
        platform_limits=dict(document.get("platform_limits", {})),
    )


def write_document(settings: JobSettings) -> dict[str, Any]:
    """The canonical document of settings as the hub and older versions have them: what is not the default."""
    default = JobSettings()
    said = {key.name: getattr(settings, key.name) for key in fields(JobSettings)}
    said = {key: value for key, value in said.items() if value != getattr(default, key)}
    document = {key: _plain(value) for key, value in said.items() if key not in {"recipe", "recipe_path", "env"}}
    if "env" in said:
        document["environment"] = dict(said["env"])
    if "recipe" in said:
        document["recipe"] = {"text": said["recipe"]}
    elif "recipe_path" in said:
        document["recipe"] = {"path": said["recipe_path"]}
    return document


_RECIPE = {"text": "recipe", "path": "recipe_path", "detect": "detect"}


def _read_triggers(said: Mapping[str, Any]) -> Triggers:
    values: dict[str, Any] = {
        key: tuple(said[key]) for key in ("push", "tag", "pull_request", "release") if key in said
    }
    if "poll" in said:
        values["poll"] = said["poll"]
    return Triggers(
        **values,
        schedule=tuple(
            Timed(
                schedule=Schedule(one["cron"], one.get("zone", "UTC")),
                branch=one.get("branch"),
                parameters=dict(one.get("parameters", {})),
            )
            for one in said.get("schedule", ())
        ),
        after=tuple(After(**_known(After, one)) for one in said.get("after", ())),
    )


def _read_concurrency(said: Mapping[str, Any]) -> Concurrency:
    values = _known(Concurrency, said)
    return Concurrency(**{**values, "policy": Policy(values.get("policy", Policy.QUEUE))})


def _known(kind: type[Retention | Concurrency | After], said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key in _NAMES[kind]}


_NAMES = {kind: frozenset(key.name for key in fields(kind)) for kind in (Retention, Concurrency, After)}


def _plain(value: Any) -> Any:
    if isinstance(value, Commits | Approval | RecipeSide):
        return value.value
    return list(value) if isinstance(value, tuple) else value
