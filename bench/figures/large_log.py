"""A million lines of log from one stage, while a reader follows."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import threading
import time
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from bench.load import compile_program
from bench.machine import memory
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.systems import System, Work, until

SOURCE = Path(__file__).parents[1] / "lines.c"


def measure(system: System, ground: Ground) -> Values:
    """The build's time from push to end, the reader's, what it costs in memory, and the download afterwards."""
    program = compile_program(SOURCE, ground.folder)
    written = subprocess.run([program], capture_output=True, check=True).stdout
    with ground.running(system, Work(command=str(program), slots=1)):
        push = Pushes().make()
        begun = time.perf_counter()
        send_push(system.hook, push)
        reader = _Reader(system, push.sha)
        until(lambda: system.count_builds() == 1, 300, "the build did not end", 0.05)
        values = {"build": time.perf_counter() - begun}
        values |= {f"{role} peak": memory(pid)["peak"] for role, pid in system.processes().items()}
        if reader.follows:
            reader.join(60)
            values |= {"reader": reader.ended - begun}
        for number, address in enumerate(system.log_addresses(push.sha)):
            asked = time.perf_counter()
            got = fetch(address)
            values[f"download {number}"] = time.perf_counter() - asked
            values[f"lost {number}"] = max(0, len(written) - len(got)) if written not in got else 0
            if reader.follows and number == 0:
                values["reader lost"] = float(reader.read_digest() != hashlib.sha256(got).hexdigest())
        values["hub peak, downloads"] = memory(system.processes()["hub"])["peak"]
    return values


class _Reader(threading.Thread):
    """Follows the live log to its end where the system has one, and looks at what it read only afterwards."""

    def __init__(self, system: System, sha: str) -> None:
        super().__init__(daemon=True)
        self.follows = system.follows
        self.ended = 0.0
        self._blocks: list[bytes] = []
        if self.follows:
            found = until(partial(system.find_stream, sha), 60, "the build did not begin")
            self._address = urlsplit(found or "")
            self.start()

    def run(self) -> None:
        connection = HTTPConnection(str(self._address.hostname), self._address.port, timeout=120)
        connection.request("GET", self._address.path)
        stream = connection.getresponse()
        while block := stream.read1(1 << 20):
            self._blocks.append(block)
        self.ended = time.perf_counter()
        connection.close()

    def read_digest(self) -> str:
        """The digest of the log's bytes, out of the events."""
        digest = hashlib.sha256()
        for event in b"".join(self._blocks).split(b"\n\n"):
            if event.startswith(b"event: chunk\n"):
                data = orjson.loads(event.partition(b"data: ")[2])
                digest.update(data["text"].encode() if "text" in data else base64.b64decode(data["base64"]))
        return digest.hexdigest()


def fetch(url: str) -> bytes:
    """The body of an answer."""
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=300)
    try:
        connection.request("GET", f"{address.path}?{address.query}")
        return connection.getresponse().read()
    finally:
        connection.close()


FIGURE = Figure(
    name="log",
    title="1,000,000 log lines (100 MB) from one stage",
    how="A program in C writes the lines as quickly as they are read. Hubwright's time is taken while one reader "
    "follows the live log to its end. Afterwards the log is downloaded and compared with what the program writes.",
    rows=(
        Row("build", "from push to the build's end", "s", 2, 3),
        Row("reader", "… until a reader of the live log has all", "s", 2, 3),
        Row("hub peak", "peak memory of the hub", "MB", 0, 150),
        Row("builder peak", "peak memory of the builder", "MB"),
        Row("hub peak, downloads", "peak memory of the hub after the downloads", "MB", 0, 150),
        Row("download 0", "download, as written", "s", 2, 0.5),
        Row("download 1", "download, escapes taken out", "s", 2, 0.5),
        Row("lost 0", "bytes of the lines missing in the download", "", 0, 0),
        Row("reader lost", "the reader's bytes differ from the download (1: yes)", "", 0, 0),
    ),
    measure=measure,
    scaled=True,
    limits=("terminal", "loopback"),
)
