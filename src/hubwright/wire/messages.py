"""The messages, each a struct whose docstring tells who sends it and why."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from hubwright.wire.assignment import Payload
from hubwright.wire.samples import Recording


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all messages are. `word` is the key that names the message on the wire.

    `since`: the version that brought the message; it is not sent to a side that speaks an older one.
    """

    word: ClassVar[str] = ""
    since: ClassVar[int] = 1


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a builder holds when it says hello: how many messages and log bytes its spool has."""

    run: int
    lease: int
    seq: int = 0
    log: int = 0


class Hello(Message, frozen=True, kw_only=True):
    """Sent by: builder, first. Who it is, what it can do, and the runs that it still holds.

    `boot` and `process` change when its machine and when itself is started anew. `once`: it takes one run and ends.
    """

    word: ClassVar[str] = "hello"

    wire: int
    name: str
    platform: str
    version: str
    instance: str
    labels: tuple[str, ...] = ()
    slots: int = 1
    most_slots: int = 0
    executor: str = "process"
    runs: tuple[Held, ...] = ()
    boot: str = ""
    process: str = ""
    once: bool = False


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
    recording: Recording | None = None


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
    """One test case. `result` is passed, failed, error or skipped; `seconds` None when the report has none.

    `file` is relative to the workspace, "" when not known; `line` counts from 1. `flaky`: it failed, then passed in a
    later attempt of the same stage.
    """

    suite: str
    classname: str
    name: str
    result: str
    seconds: float | None = None
    message: str = ""
    file: str = ""
    line: int | None = None
    flaky: bool = False


class Tests(Message, frozen=True, kw_only=True):
    """Sent by: builder. Test cases of a stage, at most 500 a message."""

    word: ClassVar[str] = "tests"

    run: int
    lease: int
    seq: int
    stage: int
    cases: tuple[Case, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of the log says is wrong. `severity` is error, warning or notice; lines and columns count from 1.

    `file` is relative to the workspace, "" when the line names none; `offset` is where the line begins in the log.
    """

    severity: str
    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None
    code: str = ""
    matcher: str = ""
    offset: int | None = None


class Problems(Message, frozen=True, kw_only=True):
    """Sent by: builder. What a stage's output says is wrong, as it is found; at most 500 a message.

    `anew`: in place of all that was told of the stage before (it is tried again). A hub of version 1 is sent an
    `event` of the same number instead.
    """

    word: ClassVar[str] = "problems"
    since: ClassVar[int] = 2

    run: int
    lease: int
    seq: int
    at: float
    stage: int
    problems: tuple[Problem, ...]
    anew: bool = False


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A container image that a run was given. `id` is the daemon's, of the image's configuration.

    `digest` is that of the manifest in the registry it came from, "" for an image that was made on the machine.
    """

    name: str
    id: str
    digest: str = ""


class Scrub(Message, frozen=True, kw_only=True):
    """Sent by: builder. Parts of the run's log, offset and length each, that hold what is only now known to be secret.

    The hub overwrites them with as many asterisks. A hub of version 1 is sent an `event` of the same number instead.
    """

    word: ClassVar[str] = "scrub"
    since: ClassVar[int] = 2

    run: int
    lease: int
    seq: int
    spans: tuple[tuple[int, int], ...]


class Images(Message, frozen=True, kw_only=True):
    """Sent by: builder. The images of a run's stages and services, before its first stage.

    A hub of version 1 is sent an `event` of the same number instead.
    """

    word: ClassVar[str] = "images"
    since: ClassVar[int] = 2

    run: int
    lease: int
    seq: int
    images: tuple[Image, ...]


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


class Slots(Message, frozen=True, kw_only=True):
    """Sent by: builder, when the number of runs that it takes at a time has changed."""

    word: ClassVar[str] = "slots"
    since: ClassVar[int] = 2

    slots: int


class Waiting(Message, frozen=True, kw_only=True):
    """Sent by: hub, to builders whose number of slots may change: how many runs wait for one like it."""

    word: ClassVar[str] = "waiting"
    since: ClassVar[int] = 2

    runs: int


class Leaving(Message, frozen=True, kw_only=True):
    """Sent by: builder. It takes no more runs and ends when the hub has all of those it holds.

    A `do` build that crosses this message is still worked off. `on_demand`: it ends because nothing waits, and is
    started again when something does.
    """

    word: ClassVar[str] = "leaving"

    on_demand: bool = False


class Ping(Message, frozen=True, kw_only=True):
    """Sent by: both. Are you there? `at` is the sender's clock."""

    word: ClassVar[str] = "ping"

    at: float


class Pong(Message, frozen=True, kw_only=True):
    """Sent by: both. The answer to a ping: its `at` unchanged, and `clock`, the answerer's own."""

    word: ClassVar[str] = "pong"

    at: float
    clock: float = 0.0
