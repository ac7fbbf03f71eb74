"""Stages of a recipe, run in a working copy: the same commands, environment and executors as in a build."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time
from typing import Any

import msgspec

from hubwright.builder.cache_folder import FolderShelf
from hubwright.builder.caches import Caches, in_home
from hubwright.builder.executors import Executor
from hubwright.builder.executors.terms import Terms
from hubwright.builder.furnishing import furnish
from hubwright.builder.log import Log
from hubwright.builder.spool import Key, Spool
from hubwright.builder.stage import RunEnded, Work, harvest, run_command
from hubwright.builder.telling import Telling
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import UNLIMITED, Limits
from hubwright.domain.matching import runs_after
from hubwright.domain.recipe_values import Service, Stage
from hubwright.domain.results import Result, verdict
from hubwright.errors import ExecutorError
from hubwright.wire import CacheWish, Payload, Source, Totals

_UNLIMITED = sys.maxsize


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """What to run, where. `env` are the recipe's variables, `secrets` the values that stages ask for by name.

    What `caches` name below the stages' home is kept in the folder `shelf`; the working copy keeps its own.
    """

    tree: Path
    stages: Sequence[Stage]
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    matrix: Mapping[str, str]
    machine: str
    timeout: int
    limits: Limits = UNLIMITED
    services: Sequence[Service] = ()
    caches: Sequence[CacheWish] = ()
    shelf: Path | None = None


@dataclass(frozen=True, kw_only=True)
class StageEnd:
    """How a stage ended, for people."""

    name: str
    result: Result
    seconds: float
    tests: Totals | None = None


async def run_here(local: LocalRun, executor: Executor, ending: asyncio.Future[RunEnded]) -> list[StageEnd]:
    """Run the stages in order, their output to stdout; the first failure ends the rest as in a build.

    The working copy is used as it is and keeps what the stages make. Raises RunEnded, ExecutorError.
    """
    with tempfile.TemporaryDirectory(prefix="hubwright-") as folder:
        os.chmod(folder, 0o711)  # noqa: PTH101, S103  a sandbox that another user runs has to get through
        workspace = Workspace(root=Path(folder, "run"), tree=local.tree, marker=f"here-{os.getpid()}")
        workspace.make()
        spool = Spool(Path(folder, "spool"), Key(0, 0))
        caches = _caches(local, workspace)
        await caches.restore()
        try:
            for warning in await asyncio.to_thread(executor.prepare, workspace, Terms(limits=local.limits)):
                print(warning, file=sys.stderr)
            await _furnish(local, executor, workspace, ending)
            ends = await _run_stages(local, _work(local, executor, workspace, spool, ending))
        finally:
            spool.close()
            await asyncio.to_thread(executor.destroy, workspace)
        well = {end.name for end in ends if end.result is Result.SUCCESS}
        await caches.keep(well | ({""} if judge(ends, local.stages) is Result.SUCCESS else set()))
        return ends


def _caches(local: LocalRun, workspace: Workspace) -> Caches:
    wishes = [msgspec.structs.replace(one, paths=tuple(filter(in_home, one.paths))) for one in local.caches]
    shelf = None if local.shelf is None else FolderShelf(local.shelf)
    say = partial(print, file=sys.stderr)
    return Caches([one for one in wishes if one.paths], local.matrix, workspace, shelf, say)


async def _furnish(local: LocalRun, executor: Executor, workspace: Workspace, ending: asyncio.Future[RunEnded]) -> None:
    """Images and services, unless the run is ended first. Raises RunEnded, ExecutorError."""
    say = partial(print, file=sys.stderr)
    task = asyncio.ensure_future(furnish(executor, workspace, local.stages, local.services, say))
    either: list[asyncio.Future[Any]] = [task, ending]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        raise ending.result()
    task.result()


def _work(
    local: LocalRun, executor: Executor, workspace: Workspace, spool: Spool, ending: asyncio.Future[RunEnded]
) -> Work:
    source = Source(repository="", clone_url="", sha="", ref="", checkout=False)
    payload = Payload(
        source=source, stages=(), env=dict(local.env), secrets=dict(local.secrets), matrix=dict(local.matrix)
    )
    return Work(
        payload=payload,
        workspace=workspace,
        executor=executor,
        log=Log(_show, _UNLIMITED, local.secrets.values(), lambda error: _end(ending, error)),
        telling=Telling(spool, time),
        machine=local.machine,
        own_environment=dict(os.environ),
        ending=ending,
    )


async def _run_stages(local: LocalRun, work: Work) -> list[StageEnd]:
    timer = asyncio.get_running_loop().call_later(local.timeout, _time_out, work.ending, local.timeout)
    ends: list[StageEnd] = []
    failed = False
    try:
        for number, stage in enumerate(local.stages):
            if not runs_after(stage, failed=failed):
                ends.append(StageEnd(name=stage.name, result=Result.SKIP, seconds=0))
                continue
            began = time()
            outcome = await run_command(work, number, stage)
            tests = await harvest(work, number, outcome)
            ends.append(StageEnd(name=stage.name, result=outcome.result, seconds=time() - began, tests=tests))
            failed = failed or (outcome.result is not Result.SUCCESS and not stage.allow_failure)
    finally:
        timer.cancel()
    return ends


def judge(ends: Sequence[StageEnd], stages: Sequence[Stage]) -> Result:
    """The result of the whole: stages that may fail don't count."""
    counted = [end.result for end, stage in zip(ends, stages, strict=True) if not stage.allow_failure]
    return verdict(counted or [Result.SUCCESS])


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _time_out(ending: asyncio.Future[RunEnded], seconds: int) -> None:
    if not ending.done():
        ending.set_result(RunEnded(Result.TIMEOUT, f"The run took longer than {seconds} s."))


def _end(ending: asyncio.Future[RunEnded], error: OSError) -> None:
    """Nobody reads the output any more."""
    if not ending.done():
        ending.set_result(RunEnded(Result.ERROR, str(ExecutorError(f"The output can't be written: {error.strerror}."))))
