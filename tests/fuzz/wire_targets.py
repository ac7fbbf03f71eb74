"""Frames of the wire: what a builder that lies may send to the hub, and what a hub that lies may send to a builder."""

from __future__ import annotations

import json

import msgspec

from fuzz.choices import Choices, spoil
from fuzz.finding import expect
from hubwright import wire
from hubwright.errors import HubwrightError, WireError
from hubwright.hub.session import check_hello


def _example(kind: type[msgspec.Struct]) -> object:
    """The JSON of a message with a value in every field, as its type says."""
    return {field.encode_name: _value(field.type) for field in msgspec.structs.fields(kind)}


def _value(hint: object) -> object:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _example(hint)
    inner = [one for one in getattr(hint, "__args__", ()) if one not in (type(None), ...)]
    origin = getattr(hint, "__origin__", None)
    if origin is tuple:
        return [_value(one) for one in inner]
    if origin is dict:
        return {"KEY": _value(inner[1])}
    if inner:
        return _value(inner[0])
    return {str: "text", int: 7, bool: True, float: 1.5, bytes: "AA=="}.get(hint, "text")  # type: ignore[call-overload]


EXAMPLES = [
    (from_builder, {kind.word: _example(kind)})
    for from_builder, kinds in ((True, wire.FROM_BUILDER), (False, wire.FROM_HUB))
    for kind in kinds
]


def read_frame(data: bytes) -> bool:
    """A text frame as bytes, to either side."""
    return _read(data, from_builder=True) | _read(data, from_builder=False)


def read_message(data: bytes) -> bool:
    """A message with a value in every field, and some of its places spoiled."""
    choices = Choices(data)
    from_builder, example = choices.one(EXAMPLES)
    return _read(json.dumps(spoil(example, choices)).encode(), from_builder=from_builder)


def read_log_bytes(data: bytes) -> bool:
    """A binary frame: what is read of it, written, is the frame."""
    try:
        output = wire.read_output(data)
    except WireError:
        return False
    expect(wire.write_output(output) == data, "a frame that is read and written is another")
    return True


def _read(frame: bytes, *, from_builder: bool) -> bool:
    try:
        message = wire.read_message(frame, from_builder=from_builder)
    except WireError:
        return False
    again = wire.read_message(wire.write_message(message), from_builder=from_builder)
    expect(again == message, "a message that is written and read is another")
    if isinstance(message, wire.Hello):
        try:
            check_hello(message)
        except HubwrightError:
            return False
    return True
