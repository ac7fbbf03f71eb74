"""How many one-shot builders a cluster is to be asked for, and which are no longer needed.

Pure: what the hub and the cluster say comes in as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

MOST_AT_ONCE = 20
"""Jobs submitted between two looks: a scheduler is not to be flooded, and what waits may go to other builders."""

START_WITHIN = 120.0
"""Seconds in which the builder of a job that has started comes to the hub; later it is not waited for any more."""


class Stage(Enum):
    """Where a job of the cluster is."""

    WAITING = "waiting"  # for a place in the cluster
    STARTING = "starting"  # it has its place, or is being given it; its builder may not be at the hub yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job that a cluster has, and that has not ended; `builder` is the name that its builder has or will have.

    `started` is for how many seconds it has been seen to have its place, `reason` why it waits, in the cluster's words.
    """

    id: str
    builder: str
    stage: Stage
    started: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Present:
    """A builder that the hub has a connection to: how many runs it has, and whether it takes no more."""

    running: int
    leaving: bool = False

    @property
    def idle(self) -> bool:
        """Whether it will take what waits."""
        return not self.running and not self.leaving


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What the hub says: runs that wait for such builders, and the builders that came with our token, by name."""

    waiting: int
    builders: Mapping[str, Present]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to do now: submit so many jobs, and cancel these, which have not started."""

    submit: int = 0
    cancel: tuple[str, ...] = ()


def plan_jobs(demand: Demand, jobs: Sequence[Job], met: frozenset[str], most: int) -> Plan:
    """A job for each run that waits and has none on its way, `most` jobs at a time; those on the way for nothing go.

    `met`: the builders that were at the hub once; a job whose builder is there no more is about to end. Cancelled are
    only jobs that wait in the cluster, the newest first: one that has started may have a run by now, and ends anyway.
    """
    waiting = [job.id for job in jobs if job.stage is Stage.WAITING]
    coming = len(waiting) + sum(_is_coming(job, demand.builders, met) for job in jobs if job.stage is not Stage.WAITING)
    missing = demand.waiting - coming
    if missing > 0:
        return Plan(submit=max(0, min(missing, most - len(jobs), MOST_AT_ONCE)))
    spare = min(-missing, len(waiting))
    return Plan(cancel=tuple(waiting[len(waiting) - spare :]))


def _is_coming(job: Job, builders: Mapping[str, Present], met: frozenset[str]) -> bool:
    """Whether a job that has started will take a run that waits."""
    if (present := builders.get(job.builder)) is not None:
        return present.idle
    return job.builder not in met and job.started < START_WITHIN
