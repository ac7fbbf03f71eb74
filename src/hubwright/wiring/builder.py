"""The builder's objects, made from what its command was told."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import disk_usage
from time import time

import structlog

from hubwright.builder.agent import Agent, Identity, WorkDir
from hubwright.builder.connection import Hub
from hubwright.builder.executors import Executor, Furnishing
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.terms import Policy
from hubwright.builder.joining import Membership, join_hub, load_membership
from hubwright.builder.recorder import Recorder
from hubwright.builder.run import Tools
from hubwright.builder.upload import Uploads
from hubwright.config import Log
from hubwright.domain.recipe_values import CONTAINER
from hubwright.errors import SettingsError, UnauthenticatedError
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.wiring.hiding import hide_from_builds
from hubwright.wiring.logging import configure_logging
from hubwright.wiring.stopping import on_stop
from hubwright.wiring.supervisor import Supervisor

PROTOCOLS = "https:ssh:git:http"
"""What git may speak unless `file` is allowed too."""

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class BuilderOptions:
    """All that `hubwright builder` can be told. `machine` is `linux-x86_64` or the like.

    `named` and `placed`: whether name and platform were said, or only guessed. Without a token in `hub`, the one of
    an earlier join counts, else `join` gets one.
    """

    hub: Hub
    join: str | None = None
    named: bool = True
    placed: bool = True
    identity: Identity
    work_dir: Path
    mirrors: Path
    executor: str = "auto"
    policy: Policy = Policy()  # noqa: RUF009  frozen
    protocols: str = PROTOCOLS
    machine: str = "linux-x86_64"
    log: Log = Log()  # noqa: RUF009  frozen


def serve_builder(options: BuilderOptions) -> None:
    """Be a builder until drained. Raises ConflictError (folder in use), UnauthenticatedError, SettingsError."""
    configure_logging("builder", options.log)
    work_dir = WorkDir(options.work_dir)
    hide_from_builds()
    try:
        # Before the event loop: it keeps low numbers of open files, which the loop would take.
        executor, warning = choose_executor(options.executor, (work_dir.path, options.mirrors), options.policy)
        if warning:
            log.warning("executor_fallback", executor=executor.name, reason=warning)
        _serve_as_member(options, work_dir, executor)
    finally:
        work_dir.release()


def _serve_as_member(options: BuilderOptions, work_dir: WorkDir, executor: Executor) -> None:
    """With the token that was given, or the own one; one that the hub no longer takes is replaced by joining anew."""
    if options.hub.token:
        asyncio.run(_serve(options, work_dir, executor))
        return
    member = load_membership(work_dir.path)
    if member is None:
        asyncio.run(_serve(_join(options), work_dir, executor))
        return
    try:
        asyncio.run(_serve(_as_member(options, member), work_dir, executor))
    except UnauthenticatedError:
        if options.join is None:
            raise
        asyncio.run(_serve(_join(options), work_dir, executor))


def _join(options: BuilderOptions) -> BuilderOptions:
    if options.join is None:
        raise SettingsError("No token: give --join once, or set HUBWRIGHT_BUILDER_TOKEN, or give --token-file.")
    joined = join_hub(options.hub.url, options.join, options.identity.name, options.work_dir)
    log.info("builder_joined", hub=options.hub.url, name=joined.name)
    return _as_member(options, joined)


def _as_member(options: BuilderOptions, member: Membership) -> BuilderOptions:
    """What was not said is as the hub knows it."""
    identity = options.identity
    if not options.named:
        identity = replace(identity, name=member.name)
    if not options.placed and member.platform is not None:
        identity = replace(identity, platform=member.platform)
    return replace(options, identity=identity, hub=Hub(options.hub.url, member.token))


async def _serve(options: BuilderOptions, work_dir: WorkDir, executor: Executor) -> None:
    uploads = Uploads(options.hub.url, options.hub.token)
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
        disk=options.policy.limits.disk or disk_usage(work_dir.path).free * 9 // 10,
    )
    identity = options.identity
    if isinstance(executor, Furnishing):
        identity = replace(identity, labels=tuple(dict.fromkeys((*identity.labels, CONTAINER))))
    agent = Agent(identity, options.hub, work_dir, tools)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(
        ThreadPoolExecutor(2 * max(options.identity.slots, options.identity.most_slots) + 4)
    )  # a fetch may hold one for long
    supervisor = Supervisor(os.environ)

    def drain() -> None:
        supervisor.stopping()
        agent.drain()

    on_stop(loop, drain)
    supervisor.ready(f"Working for {options.hub.url}")
    living = asyncio.create_task(supervisor.keep())
    try:
        await agent.work()
    finally:
        living.cancel()
        await uploads.close()
        mirrors.close()
