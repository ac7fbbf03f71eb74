"""What a builder measures, second by second, and the recording of a run's last minute."""

from __future__ import annotations

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a builder's machine. Sizes in bytes, `cpu` in per cent of all processors.

    Where a control group bounds the builder, memory is that of the group. None: this machine does not tell.
    """

    at: float
    memory: int = 0
    memory_total: int = 0
    swap: int = 0
    swap_total: int = 0
    disk_free: int = 0
    disk_total: int = 0
    load: float = 0.0
    cpu: float = 0.0
    pressure: float | None = None
    oom_kills: int | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the processes of one run used at that moment."""

    memory: int = 0
    limit: int | None = None
    oom_kills: int | None = None
    processes: int = 0


class Process(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process of a run. Its name only: arguments and environment may have secrets in them."""

    pid: int
    parent: int
    name: str
    cpu: float = 0.0
    memory: int = 0


class RunVitals(msgspec.Struct, frozen=True, kw_only=True):
    """What one run used, and its processes."""

    run: int
    lease: int
    usage: Usage
    processes: tuple[Process, ...] = ()


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a recording: the machine, and what the run used of it."""

    machine: Machine
    usage: Usage


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """The last minute of a run, oldest moment first, its processes at the last one, and the verdict."""

    cause: str
    sentence: str
    points: tuple[Point, ...] = ()
    processes: tuple[Process, ...] = ()
