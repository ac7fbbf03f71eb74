"""One run, from its assignment to its result: checkout, stages, reports, files, and the floor swept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec

from hubwright.builder.caches import Caches, HubShelf
from hubwright.builder.checkout import fill_tree, origin_of, password_of
from hubwright.builder.disk_watch import EVERY, DiskWatch
from hubwright.builder.executors import Executor, Furnishing
from hubwright.builder.executors.terms import Terms
from hubwright.builder.furnishing import furnish
from hubwright.builder.keeping import KeptFiles
from hubwright.builder.later import Later
from hubwright.builder.live_problems import LiveProblems
from hubwright.builder.log import Find, Log
from hubwright.builder.recorder import Recorder
from hubwright.builder.spool import About, Spool
from hubwright.builder.stage import GRACE, Outcome, RunEnded, Work, harvest, run_command
from hubwright.builder.telling import Telling
from hubwright.builder.unless import unless
from hubwright.builder.upload import Uploads
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import Limits, read_limits
from hubwright.domain.matching import runs_after
from hubwright.domain.problem_watch import ProblemWatch
from hubwright.domain.recipe_json import stage_from_json
from hubwright.domain.recipe_values import Service, Stage
from hubwright.domain.results import Result, verdict
from hubwright.domain.verdicts import Cause, Verdict
from hubwright.domain.wording import word_size
from hubwright.errors import ExecutorError, HubwrightError
from hubwright.git.commands import LEASH, Leash
from hubwright.git.mirrors import Mirrors
from hubwright.wire import Payload, Recording


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What every run of a builder uses. `instance` makes the markers of its processes its own."""

    executor: Executor
    mirrors: Mirrors
    trees: Path
    instance: str
    machine: str
    own_environment: Mapping[str, str]
    uploads: Uploads | None
    clock: Callable[[], float]
    recorder: Recorder
    disk: int | None = None  # bytes of files that a run may have


