"""A stage's problems, told while it runs: what is new once a second, and the rest at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from hubwright.builder.later import Later
from hubwright.builder.log import Log
from hubwright.builder.report_files import place_problems
from hubwright.builder.source_files import SourceFiles
from hubwright.builder.telling import Telling
from hubwright.domain.problem_watch import ProblemWatch
from hubwright.domain.problems import Problem
from hubwright.domain.recipe_values import Stage
from hubwright.wire import Problem as ToldProblem

EVERY = 1.0
"""Seconds between two messages with problems of a stage that runs, at least."""


class LiveProblems:
    """What the output of a run's stages says is wrong, at files of its `tree`."""

    def __init__(self, watch: ProblemWatch, log: Log, telling: Telling, tree: Path) -> None:
        self._watch = watch
        self._log = log
        self._telling = telling
        self._tree = tree
        self._told: list[ToldProblem] = []  # of the stage that runs

    @asynccontextmanager
    async def following(self, number: int, stage: Stage) -> AsyncIterator[None]:
        """Tell what is new from time to time, as long as the stage's command runs."""
        ended = asyncio.Event()
        following = Later(EVERY, partial(self._follow, number, stage, ended))
        try:
            yield
        finally:
            ended.set()
            await following.stop()  # not cancelled: what it has taken must be told

    async def _follow(self, number: int, stage: Stage, ended: asyncio.Event) -> None:
        while not ended.is_set():
            if new := self._watch.look():
                await self._tell(number, stage, new)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), EVERY)

    def forget(self, number: int) -> None:
        """The stage is tried again: what it printed no longer counts."""
        self._watch.finish()
        if self._told:
            self._telling.found(number, (), anew=True)
        self._told = []

    async def finish(self, number: int, stage: Stage) -> None:
        """The stage has ended: tell the rest, and all anew when something in it was named as secret meanwhile."""
        self._log.flush()
        problems, left_out = self._watch.finish()
        if problems:
            await self._tell(number, stage, problems)
        hidden = self._hide(self._told)
        if hidden != self._told:
            self._telling.found(number, hidden, anew=True)
        self._told = []
        if left_out:
            self._log.say(f"{left_out} more problems in this output are not listed.")

    async def _tell(self, number: int, stage: Stage, problems: Sequence[Problem]) -> None:
        sources = SourceFiles(self._tree, stage.dir)
        placed = self._hide(await asyncio.to_thread(place_problems, problems, sources))
        self._telling.found(number, placed)
        self._told += placed

    def _hide(self, problems: Sequence[ToldProblem]) -> list[ToldProblem]:
        hide = self._log.masking.hide
        return [msgspec.structs.replace(one, message=hide(one.message), file=hide(one.file)) for one in problems]
