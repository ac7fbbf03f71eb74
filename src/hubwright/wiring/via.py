"""What feeds a cluster with builders, made from what its command was told."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from hubwright.builder.agent import WorkDir
from hubwright.builder.connection import Hub
from hubwright.builder.via import Feeder
from hubwright.builder.via_demand import fetch_demand
from hubwright.builder.via_slurm import Slurm, SlurmJobs
from hubwright.config import Log
from hubwright.domain.scheduling import BuilderKind
from hubwright.git.locks import CLOSED_IN_CHILDREN
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.logging import configure_logging
from hubwright.wiring.stopping import on_stop
from hubwright.wiring.supervisor import Supervisor

TOKEN = "token"  # noqa: S105  the name of the file
"""In the work folder: the token for the jobs, readable by its owner only."""


@dataclass(frozen=True, kw_only=True)
class ViaOptions:
    """`hubwright builder --via slurm`. `most` jobs at a time; `repeated` are options for the builders of the jobs.

    Without `token_file` the jobs find the token in the work folder, which the cluster's machines reach at its path.
    """

    hub: Hub
    token_file: Path | None
    kind: BuilderKind
    name: str
    most: int
    repeated: Sequence[str]
    submit_options: Sequence[str]
    work_dir: Path
    log: Log = Log()  # noqa: RUF009  frozen


def serve_via(options: ViaOptions) -> None:
    """Feed the cluster until stopped. Raises ConflictError (folder in use), UnauthenticatedError, ClusterError."""
    configure_logging("builder", options.log)
    work_dir = WorkDir(options.work_dir)
    hide_from_builds()
    try:
        asyncio.run(_serve(options, work_dir))
    finally:
        work_dir.release()


async def _serve(options: ViaOptions, work_dir: WorkDir) -> None:
    token_file = options.token_file or _keep_token(work_dir.path, options.hub.token)
    command = [sys.executable, "-m", "hubwright", "builder", "--once", "--hub", options.hub.url]
    kind = options.kind
    named = ["--platform", kind.platform, *(word for label in kind.labels for word in ("--label", label))]
    jobs = SlurmJobs(
        key=f"hubwright-{work_dir.instance[:12]}",
        name=options.name,
        command=[*command, "--token-file", str(token_file), *named, *options.repeated],
        options=options.submit_options,
        outputs=work_dir.path / "jobs",
    )
    slurm = Slurm(jobs, os.environ)
    await slurm.list()  # who has no Slurm here is told at once
    supervisor = Supervisor(os.environ)
    async with httpx2.AsyncClient() as client:
        feeder = Feeder(slurm, partial(fetch_demand, client, options.hub, kind), options.most)

        def stop() -> None:
            supervisor.stopping()
            feeder.stop()

        on_stop(asyncio.get_running_loop(), stop)
        supervisor.ready(f"Submitting builders for {options.hub.url}")
        living = asyncio.create_task(supervisor.keep())
        try:
            await feeder.keep()
        finally:
            living.cancel()


def _keep_token(folder: Path, token: str) -> Path:
    """Whole and with mode 0600 from the first moment on."""
    fresh = folder / f"{TOKEN}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOSED_IN_CHILDREN, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return fresh.replace(folder / TOKEN)
