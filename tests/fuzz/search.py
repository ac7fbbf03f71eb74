"""Targets searched by atheris, one after the other: `python -m fuzz.search SECONDS FOLDER NAME…`, a process of its own.

FOLDER/NAME has `corpus`, `found` and `words`, and gets a `log` and how many inputs were `tried`. Hubwright is
instrumented once, then each target has a process forked of this one and so many seconds of CPU; a line `NAME SECONDS`
tells that it is done. The search goes on behind what it finds: of each place that raises, the first input is kept.
https://github.com/google/atheris https://llvm.org/docs/LibFuzzer.html
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hubwright"]):
    from fuzz.targets import TARGETS

_SLOW = 10
"""Seconds that one input may take."""

_MEMORY = 1_500
"""MiB that a process may have."""

_LOOK_EVERY = 64
"""Inputs between two looks at the clock."""


class Search:
    """One target, in this process."""

    def __init__(self, name: str, folder: Path, seconds: float) -> None:
        self._read = TARGETS[name].read
        self._folder = folder
        self._until = time.process_time() + seconds
        self._known: set[tuple[str, str]] = set()
        self._count = 0

    def run(self) -> None:
        """Search; ends the process."""
        options = [
            f"-artifact_prefix={self._folder}/found/", f"-timeout={_SLOW}", f"-rss_limit_mb={_MEMORY}", "-max_len=8192",
            f"-dict={self._folder}/words", f"{self._folder}/corpus",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *options], self._look)
        atheris.Fuzz()

    def _look(self, data: bytes) -> None:
        self._count += 1
        if self._count % _LOOK_EVERY == 0 and time.process_time() > self._until:
            (self._folder / "tried").write_text(str(self._count))
            os._exit(0)  # what reaches more was written when it was found
        try:
            self._read(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            self._keep(data, error)

    def _keep(self, data: bytes, error: Exception) -> None:
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = str(error) if isinstance(error, AssertionError) else ""
        place = (type(error).__name__, f"{at.filename}:{at.lineno}:{said[:40]}")
        if place not in self._known:
            self._known.add(place)
            (self._folder / "found" / f"crash-{len(self._known)}").write_bytes(data)
            traceback.print_exception(error, limit=-6)


def main() -> None:
    """Fork a process for each target and wait for it."""
    seconds, folder, *names = sys.argv[1:]
    for name in names:
        child = os.fork()
        if child == 0:
            log = os.open(Path(folder, name, "log"), os.O_WRONLY | os.O_CREAT)
            for stream in (1, 2):
                os.dup2(log, stream)
            Search(name, Path(folder, name), float(seconds)).run()
            os._exit(0)
        _, _, used = os.wait4(child, 0)
        print(name, round(used.ru_utime + used.ru_stime, 1), flush=True)


if __name__ == "__main__":
    main()
