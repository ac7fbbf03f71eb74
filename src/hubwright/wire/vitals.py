"""The messages of the black-box recorder: samples each second, and a recording when a run was lost."""

from __future__ import annotations

from typing import ClassVar

from hubwright.wire.messages import Message
from hubwright.wire.samples import Machine, Recording, RunVitals


class Vitals(Message, frozen=True, kw_only=True):
    """Sent by: builder, each second while it holds runs, else once a heartbeat. Not numbered: it may be lost."""

    word: ClassVar[str] = "vitals"
    since: ClassVar[int] = 2

    machine: Machine
    runs: tuple[RunVitals, ...] = ()


class Recorder(Message, frozen=True, kw_only=True):
    """Sent by: builder. What it recorded of a run whose lease is gone: the hub now learns why it heard nothing."""

    word: ClassVar[str] = "recorder"
    since: ClassVar[int] = 2

    run: int
    lease: int
    recording: Recording
