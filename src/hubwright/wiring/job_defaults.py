"""What the hub's settings say of every job that says nothing else itself: the layer below all folders."""

from __future__ import annotations

from typing import Any

from hubwright.config import Settings
from hubwright.domain.job_inheritance import Layer, Origin, Source
from hubwright.domain.job_settings import DEFAULTS


def make_hub_layer(settings: Settings) -> Layer:
    """The settings that jobs inherit, but those that are as without any setting: these come from the defaults.

    How long things are kept always comes from the hub: the defaults of jobs say nothing of it.
    """
    builds, kept = settings.builds, settings.retention
    said: dict[str, Any] = {
        "commits": builds.commits,
        "max_commits_per_push": builds.max_commits_per_push,
        "timeout": builds.timeout,
        "approval": builds.approval,
        "untrusted_recipe": builds.untrusted_recipe,
        "comment": settings.github.comment == "all",
        "issue": settings.github.issue == "all",
        "retention": {"builds": kept.builds, "logs": kept.logs, "artifacts": kept.artifacts},
    }
    own = {key: value for key, value in said.items() if DEFAULTS.document.get(key) != value}
    return Layer(Origin(Source.HUB), own)
