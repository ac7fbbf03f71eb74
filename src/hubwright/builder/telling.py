"""What a run tells the hub: each sentence a numbered message in its spool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from hubwright.builder.executors import TakenImage
from hubwright.builder.spool import Spool
from hubwright.domain.results import Result as Outcome
from hubwright.wire import Case, Event, Image, Images, Job, Problem, Problems, Recording, Result, Scrub, Tests, Totals

SPANS = 5_000
"""Covered parts of the log a message."""

CASES = 500
"""Test cases a message."""

TEXT = 512 * 1024
"""Characters of their failures a message."""


class Telling:
    """Writes a run's messages; `clock` gives Unix time, `hide` takes secrets out of a text."""

    def __init__(self, spool: Spool, clock: Callable[[], float], hide: Callable[[str], str] = str) -> None:
        self._spool = spool
        self._clock = clock
        self._hide = hide
        self._run, self._lease = spool.key

    def stage_began(self, stage: int, attempt: int) -> None:
        """A stage begins, for the `attempt`th time."""
        at = self._clock()
        self._spool.add(
            lambda seq, log: Job(
                run=self._run, lease=self._lease, seq=seq, at=at, stage=stage, attempt=attempt, log=log
            )
        )

    def stage_ended(
        self, stage: int, outcome: Outcome, detail: str = "", exit_code: int | None = None, tests: Totals | None = None
    ) -> None:
        """A stage ended, or never ran (a skip)."""
        at = self._clock()
        self._spool.add(
            lambda seq, log: Result(
                run=self._run,
                lease=self._lease,
                seq=seq,
                at=at,
                result=outcome.value,
                stage=stage,
                exit_code=exit_code,
                detail=self._hide(detail),
                log=log,
                tests=tests,
            )
        )

    def run_ended(
        self, outcome: Outcome, detail: str, *, lost: bool = False, recording: Recording | None = None
    ) -> None:
        """The run ended: its last message. `lost`: it did not end, this builder did."""
        at = self._clock()
        if recording is not None:
            named = [msgspec.structs.replace(one, name=self._hide(one.name)) for one in recording.processes]
            recording = msgspec.structs.replace(recording, processes=tuple(named))
        self._spool.add(
            lambda seq, log: Result(
                run=self._run,
                lease=self._lease,
                seq=seq,
                at=at,
                result=outcome.value,
                detail=self._hide(detail),
                log=log,
                lost=lost,
                recording=recording,
            ),
            last=True,
        )

    def happened(self, event: str, text: str = "") -> None:
        """Something outside of the stages: `checkout` or `warning`."""
        at = self._clock()
        self._spool.add(
            lambda seq, _: Event(run=self._run, lease=self._lease, seq=seq, at=at, event=event, text=self._hide(text))
        )

    def took(self, images: Sequence[TakenImage]) -> None:
        """The images of the run, if it has any."""
        if images:
            told = tuple(Image(name=self._hide(one.name), id=one.id, digest=one.digest) for one in images)
            self._spool.add(lambda seq, _: Images(run=self._run, lease=self._lease, seq=seq, images=told))

    def tested(self, stage: int, cases: Sequence[Case]) -> None:
        """Test cases of a stage, in as many messages as they need."""
        for batch in _batches(cases):
            self._spool.add(
                lambda seq, _, batch=batch: Tests(  # type: ignore[misc]
                    run=self._run, lease=self._lease, seq=seq, stage=stage, cases=batch
                )
            )

    def found(self, stage: int, problems: Sequence[Problem], *, anew: bool = False) -> None:
        """What a stage's output says is wrong; they are few. `anew`: in place of what was told of the stage before."""
        at = self._clock()
        self._spool.add(
            lambda seq, _: Problems(
                run=self._run, lease=self._lease, seq=seq, at=at, stage=stage, problems=tuple(problems), anew=anew
            )
        )

    def scrubbed(self, spans: Sequence[tuple[int, int]]) -> None:
        """These parts of the log were covered here, and are to be at the hub."""
        for first in range(0, len(spans), SPANS):
            batch = tuple(spans[first : first + SPANS])
            self._spool.add(
                lambda seq, _, batch=batch: Scrub(  # type: ignore[misc]
                    run=self._run, lease=self._lease, seq=seq, spans=batch
                )
            )


def _batches(cases: Sequence[Case]) -> Iterator[tuple[Case, ...]]:
    """At most so many cases, and messages of so many characters, at once: a frame has its bound."""
    batch: list[Case] = []
    size = 0
    for case in cases:
        if len(batch) == CASES or (batch and size + len(case.message) > TEXT):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(case)
        size += len(case.message)
    if batch:
        yield tuple(batch)
