"""The messages between hub and builder: there and back, refused when wrong, and documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright import wire
from hubwright.errors import WireError

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"
ALL = sorted({*wire.FROM_BUILDER, *wire.FROM_HUB}, key=lambda kind: kind.word)
PARTS = (
    wire.CacheWish,
    *(
        wire.Held,
        wire.Known,
        wire.Source,
        wire.Payload,
        wire.Totals,
        wire.Case,
        wire.Problem,
        wire.Image,
        wire.ReportLimits,
        wire.ServiceWish,
    ),
    *(wire.Machine, wire.Usage, wire.Process, wire.RunVitals, wire.Point, wire.Recording),
)

numbers = st.integers(0, 2**63 - 1)
outputs = st.builds(wire.Output, numbers, st.integers(0, 2**32 - 1), numbers, st.binary())


def plain(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any value of a struct of the wire."""
    hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **{name: of_type(hint) for name, hint in hints.items()})


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return plain(hint)
    arguments = getattr(hint, "__args__", ())
    match getattr(hint, "__origin__", None):
        case origin if origin is tuple and arguments[-1] is not ...:
            return st.tuples(*map(of_type, arguments))
        case origin if origin is tuple:
            return st.lists(of_type(arguments[0]), max_size=2).map(tuple)
        case origin if origin is dict:
            values = st.text() if arguments[1] is Any else of_type(arguments[1])
            return st.dictionaries(st.text(), values, max_size=2)
    if arguments:  # X | None
        return st.one_of(*(st.none() if part is type(None) else of_type(part) for part in arguments))
    simple = {str: st.text(), int: numbers, bool: st.booleans(), float: st.floats(0, 1e12)}
    return simple[hint]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.word)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_message_comes_back_as_it_was(kind: type[wire.Message], data: st.DataObject) -> None:
    """Whatever strings and numbers are in it."""
    message = data.draw(plain(kind))

    read = wire.read_message(wire.write_message(message), from_builder=kind in wire.FROM_BUILDER)

    assert read == message


@settings(deadline=None, max_examples=50)
@given(outputs)
def test_log_bytes_come_back_as_they_were(output: wire.Output) -> None:
    """Offsets beyond four gigabytes, and any bytes."""
    assert wire.read_output(wire.write_output(output)) == output


@pytest.mark.parametrize(
    "frame",
    ["", "{}", "[]", "null", '{"nonsense":{}}', '{"job":{}}', '{"job":{},"ping":{"at":1}}', '{"ping":{"at":"x"}}',
     '{"ping":' + "[" * 100_000, '{"do":{"order":"build"}}'],
)  # fmt: skip
def test_what_is_no_message_is_refused(frame: str) -> None:
    """S23: everything a builder says is checked against its form, also what only a hub may say."""
    with pytest.raises(WireError):
        wire.read_message(frame, from_builder=True)


@pytest.mark.parametrize("frame", [b"", b"\x01", b"\x02" + bytes(20), b"\x00" * 40])
def test_what_is_no_output_is_refused(frame: bytes) -> None:
    """S23: for binary frames too."""
    with pytest.raises(WireError):
        wire.read_output(frame)


def test_fields_that_are_not_known_are_ignored() -> None:
    """Versions may differ by one."""
    read = wire.read_message('{"ping":{"at":1.5,"mood":"good"}}', from_builder=True)

    assert read == wire.Ping(at=1.5)


def section(word: str) -> str:
    """The part of the page under the heading of a message or a part."""
    found = re.search(rf"^### `{word}`.*?\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/wire.md has no heading for `{word}`"
    return found[1]


def documented(text: str) -> list[str]:
    """The fields of a section's table, in order."""
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.word)
def test_every_message_is_documented_with_its_sender(kind: type[wire.Message]) -> None:
    """The page and the code say the same of who sends it and which fields it has, in the same order."""
    sender = re.search(r"Sent by: (\w+)", kind.__doc__ or "")
    assert sender

    text = section(kind.word)

    assert f"Sent by: {sender[1]}" in text
    assert documented(text) == list(kind.__struct_fields__)


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_every_part_of_a_message_is_documented(kind: type[msgspec.Struct]) -> None:
    """The same for what messages are made of."""
    assert documented(section(kind.__name__)) == list(kind.__struct_fields__)


def test_senders_are_those_that_are_believed() -> None:
    """A word documented as the hub's is not taken from a builder, and the other way round."""
    for kind in ALL:
        said = re.search(r"Sent by: (\w+)", kind.__doc__ or "")
        assert said
        assert (said[1] in {"builder", "both"}) == (kind in wire.FROM_BUILDER)
        assert (said[1] in {"hub", "both"}) == (kind in wire.FROM_HUB)


def test_nothing_is_documented_that_is_not_there() -> None:
    """Headings of messages that were removed would mislead."""
    headings = set(re.findall(r"^### `(\w+)`", PAGE.read_text(), re.MULTILINE))

    assert headings == {kind.word for kind in ALL} | {kind.__name__ for kind in PARTS} | {"Output"}


@pytest.mark.parametrize("word", ["job", "result", "event", "payload", "latestCommit", "ping", "pong", "do"])
def test_the_words_of_system_1_are_kept(word: str) -> None:
    """People who know NimBuild find its words again."""
    assert word in {kind.word for kind in ALL} or word in wire.Do.__struct_fields__
    assert f"`{word}" in PAGE.read_text().partition("## System 1")[2]


def test_the_version_and_bounds_on_the_page_are_the_codes() -> None:
    """Numbers in prose grow old."""
    page = PAGE.read_text()

    assert f"version {wire.WIRE_VERSION}" in page
    assert f"{wire.MAX_FRAME // 1024 // 1024} MiB" in page
