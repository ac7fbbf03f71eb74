"""What every simulated installation stands on: one job, two platforms, recipes of made-up commands."""

from __future__ import annotations

from functools import cache

from hubwright.domain.job_settings import DefinedJob, EffectiveSettings
from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import PlannedRun, plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.git.mirrors import Origin
from hubwright.hub.plans import Ground
from simulation.simulated_builder import Script

PLATFORMS = ("linux", "mac")
TROUBLE = 20.0
"""Seconds in which things go wrong; then everything is healed."""

GROUND = Ground(public_url="https://ci.invalid", version="1", default_platform="linux", log_limit=100_000)
ORIGIN = Origin(repository="octo/hello", clone_url="https://github.invalid/octo/hello.git")
JOB = DefinedJob(id=1, path="octo/hello", repository_id=None, repository="octo/hello", clone_url=None,
          settings=EffectiveSettings(checkout=False))  # fmt: skip


@cache
def planned_runs(platforms: tuple[str, ...], scripts: tuple[Script, ...]) -> tuple[PlannedRun, ...]:
    """The runs of a recipe with these stages."""
    lines = [f"platforms: [{', '.join(platforms)}]", "stages:"]
    lines += [f"- s{script.stage}: '{script.text()}'" for script in scripts]
    circumstances = Circumstances(event="push", branch="main", tag=None, paths=None, labels=())
    return tuple(plan_runs(read_recipe("\n".join(lines)), circumstances, PLATFORMS, "linux"))
