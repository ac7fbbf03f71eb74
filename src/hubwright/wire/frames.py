"""Messages and log bytes as frames of the WebSocket, there and back."""

from __future__ import annotations

import struct
from typing import NamedTuple

import msgspec

from hubwright.errors import WireError
from hubwright.wire.messages import (
    Ack,
    Do,
    Event,
    Hello,
    Images,
    Job,
    LatestCommit,
    Leaving,
    Message,
    Ping,
    Pong,
    Problems,
    Result,
    Scrub,
    Slots,
    Tests,
    Waiting,
    Welcome,
)
from hubwright.wire.vitals import Recorder, Vitals

WIRE_VERSION = 2
"""Sides that differ by more than one refuse each other."""

MAX_FRAME = 8 * 1024 * 1024
"""Bytes; a larger frame ends the connection."""


class Output(NamedTuple):
    """Sent by: builder, as a binary frame. Log bytes of a run from `offset` on."""

    run: int
    lease: int
    offset: int
    data: bytes


FROM_BUILDER: tuple[type[Message], ...] = (
    Hello,
    Job,
    Result,
    Event,
    Tests,
    Problems,
    Images,
    Scrub,
    LatestCommit,
    Slots,
    Leaving,
    Vitals,
    Recorder,
    Ping,
    Pong,
)
FROM_HUB: tuple[type[Message], ...] = (Welcome, Do, Ack, Waiting, Ping, Pong)

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
