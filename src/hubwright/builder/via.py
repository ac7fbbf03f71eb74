"""Builders out of a cluster: submits a one-shot builder for each run that waits, and cancels those not needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from hubwright.builder.via_plan import Demand, Job, Plan, Stage, plan_jobs
from hubwright.errors import ClusterError, HubAwayError

LOOK = 2.0
"""Seconds between two looks at the hub and the cluster."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds until jobs are submitted again after the cluster has refused one; each doubles the one before."""

log = structlog.get_logger()


class Cluster(Protocol):
    """What has places for builders. All raise ClusterError."""

    async def list(self) -> list[Job]:
        """Our jobs that have not ended, oldest first."""

    async def submit(self) -> str:
        """Submit one job; its number."""

    async def cancel(self, numbers: Sequence[str]) -> None:
        """Cancel those of these jobs that have not started by now."""


class Feeder:
    """Keeps as many jobs in the cluster as runs wait, `most` at a time. What it knows can be lost at any moment: the
    cluster knows the jobs, the hub the runs.
    """

    def __init__(self, cluster: Cluster, ask: Callable[[], Awaitable[Demand]], most: int) -> None:
        self._cluster = cluster
        self._ask = ask
        self._most = most
        self._clock = asyncio.get_running_loop().time
        self._started: dict[str, float] = {}  # job -> when it was first seen to have its place
        self._met: frozenset[str] = frozenset()  # builders of these jobs that were at the hub once
        self._reasons: dict[str, str] = {}
        self._pause = FIRST_PAUSE
        self._refused_until = 0.0
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """Submit no more. What was submitted goes on: jobs end by themselves, and who starts again finds them."""
        self._ended.set()

    async def keep(self) -> None:
        """Look again and again until stopped. Raises UnauthenticatedError."""
        away = ""
        while not self._ended.is_set():
            try:
                await self._step()
                away = ""
            except (HubAwayError, ClusterError) as error:
                if str(error) != away:
                    log.warning("hub_away" if isinstance(error, HubAwayError) else "cluster_away", reason=str(error))
                away = str(error)
            try:
                async with asyncio.timeout(LOOK):
                    await self._ended.wait()
            except TimeoutError:
                continue

    async def _step(self) -> None:
        """The cluster is asked first: a run that a job takes in between is then no longer among those that wait."""
        jobs = self._note(await self._cluster.list())
        demand = await self._ask()
        names = {job.builder for job in jobs}
        self._met = frozenset(names & (self._met | set(demand.builders)))
        await self._follow(plan_jobs(demand, jobs, self._met, self._most))

    def _note(self, jobs: Sequence[Job]) -> list[Job]:
        """How long each has its place; why one waits is told when that is new."""
        now = self._clock()
        self._started = {job.id: self._started.get(job.id, now) for job in jobs if job.stage is Stage.STARTING}
        reasons = {job.id: job.reason for job in jobs if job.stage is Stage.WAITING}
        for number, reason in reasons.items():
            if reason not in {"", "None", self._reasons.get(number)}:
                log.info("job_waits", job=number, reason=reason)
        self._reasons = reasons
        return [replace(job, started=now - self._started.get(job.id, now)) for job in jobs]

    async def _follow(self, plan: Plan) -> None:
        if plan.cancel:
            log.info("jobs_cancelled", jobs=list(plan.cancel))
            await self._cluster.cancel(plan.cancel)
        if not plan.submit or self._clock() < self._refused_until:
            return
        try:
            for _ in range(plan.submit):
                log.info("job_submitted", job=await self._cluster.submit())
            self._pause = FIRST_PAUSE
        except ClusterError as error:
            log.error("submit_refused", reason=str(error), again_in=self._pause)
            self._refused_until = self._clock() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