class Run:
    """Works an assignment off. `go` never raises for what a build or its hub may do; the result is in the spool."""

    def __init__(self, payload: Payload, spool: Spool, tools: Tools) -> None:
        loop = asyncio.get_running_loop()
        if payload.trust != "trusted":  # the hub sends none; a wrong one must not matter
            payload = msgspec.structs.replace(payload, secrets={})
        self._payload = payload
        self._spool = spool
        self._tools = tools
        self._ending: asyncio.Future[RunEnded] = loop.create_future()
        self._workspace = make_workspace(payload, spool, tools)
        watch = ProblemWatch((str(self._workspace.tree),), payload.log_limit)
        self._log = Log(
            spool.append_log,
            payload.log_limit,
            _secrets_of(payload),
            self._disk_failed,
            watch=watch.feed,
            scrub=self._scrub,
        )
        self._telling = Telling(spool, tools.clock, self._log.masking.hide)
        self._problems = LiveProblems(watch, self._log, self._telling, self._workspace.tree)
        self._results: dict[int, Result] = {}
        self._limits = read_limits(payload.limits)
        shelf = HubShelf(payload.uploads, spool.key, tools.uploads) if payload.uploads and tools.uploads else None
        self._caches = Caches(payload.cache, payload.matrix, self._workspace, shelf, self._log.say)
        self._files = KeptFiles(payload, spool, tools.uploads, self._warn, self._log.masking.hides)
        self._watch = tools.recorder.watch(spool.key)

    @asynccontextmanager
    async def _watching_disk(self) -> AsyncIterator[None]:
        """End the run when its files become too many."""
        most = self._limits.within(Limits(disk=self._tools.disk)).disk
        if most is None:
            yield
            return
        sentence = f"Disk full: the run's files take more than {word_size(most)}, which is all that they may."

        def full() -> None:
            self._watch.verdict = Verdict(cause=Cause.DISK, sentence=sentence)
            self._log.say(sentence)
            self.end(Result.FAILURE, sentence, grace=0)

        executor = self._tools.executor
        elsewhere = partial(executor.written, self._workspace) if isinstance(executor, Furnishing) else int
        watch = Later(EVERY, DiskWatch(self._workspace.root, most, full, elsewhere).keep)
        try:
            yield
        finally:
            await watch.cancel()

    def end(self, result: Result, reason: str, grace: float = GRACE) -> None:
        """End the run now, with this result. Only the first call counts."""
        if not self._ending.done():
            self._ending.set_result(RunEnded(result, reason, grace))

    async def go(self) -> None:
        """Do it all, and tell the result."""
        limit = self._payload.timeout
        reason = f"The run took longer than {limit} s."
        timer = asyncio.get_running_loop().call_later(limit, self.end, Result.TIMEOUT, reason)
        try:
            async with self._watching_disk():
                result, detail = await self._build()
        except RunEnded as ended:
            result, detail = ended.result, ended.reason
        except HubwrightError as error:
            result, detail = Result.ERROR, str(error)
        except OSError as error:
            result, detail = Result.ERROR, f"The builder's files can't be used: {error.strerror or error}."
        finally:
            timer.cancel()
        await asyncio.to_thread(self._tools.executor.destroy, self._workspace)
        if result not in {Result.SUCCESS, Result.FAILURE}:
            self._log.say(detail)
        with suppress(RunEnded):
            await unless(self._ending, self._files.hand_over())
            if result in {Result.SUCCESS, Result.FAILURE}:
                await unless(self._ending, self._caches.keep(self._succeeded(result)))
        self._log.finish()
        self._skip_rest()
        self._telling.run_ended(result, detail, recording=await self._record(result))
        await asyncio.to_thread(self._workspace.remove)

    def _succeeded(self, result: Result) -> set[str]:
        """The names of the stages that have, and "" when the run has."""
        stages = self._payload.stages
        well = {str(stages[number]["name"]) for number, each in self._results.items() if each is Result.SUCCESS}
        return well | ({""} if result is Result.SUCCESS else set())

    async def _record(self, result: Result) -> Recording | None:
        """The last minute, when the run did not end by itself or a stage failed for want of memory or disk."""
        if result in {Result.ERROR, Result.TIMEOUT} or (result is Result.FAILURE and self._watch.verdict is not None):
            return await self._watch.record()
        return None

    async def give_up(self) -> None:
        """A fault of ours came between: nothing of the run stays, and it is an error if it has not ended."""
        await asyncio.to_thread(self._tools.executor.destroy, self._workspace)
        if not self._spool.complete:
            self._telling.run_ended(Result.ERROR, "The builder failed; its own log says why.")
        await asyncio.to_thread(self._workspace.remove)

    async def _build(self) -> tuple[Result, str]:
        stages = _read_stages(self._payload)
        self._spool.write_about(About(stages=len(stages)))
        self._workspace.make()
        for warning in self._payload.warnings:
            self._log.say(f"Warning: {warning}")
        if self._payload.source.checkout:
            await self._check_out()
        await unless(self._ending, self._caches.restore())
        terms = Terms(trust=self._payload.trust, limits=replace(self._limits, disk=None))
        for warning in await asyncio.to_thread(self._tools.executor.prepare, self._workspace, terms):
            self._log.say(warning)
        services = [Service(**msgspec.structs.asdict(wish)) for wish in self._payload.services]
        furnished = furnish(self._tools.executor, self._workspace, stages, services, self._log.say)
        self._telling.took(await unless(self._ending, furnished))
        if isinstance(self._tools.executor, Furnishing):
            self._watch.add_services(self._tools.executor.services(self._workspace))
        return await self._run_stages(stages)

    async def _check_out(self) -> None:
        source = self._payload.source
        self._telling.happened("checkout")
        self._log.say(f"▶ checkout {source.sha[:12]} of {source.repository} ({source.ref})")
        mirrors, tree = self._tools.mirrors, self._workspace.tree
        if await asyncio.to_thread(fill_tree, mirrors, source, tree):
            return
        origin = origin_of(source)
        leash = Leash()
        before = LEASH.set(leash)
        try:
            await unless(self._ending, asyncio.to_thread(mirrors.fetch, origin, source.sha, source.ref))
        except RunEnded:
            leash.pull()  # git is in a thread, which nobody can cancel
            raise
        finally:
            LEASH.reset(before)
        if not await asyncio.to_thread(fill_tree, mirrors, source, tree):
            raise ExecutorError(f"The mirror of {source.repository} lost commit {source.sha[:12]}.")

    async def _run_stages(self, stages: list[Stage]) -> tuple[Result, str]:
        work = Work(
            payload=self._payload,
            workspace=self._workspace,
            executor=self._tools.executor,
            log=self._log,
            telling=self._telling,
            machine=self._tools.machine,
            own_environment=self._tools.own_environment,
            ending=self._ending,
            problems=self._problems,
            watch=self._watch,
        )
        failed: list[tuple[Result, str]] = []
        for number, stage in enumerate(stages):
            if not runs_after(stage, failed=bool(failed)):
                self._end_stage(number, Outcome(result=Result.SKIP))
                continue
            outcome = await self._run_stage(work, number, stage)
            if outcome.result is not Result.SUCCESS and not stage.allow_failure:
                failed.append((outcome.result, f"Stage {stage.name}: {outcome.detail}"))
        if not failed:
            return Result.SUCCESS, ""
        worst = verdict(result for result, _ in failed)
        return worst, next(detail for result, detail in failed if result is worst)

    async def _run_stage(self, work: Work, number: int, stage: Stage) -> Outcome:
        try:
            outcome = await run_command(work, number, stage)
            tests = await harvest(work, number, outcome)
            await unless(self._ending, self._files.keep(self._workspace.tree, stage, outcome.result))
            await self._problems.finish(number, stage)
        except RunEnded as ended:
            await self._problems.finish(number, stage)
            self._end_stage(number, Outcome(result=ended.result, detail=ended.reason))
            raise
        except HubwrightError as error:
            self._end_stage(number, Outcome(result=Result.ERROR, detail=str(error)))
            raise
        self._results[number] = outcome.result
        self._telling.stage_ended(number, outcome.result, outcome.detail, outcome.exit_code, tests)
        return outcome

    def _warn(self, sentence: str) -> None:
        self._log.say(sentence)
        self._telling.happened("warning", sentence)

    def _end_stage(self, number: int, outcome: Outcome) -> None:
        self._results[number] = outcome.result
        self._telling.stage_ended(number, outcome.result, outcome.detail)

    def _skip_rest(self) -> None:
        """Stages that have no result yet: they never ran."""
        for number in range(len(self._payload.stages)):
            if number not in self._results:
                self._end_stage(number, Outcome(result=Result.SKIP))

    def _scrub(self, find: Find) -> None:
        try:
            self._telling.scrubbed(self._spool.scrub_log(find))
        except OSError as error:
            self._disk_failed(error)

    def _disk_failed(self, error: OSError) -> None:
        self.end(Result.ERROR, f"The builder's disk is full or broken: the log can't be written ({error.strerror}).")


def _read_stages(payload: Payload) -> list[Stage]:
    """The stages; those secrets that none of them asks for by name are for all of them. Raises WireError."""
    stages = [stage_from_json(stage) for stage in payload.stages]
    named = {name for stage in stages for name in stage.secrets}
    shared = tuple(name for name in payload.secrets if name not in named)
    return [replace(stage, secrets=(*stage.secrets, *shared)) for stage in stages]


def _secrets_of(payload: Payload) -> list[str]:
    """All that may not be shown: also what the source is fetched with."""
    source = payload.source
    return [secret for secret in (*payload.secrets.values(), source.token, password_of(source.clone_url)) if secret]


def make_workspace(payload: Payload, spool: Spool, tools: Tools) -> Workspace:
    """The workspace of a run, named by run and lease: nothing from outside is in its path."""
    run, lease = spool.key
    root = tools.trees / f"{run}-{lease}"
    objects = tools.mirrors.path(origin_of(payload.source)) / "objects" if payload.source.checkout else None
    return Workspace(root=root, tree=root / "tree", marker=f"{tools.instance}-{run}-{lease}", objects=objects)
