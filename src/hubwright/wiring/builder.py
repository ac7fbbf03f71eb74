"""The builder's objects, made from what its command was told."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import time

import structlog

from hubwright.builder.agent import Agent, Identity, WorkDir
from hubwright.builder.connection import Hub
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.recorder import Recorder
from hubwright.builder.run import Tools
from hubwright.builder.upload import Uploads
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.logging import configure_logging

PROTOCOLS = "https:ssh:git:http"
"""What git may speak unless `file` is allowed too."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class BuilderOptions:
    """All that `hubwright builder` can be told. `machine` is `linux-x86_64` or the like."""

    hub: Hub
    identity: Identity
    work_dir: Path
    mirrors: Path
    executor: str = "auto"
    network: bool = True
    build_user: str = "nobody"
    protocols: str = PROTOCOLS
    machine: str = "linux-x86_64"


def serve_builder(options: BuilderOptions) -> None:
    """Be a builder until drained. Raises ConflictError (folder in use), UnauthenticatedError, SettingsError."""
    configure_logging()
    work_dir = WorkDir(options.work_dir)
    hide_from_builds()
    try:
        asyncio.run(_serve(options, work_dir))
    finally:
        work_dir.release()


async def _serve(options: BuilderOptions, work_dir: WorkDir) -> None:
    executor, warning = choose_executor(
        options.executor, (work_dir.path, options.mirrors), network=options.network, user=options.build_user
    )
    if warning:
        log.warning("executor_fallback", executor=executor.name, reason=warning)
    uploads = Uploads(options.hub.token)
    mirrors = Mirrors(options.mirrors, Git(options.protocols))
    tools = Tools(
        executor=executor,
        mirrors=mirrors,
        trees=work_dir.trees,
        instance=work_dir.instance,
        machine=options.machine,
        own_environment=dict(os.environ),
        uploads=uploads,
        clock=time,
        recorder=Recorder(work_dir.path, time),
    )
    agent = Agent(options.identity, options.hub, work_dir, tools)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2 * options.identity.slots + 4))  # a fetch may hold one for long
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.drain)
    try:
        await agent.work()
    finally:
        await uploads.close()
        mirrors.close()
