"""The messages between hub and builder, versioned; `docs/wire.md` tells who sends what and why.

A text frame is a JSON object with one key, the message's word (system 1's where it had one), and its fields inside:
`{"job": {"run": 7, "lease": 1, "seq": 2, ...}}`. A binary frame carries log bytes with their offset. Fields that
the other side does not know are ignored, so versions may differ by one; missing ones have defaults where that is safe.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar, NamedTuple

import msgspec

from hubwright.errors import WireError

WIRE_VERSION = 1
"""Sides that differ by more than one refuse each other."""

MAX_FRAME = 8 * 1024 * 1024
"""Bytes; a larger frame ends the connection."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all messages are. `word` is the key that names the message on the wire."""

    word: ClassVar[str] = ""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a builder holds when it says hello: how many messages and log bytes its spool has."""

    run: int
    lease: int
    seq: int = 0
    log: int = 0


class Hello(Message, frozen=True, kw_only=True):
    """Sent by: builder, first. Who it is, what it can do, and the runs that it still holds."""

    word: ClassVar[str] = "hello"

    wire: int
    name: str
    platform: str
    version: str
    instance: str
    labels: tuple[str, ...] = ()
    slots: int = 1
    executor: str = "process"
    runs: tuple[Held, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub has of a held run. `held: false` = the lease is gone, stop it and forget it."""

    run: int
    lease: int
    held: bool
    seq: int = 0
    log: int = 0


class Welcome(Message, frozen=True, kw_only=True):
    """Sent by: hub, in answer to hello. From where to resend each held run; `heartbeat` in seconds."""

    word: ClassVar[str] = "welcome"

    wire: int
    heartbeat: float
    runs: tuple[Known, ...] = ()


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What to check out. `checkout: false` = start in an empty folder. `token` is for https fetches only."""

    repository: str
    clone_url: str
    sha: str
    ref: str
    checkout: bool = True
    token: str | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A complete assignment: the builder never asks back. Times in seconds, sizes in bytes.

    `stages` are objects as `domain.planning.stage_to_json` writes them; `uploads` is the address artifacts are PUT to.
    """

    source: Source
    stages: tuple[dict[str, Any], ...]
    env: dict[str, str] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    matrix: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: int = 3600
    log_limit: int = 256 * 1024 * 1024
    uploads: str | None = None
    warnings: tuple[str, ...] = ()


class Do(Message, frozen=True, kw_only=True):
    """Sent by: hub. An order: `build` (with payload), `cancel` (end the run), `drop` (the lease is lost), `drain`."""

    word: ClassVar[str] = "do"

    order: str
    run: int = 0
    lease: int = 0
    reason: str = ""
    payload: Payload | None = None


class Job(Message, frozen=True, kw_only=True):
    """Sent by: builder. A stage begins; `attempt` counts its retries from 1; `log` is the log's size at that moment."""

    word: ClassVar[str] = "job"

    run: int
    lease: int
    seq: int
    at: float
    stage: int
    attempt: int = 1
    log: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of test cases, as system 1's test job reported them."""

    total: int
    passed: int
    skipped: int
    failed: int


class Result(Message, frozen=True, kw_only=True):
    """Sent by: builder. A stage ended (`stage` given) or the whole run did; `detail` says why in one sentence.

    `lost`: the builder was restarted and lost the run; a new attempt is worth while.
    """

    word: ClassVar[str] = "result"

    run: int
    lease: int
    seq: int
    at: float
    result: str
    stage: int | None = None
    exit_code: int | None = None
    detail: str = ""
    log: int = 0
    tests: Totals | None = None
    lost: bool = False


class Event(Message, frozen=True, kw_only=True):
    """Sent by: builder. Progress outside of stages: `checkout` or `warning`; `text` for people."""

    word: ClassVar[str] = "event"

    run: int
    lease: int
    seq: int
    at: float
    event: str
    text: str = ""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One test case. `result` is passed, failed, error or skipped; `seconds` None when the report has none."""

    suite: str
    classname: str
    name: str
    result: str
    seconds: float | None = None
    message: str = ""


class Tests(Message, frozen=True, kw_only=True):
    """Sent by: builder. Test cases of a stage, at most 500 a message."""

    word: ClassVar[str] = "tests"

    run: int
    lease: int
    seq: int
    stage: int
    cases: tuple[Case, ...]


class Ack(Message, frozen=True, kw_only=True):
    """Sent by: hub. Messages up to `seq` and log bytes up to `log` are safe: the builder may forget them."""

    word: ClassVar[str] = "ack"

    run: int
    lease: int
    seq: int
    log: int


class LatestCommit(Message, frozen=True, kw_only=True):
    """Sent by: builder. It is free and asks whether anything waits for it; the answer is a `do`, or nothing."""

    word: ClassVar[str] = "latestCommit"

    platform: str = ""


class Leaving(Message, frozen=True, kw_only=True):
    """Sent by: builder. It takes no more runs and ends when the hub has all of those it holds.

    A `do` build that crosses this message is still worked off.
    """

    word: ClassVar[str] = "leaving"


class Ping(Message, frozen=True, kw_only=True):
    """Sent by: both. Are you there? `at` is the sender's clock."""

    word: ClassVar[str] = "ping"

    at: float


class Pong(Message, frozen=True, kw_only=True):
    """Sent by: both. The answer to a ping: its `at` unchanged, and `clock`, the answerer's own."""

    word: ClassVar[str] = "pong"

    at: float
    clock: float = 0.0


class Output(NamedTuple):
    """Sent by: builder, as a binary frame. Log bytes of a run from `offset` on."""

    run: int
    lease: int
    offset: int
    data: bytes


FROM_BUILDER: tuple[type[Message], ...] = (Hello, Job, Result, Event, Tests, LatestCommit, Leaving, Ping, Pong)
FROM_HUB: tuple[type[Message], ...] = (Welcome, Do, Ack, Ping, Pong)

_HEADER = struct.Struct(">BQIQ")
_OUTPUT = 1
_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _body_decoders(types: tuple[type[Message], ...]) -> dict[str, msgspec.json.Decoder[Message]]:
    return {kind.word: msgspec.json.Decoder(kind) for kind in types}


_DECODERS = {True: _body_decoders(FROM_BUILDER), False: _body_decoders(FROM_HUB)}


def write_message(message: Message) -> str:
    """The message as a text frame."""
    return f'{{"{message.word}":{msgspec.json.encode(message).decode()}}}'


def read_message(frame: str | bytes, *, from_builder: bool) -> Message:
    """A text frame as a message. Raises WireError for anything that the protocol does not know."""
    try:
        envelope = _ENVELOPE.decode(frame)
        ((name, body),) = envelope.items()
        return _DECODERS[from_builder][name].decode(body)
    except KeyError as error:
        raise WireError(f"unknown message {error.args[0]!r}") from error
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise WireError(f"not a message: {error}") from error


def write_output(output: Output) -> bytes:
    """Log bytes as a binary frame."""
    return _HEADER.pack(_OUTPUT, output.run, output.lease, output.offset) + output.data


def read_output(frame: bytes) -> Output:
    """A binary frame as log bytes. Raises WireError when it is too short or of another kind."""
    if len(frame) < _HEADER.size:
        raise WireError("a binary frame is shorter than its header")
    kind, run, lease, offset = _HEADER.unpack_from(frame)
    if kind != _OUTPUT:
        raise WireError(f"unknown kind {kind} of binary frame")
    return Output(run, lease, offset, frame[_HEADER.size :])
