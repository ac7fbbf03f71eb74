"""The command line, asked as people do: arguments, an environment, a folder; answered by an exit code and two texts.

`run` stays in this process, because starting Python for each of a hundred questions takes a minute; `begin` starts a
process of its own where that matters (signals, live output, the time that it takes).
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub_process import PROGRAM, HubProcess
from hubwright.cli import run_program


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def environment_for(hub: HubProcess | None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's Hubwright; with a hub, that of its operator, who may read its data folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUBWRIGHT_")}
    own |= {"HOME": "/nonexistent", "NO_COLOR": "1"}
    if hub is not None:
        own |= {"HUBWRIGHT_DATA_DIR": str(hub.data), "HUBWRIGHT_PORT": str(hub.port)}
    return own | dict(more or {})


def begin(
    hub: HubProcess | None, *arguments: str, cwd: Path | str = "/", more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command; the caller waits for it."""
    return subprocess.Popen(
        [*PROGRAM, *arguments], env=environment_for(hub, more), cwd=cwd,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(hub: HubProcess | None, *arguments: str, cwd: Path | str = "/", more: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with (
        _environment(environment_for(hub, more)),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run_program(arguments)
    return Done(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.detach()
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
