"""The last minute of runs that connected builders hold, kept in memory only: no row is written for a sample (R22)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec.structs import replace

from hubwright.domain.verdicts import Cause
from hubwright.wire import Point, Process, Recording, RunVitals, Vitals

KEPT = 60
"""Samples of a run that are kept."""

PROCESSES = 64
"""Processes of a run that are kept."""

_NAME, _SENTENCE = 64, 500  # characters of what builders say


@dataclass(slots=True)
class Flight:
    """What a run used, second by second, and its processes at the last one."""

    points: deque[Point] = field(default_factory=lambda: deque(maxlen=KEPT))
    processes: tuple[Process, ...] = ()

    def add(self, vitals: Vitals, run: RunVitals) -> None:
        """One more second."""
        self.points.append(Point(machine=vitals.machine, usage=run.usage))
        self.processes = clip_processes(run.processes) or self.processes


def clip_processes(processes: tuple[Process, ...]) -> tuple[Process, ...]:
    """Within the bounds, whatever a builder says."""
    return tuple(
        one if len(one.name) <= _NAME else replace(one, name=one.name[:_NAME]) for one in processes[:PROCESSES]
    )


def clip_recording(recording: Recording) -> Recording:
    """The same for a whole recording."""
    return Recording(
        cause=recording.cause if recording.cause in set(Cause) else Cause.UNKNOWN.value,
        sentence=recording.sentence[:_SENTENCE],
        points=recording.points[-KEPT:],
        processes=clip_processes(recording.processes),
    )
