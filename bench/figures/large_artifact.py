"""A file of 1 GiB from a stage to the hub and back to a reader: what it costs the hub in memory."""

from __future__ import annotations

import hashlib
import time
from http.client import HTTPConnection

import orjson

from bench.machine import memory
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import REPOSITORY, Pushes
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work, until

SIZE = 1024**3
RECIPE = """\
stages:
  - pack:
      run: head -c {size} /dev/zero | tr '\\\\0' x > large.bin
      artifacts: large.bin
"""


def measure(system: System, ground: Ground) -> Values:
    """The build's time from push to end, the download's, and the peak of the hub's memory after each."""
    if not isinstance(system, Hubwright):
        raise NotHereError("files are given to Hubwright alone")
    size = SIZE // 16 if ground.quick else SIZE
    with ground.running(system, Work(slots=1)):
        settings = {"checkout": False, "recipe": RECIPE.format(size=size)}
        system.ask("PUT", f"/api/v1/jobs/{REPOSITORY}", orjson.dumps({"repo": REPOSITORY, "settings": settings}))
        push = Pushes().make()
        begun = time.perf_counter()
        send_push(system.hook, push)
        until(lambda: system.count_builds() == 1, 600, "the build did not end", 0.05)
        values = {"build": time.perf_counter() - begun, "up": _peak(system)}
        builds = orjson.loads(system.ask("GET", f"/api/v1/builds?sha={push.sha}"))["items"]
        run = builds[0]["runs"][0]["id"]
        (kept,) = orjson.loads(system.ask("GET", f"/api/v1/runs/{run}/artifacts"))["items"]
        begun = time.perf_counter()
        digest = _fetch_digest(system.reader_port, f"/api/v1/runs/{run}/artifacts/large.bin")
        values |= {"download": time.perf_counter() - begun, "down": _peak(system)}
        return {**values, "wrong": float(digest != kept["sha256"])}


def _peak(system: Hubwright) -> float:
    """Of the hub with most: either builder may have taken the run."""
    return max(memory(pid)["peak"] for name, pid in system.processes().items() if name.startswith("hub"))


def _fetch_digest(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=300)
    digest = hashlib.sha256()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        while block := answer.read(1 << 20):
            digest.update(block)
    finally:
        connection.close()
    return digest.hexdigest()


FIGURE = Figure(
    name="artifact",
    title="A file of 1 GiB, kept and fetched",
    how="A stage writes it, the builder sends it through the hub into a folder, a reader downloads it and compares its "
    "SHA-256. Of two hubs the reader is at the second, and either may have taken the file.",
    rows=(
        Row("build", "from push to the build's end", "s", 1),
        Row("up", "peak memory of a hub after the upload", "MB", 0, 200),
        Row("download", "download", "s", 1),
        Row("down", "peak memory of a hub after the download", "MB", 0, 200),
        Row("wrong", "the SHA-256 differs (1: yes)", "", 0, 0),
    ),
    measure=measure,
    scaled=True,
    runs=1,
)
