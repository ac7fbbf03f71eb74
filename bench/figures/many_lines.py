"""Many stages print at once, at a steady pace: how late their lines reach who follows them."""

from __future__ import annotations

import base64
import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from bench.figures.large_log import fetch
from bench.load import compile_program, quantile
from bench.machine import memory, spent_by_kind
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work, until

SOURCE = Path(__file__).parents[1] / "stamps.c"
STAGES = 20
RATE = 3_000
"""Lines a second of each stage."""

SECONDS = 30

_STAMP = re.compile(rb"^(\d{9,10}\.\d{9}) cc ", re.MULTILINE)


def measure(system: System, ground: Ground) -> Values:
    """Start them all, follow each from its beginning, compare what came with what was printed."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its live log is another protocol")
    lines = RATE * (5 if ground.quick else SECONDS)
    program = compile_program(SOURCE, ground.folder)
    with ground.running(system, Work(command=f"{program} {lines} {RATE}", slots=STAGES)):
        pushes = Pushes().make_many(STAGES)
        for push in pushes:
            send_push(system.hook, push)
        streams = [until(partial(system.find_stream, push.sha), 60, "a build did not begin") or "" for push in pushes]
        before, begun = spent_by_kind(system.processes()), time.perf_counter()
        came = _follow(streams)
        took = time.perf_counter() - begun
        after = spent_by_kind(system.processes())
        until(lambda: system.count_builds() == STAGES, 60, "not all builds ended", 0.1)
        cores = {f"{kind} cores": (after[kind] - before[kind]) / took for kind in ("hub", "builder")}
        peaks = {f"{kind} peak": memory(system.processes()[kind])["peak"] for kind in ("hub", "builder")}
        kept = sum(len(_STAMP.findall(fetch(system.log_addresses(push.sha)[0]))) for push in pushes)
    return _read(came) | cores | peaks | {"lost": STAGES * lines - kept}


def _follow(streams: Sequence[str]) -> list[list[tuple[float, bytes]]]:
    """Every block of each stream and when it came, until all have ended; what is in them is looked at later."""
    blocks: list[list[tuple[float, bytes]]] = [[] for _ in streams]
    with selectors.DefaultSelector() as ready:
        for number, stream in enumerate(streams):
            address = urlsplit(stream)
            reader = socket.create_connection((str(address.hostname), address.port or 80))
            reader.sendall(f"GET {address.path} HTTP/1.0\r\nHost: {address.netloc}\r\n\r\n".encode())
            ready.register(reader, selectors.EVENT_READ, number)
        while ready.get_map():
            for key, _ in ready.select(60):
                reader = key.fileobj
                assert isinstance(reader, socket.socket)
                block = reader.recv(1 << 20)
                if block:
                    blocks[key.data].append((time.time(), block))
                else:
                    ready.unregister(reader)
                    reader.close()
    return blocks


def _read(came: Sequence[list[tuple[float, bytes]]]) -> Values:
    """How late each line was: when its last byte came, but for what its printing says."""
    late: list[float] = []
    first, last = float("inf"), 0.0
    got = 0
    for blocks in came:
        for arrived, text in _events(blocks):
            for stamp in _STAMP.findall(text):
                late.append(arrived - float(stamp))
                first = min(first, float(stamp))
                last = max(last, arrived)
                got += 1
    if not late:
        raise RuntimeError("no line reached its reader")
    late.sort()
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {f"late {name}": 1000 * quantile(late, share) for name, share in shares.items()} | {
        "rate": got / (last - first)
    }


def _events(blocks: Sequence[tuple[float, bytes]]) -> Iterator[tuple[float, bytes]]:
    """Whole lines of the log, each with the time at which the event that ended it was whole."""
    whole = b"".join(block for _, block in blocks)
    ends, at = [], 0
    for arrived, block in blocks:
        at += len(block)
        ends.append((at, arrived))
    rest, here, moments = b"", 0, iter(ends)
    bound, arrived = next(moments, (0, 0.0))
    breaks = [0, *(found.end() for found in re.finditer(rb"\n\n", whole))]
    for start, end in pairwise(breaks):
        here = end
        while bound < here:
            bound, arrived = next(moments)
        data = whole[start:end].partition(b"data: ")[2]
        if b"event: chunk\n" not in whole[start:end]:
            continue
        chunk = orjson.loads(data)
        text = chunk["text"].encode() if "text" in chunk else base64.b64decode(chunk["base64"])
        lines, _, rest = (rest + text).rpartition(b"\n")
        yield arrived, lines + b"\n"


FIGURE = Figure(
    name="lines",
    title=f"{STAGES * RATE:,} log lines a second, from {STAGES} stages at once",
    how=f"Each stage prints {RATE:,} lines of 100 bytes a second for {SECONDS} s, each line with the time of its "
    "printing; one reader a stage follows it from the beginning. Late is a line from its printing to its arrival at "
    "the reader, of all lines. With two hubs each has half of the stages, and all readers are at the second.",
    rows=(
        Row("rate", "lines a second that reached their readers", "/s", 0, 50_000, more=True),
        Row("late p50", "late, p50", "ms"),
        Row("late p99", "… p99", "ms", 0, 1000),
        Row("late max", "… the latest line", "ms"),
        Row("lost", "lines printed and not in the kept logs", "", 0, 0),
        Row("hub cores", "cores that the hub uses", "", 2),
        Row("builder cores", "cores that builders and stages use", "", 2),
        Row("hub peak", "peak memory of the hub", "MB", 0, 200),
        Row("builder peak", "peak memory of a builder", "MB"),
    ),
    measure=measure,
    scaled=True,
    runs=1,
    limits=("terminal", "loopback"),
)
