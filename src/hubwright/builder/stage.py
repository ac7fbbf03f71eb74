"""One stage: its command, tried as often as it may be; then its test reports and its files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from hubwright.builder.environment import build_environment
from hubwright.builder.executors import Command, Executor, Running
from hubwright.builder.inside import make_inside, settle
from hubwright.builder.live_problems import LiveProblems
from hubwright.builder.log import Log
from hubwright.builder.recorder import Watch
from hubwright.builder.report_files import ReportFiles, hide_in_cases
from hubwright.builder.telling import Telling
from hubwright.builder.workspace import Workspace
from hubwright.domain.recipe_values import Stage
from hubwright.domain.results import Result
from hubwright.domain.verdicts import explains_failure
from hubwright.errors import DiskFullError
from hubwright.wire import Payload, Totals

GRACE = 5.0
"""Seconds between asking a stage to end and forcing it."""

_LONGEST_ARGUMENT = 100_000  # Linux takes 128 KiB an argument
_SHELLS = {
    "sh": (("sh", "-eu"), ("-c",), ""),
    "bash": (("bash", "-eu", "-o", "pipefail"), ("-c",), ""),
    "python": (("python3",), ("-c",), ""),
    "pwsh": (("pwsh", "-NoProfile", "-NonInteractive"), ("-Command",), "$ErrorActionPreference = 'Stop'\n"),
    "cmd": (("cmd", "/d", "/s"), ("/c",), ""),
}


class RunEnded(Exception):  # noqa: N818  not an error: somebody or a clock ended the run
    """The run is to end now, with this result and reason; its command has `grace` seconds to end by itself."""

    def __init__(self, result: Result, reason: str, grace: float = GRACE) -> None:
        self.result = result
        self.reason = reason
        self.grace = grace
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class Work:
    """All that the stages of a run share. `ending` is given an exception when the run must end early."""

    payload: Payload
    workspace: Workspace
    executor: Executor
    log: Log
    telling: Telling
    machine: str
    own_environment: Mapping[str, str]
    ending: asyncio.Future[RunEnded]
    watch: Watch | None = None
    problems: LiveProblems | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a stage ended; `exit_code` None when its command did not end by itself."""

    result: Result
    exit_code: int | None = None
    detail: str = ""
    reports: ReportFiles | None = None


async def run_command(work: Work, number: int, stage: Stage) -> Outcome:
    """Run the stage's command, again while it fails and may be retried. Raises RunEnded, ExecutorError."""
    limits = work.payload.reports
    reports = ReportFiles(work.workspace.tree, stage.reports, stage.dir, limits) if stage.reports else None
    for attempt in range(1, stage.retry + 2):
        if attempt > 1:
            await _forget_attempt(work, number, reports)
        work.telling.stage_began(number, attempt)
        work.log.say(_header(stage, attempt))
        async with work.problems.following(number, stage) if work.problems is not None else nullcontext():
            outcome = await _try_command(work, stage)
        work.log.flush()
        if outcome.result is Result.SUCCESS:
            break
        if outcome.detail:
            work.log.say(outcome.detail)
    return replace(outcome, reports=reports)


async def _forget_attempt(work: Work, number: int, reports: ReportFiles | None) -> None:
    """The attempt that failed is tried again: its tests are noted, what it printed no longer counts."""
    if reports is not None:
        await asyncio.to_thread(reports.look)
    if work.problems is not None:
        work.problems.forget(number)


def _header(stage: Stage, attempt: int) -> str:
    lines = stage.run.strip().splitlines() or [""]
    more = f" … {len(lines) - 1} more lines" if len(lines) > 1 else ""
    again = f" (attempt {attempt} of {stage.retry + 1})" if attempt > 1 else ""
    return f"▶ {stage.name}: {lines[0][:200]}{more}{again}"


async def _try_command(work: Work, stage: Stage) -> Outcome:
    directory = (work.workspace.tree / stage.dir).resolve()
    if not directory.is_dir() or not directory.is_relative_to(settle(work.workspace.tree)):
        return Outcome(result=Result.FAILURE, detail=f"The folder '{stage.dir}' is not in the workspace.")
    env = build_environment(work.payload, stage, work.workspace, work.machine, work.own_environment)
    command = Command(
        argv=_arguments(work.workspace, stage), env=env, directory=directory, network=stage.network, image=stage.image
    )
    kills = work.executor.spent(work.workspace).oom_kills
    running = work.executor.run(work.workspace, command, work.log.write)
    if work.watch is not None:
        work.watch.begin(lambda: 0 if running.finished.done() else running.pid)
    try:
        late = await _wait(running, stage, work.ending)
    finally:
        if work.watch is not None:
            work.watch.end()
        await running.kill(work.ending.result().grace if work.ending.done() else GRACE)
    if late:
        return Outcome(result=Result.TIMEOUT, detail=late)
    return await _judge(work, running.finished.result(), kills)


async def _judge(work: Work, code: int, kills: int) -> Outcome:
    if code == 0:
        return Outcome(result=Result.SUCCESS, exit_code=0)
    if work.workspace.is_full():
        raise DiskFullError("The builder's disk is full: the stage could not write in its workspace.")
    detail = f"Signal {code - 128} ended the command." if code > 128 else f"The command ended with exit code {code}."
    kills = work.executor.spent(work.workspace).oom_kills - kills
    if work.watch is not None and explains_failure(found := await work.watch.explain(code, kills)):
        detail = found.sentence
    return Outcome(result=Result.FAILURE, exit_code=code, detail=detail)


def _arguments(workspace: Workspace, stage: Stage) -> tuple[str, ...]:
    program, inline, prefix = _SHELLS.get(stage.shell, _SHELLS["sh"])
    script = prefix + stage.run
    if len(script.encode()) < _LONGEST_ARGUMENT:
        return (*program, *inline, script)
    # In the workspace's root, which no build can replace, as it can the folders in it; under a name it can't foresee.
    file = workspace.root / f"script-{token_hex(8)}{'.ps1' if stage.shell == 'pwsh' else ''}"
    with make_inside(file) as content:
        content.write(script.encode())
    return (*program, str(file))


async def _wait(running: Running, stage: Stage, ending: asyncio.Future[RunEnded]) -> str:
    """Until the command has ended (gives ""), or is too late (gives why). Raises RunEnded."""
    loop = asyncio.get_running_loop()
    either: list[asyncio.Future[Any]] = [running.finished, ending]
    deadline = None if stage.timeout is None else loop.time() + stage.timeout
    while True:
        ends = [] if deadline is None else [deadline]
        if stage.idle_timeout is not None:
            ends.append(running.idle_since + stage.idle_timeout)
        left = max(0.0, min(ends) - loop.time()) if ends else None
        await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if running.finished.done():
            return ""
        if ending.done():
            raise ending.result()
        if deadline is not None and loop.time() >= deadline:
            return f"The stage took longer than {stage.timeout} s."
        if stage.idle_timeout is not None and loop.time() >= running.idle_since + stage.idle_timeout:
            return f"The stage wrote nothing for {stage.idle_timeout} s."


async def harvest(work: Work, number: int, outcome: Outcome) -> Totals | None:
    """Read the stage's test reports and tell their cases; None when there are none. A bad report is a warning."""
    if outcome.reports is None:
        return None
    found = await asyncio.to_thread(outcome.reports.finish)
    for warning in found.warnings:
        work.log.say(warning)
        work.telling.happened("warning", warning)
    cases = await asyncio.to_thread(hide_in_cases, found.cases, work.log.masking.hide)
    work.telling.tested(number, cases)
    return found.totals
