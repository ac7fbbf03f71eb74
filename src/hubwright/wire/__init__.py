"""The messages between hub and builder, versioned; `docs/wire.md` tells who sends what and why.

A text frame is a JSON object with one key, the message's word (system 1's where it had one), and its fields inside:
`{"job": {"run": 7, "lease": 1, "seq": 2, ...}}`. A binary frame carries log bytes with their offset. Fields that
the other side does not know are ignored, so versions may differ by one; missing ones have defaults where that is safe.
"""

from __future__ import annotations

from hubwright.wire.assignment import CacheWish, Payload, ReportLimits, ServiceWish, Source
from hubwright.wire.frames import (
    FROM_BUILDER,
    FROM_HUB,
    MAX_FRAME,
    WIRE_VERSION,
    Output,
    read_message,
    read_output,
    write_message,
    write_output,
)
from hubwright.wire.messages import (
    Ack,
    Case,
    Do,
    Event,
    Held,
    Hello,
    Image,
    Images,
    Job,
    Known,
    LatestCommit,
    Leaving,
    Message,
    Ping,
    Pong,
    Problem,
    Problems,
    Result,
    Scrub,
    Slots,
    Tests,
    Totals,
    Waiting,
    Welcome,
)
from hubwright.wire.samples import Machine, Point, Process, Recording, RunVitals, Usage
from hubwright.wire.vitals import Recorder, Vitals

__all__ = [
    "FROM_BUILDER",
    "FROM_HUB",
    "MAX_FRAME",
    "WIRE_VERSION",
    "Ack",
    "CacheWish",
    "Case",
    "Do",
    "Event",
    "Held",
    "Hello",
    "Image",
    "Images",
    "Job",
    "Known",
    "LatestCommit",
    "Leaving",
    "Machine",
    "Message",
    "Output",
    "Payload",
    "Ping",
    "Point",
    "Pong",
    "Problem",
    "Problems",
    "Process",
    "Recorder",
    "Recording",
    "ReportLimits",
    "Result",
    "RunVitals",
    "Scrub",
    "ServiceWish",
    "Slots",
    "Source",
    "Tests",
    "Totals",
    "Usage",
    "Vitals",
    "Waiting",
    "Welcome",
    "read_message",
    "read_output",
    "write_message",
    "write_output",
]
