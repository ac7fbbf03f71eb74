"""Parts of logs: ranges, plain text, and chunks that give back every byte."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.ansi import strip_escapes
from hubwright.web.api.windows import Window, read_range, split_escapes
from hubwright.web.following import CHUNK, cut_chunk
from hubwright.web.streams import MAX_EVENT, write_chunk


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Window(0, 1)),
        ("bytes=0-", Window(0, 10)),
        ("bytes=4-6", Window(4, 7)),
        ("bytes=4-600", Window(4, 10)),
        ("bytes=-3", Window(7, 10)),
        ("bytes=-300", Window(0, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=0-1", None),
        ("nonsense", None),
    ],
)
def test_ranges_are_read_as_rfc_9110_says(header: str, expected: Window | None) -> None:
    """What can't be understood is ignored: then the whole is sent."""
    assert read_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    """`curl -C -` of a complete file asks for exactly this."""
    with pytest.raises(ValueError, match="10 bytes"):
        read_range(header, 10)


PIECES = st.sampled_from(
    [
        b"a",
        b"line\n",
        b"\r\n",
        b"\x1b[31m",
        b"\x1b[0m",
        b"\x1b]8;;http://x\x1b\\",
        b"\x1b]0;title\x07",
        b"\x1b(B",
        b"\xc3\xa9",
    ]
)


@given(st.lists(PIECES, max_size=40), st.lists(st.integers(0, 200), max_size=20))
def test_escapes_vanish_wherever_the_log_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    """The borders of chunks are chance; they must not show in the text."""
    log = b"".join(pieces)
    borders = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    plain, held = b"", b""
    for start, end in pairwise(borders):
        whole, held = split_escapes(held + log[start:end])
        plain += strip_escapes(whole)
    assert plain + strip_escapes(held) == strip_escapes(log)


def test_an_escape_without_end_holds_nothing_back_for_ever() -> None:
    """A log may hold anything; what waits for an escape's end stays small."""
    _, held = split_escapes(b"\x1b]" + b"x" * 100_000)
    assert held == b""


def read_event(event: bytes) -> bytes:
    lines = event.decode().split("\n")
    data = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
    return base64.b64decode(data["base64"]) if "base64" in data else data["text"].encode()


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode), st.integers(1, 60))
def test_chunks_give_back_every_byte(log: bytes, size: int) -> None:
    """Whatever a build prints - carriage returns, broken UTF-8, nought bytes - a follower has it, byte by byte."""
    sent = 0
    got = b""
    while sent < len(log):
        block = log[sent : sent + size]
        chunk = cut_chunk(block, more=len(block) == size, over=True)
        if not chunk:  # a character longer than this tiny block: the real one is never so small
            chunk = block
        sent += len(chunk)
        event = write_chunk(chunk, sent)
        assert f"\nid: {sent}\n".encode() in event
        assert event.endswith(b"\n\n")
        assert event.count(b"\n") == 4
        got += read_event(event)
    assert got == log


@given(st.text(min_size=1, max_size=50))
def test_a_character_is_not_cut_while_the_log_grows(text: str) -> None:
    """The rest of it is on its way; a reader would see two broken halves."""
    log = text.encode()
    for end in range(len(log) + 1):
        chunk = cut_chunk(log[:end], more=False, over=False)
        chunk.decode()
        assert end - len(chunk) < 4


def test_full_chunks_end_with_a_line() -> None:
    """A reader that paints lines gets whole ones while it catches up."""
    assert cut_chunk(b"one\ntwo\nthr", more=True, over=True) == b"one\ntwo\n"


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b"a", b"\x1b", b"\n"])
def test_no_event_is_larger_than_its_bound(byte: bytes) -> None:
    """Control characters grow sixfold in JSON; such chunks go as base64."""
    assert len(write_chunk(byte * CHUNK, CHUNK)) < MAX_EVENT + 100
