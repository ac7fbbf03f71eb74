"""Sending many pushes at once, with the load generator in C beside this file."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.pushes import Push, write_requests

SOURCE = Path(__file__).with_name("load.c")


@dataclass(frozen=True)
class Answers:
    """What came back: how often each status, the seconds each answer took in order of size, and all together."""

    statuses: Counter[int]
    seconds: list[float]
    wall: float

    @property
    def accepted(self) -> int:
        """Answers that say yes."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    def quantile(self, part: float) -> float:
        """The seconds that `part` of the answers did not exceed."""
        return quantile(self.seconds, part)


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` of the ordered values do not exceed."""
    return values[min(len(values) - 1, int(part * len(values)))]


def compile_program(source: Path, folder: Path) -> Path:
    """A C program of this package, compiled into `folder`."""
    program = folder / source.stem
    subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


def send(
    program: Path,
    urls: Sequence[str],
    pushes: Sequence[Push],
    connections: int,
    folder: Path,
    rate: float | None = None,
) -> Answers:
    """Send each push once, `connections` at a time, shared out over the addresses, which differ in their port alone.

    With a `rate`, so many are due a second, and their seconds count from then.
    """
    address = urlsplit(urls[0])
    ports = ",".join(str(urlsplit(url).port) for url in urls)
    file = folder / "requests"
    write_requests(pushes, address.netloc, address.path, file)
    command = [str(program), str(address.hostname), ports, str(connections), str(file)]
    command += [] if rate is None else [str(rate)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    file.unlink()
    rows = [line.split() for line in out.splitlines()]
    answers = [row for row in rows if row[0] != "wall"]
    return Answers(
        Counter(int(status) for _, status in answers),
        sorted(float(seconds) for seconds, _ in answers),
        float(rows[-1][1]),
    )
