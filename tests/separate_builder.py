"""`hubwright builder` as a process beside a hub, and tokens for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hub_process import HubProcess, Program
from machine_processes import kill_leftovers
from waiting import until


@contextmanager
def builder_of(
    hub: HubProcess, folder: Path, name: str, token: str, *options: str, prefix: Sequence[str] = ()
) -> Iterator[Program]:
    """A builder on its own, connected; its work folder is `folder`/`name`. `prefix` is a command that starts it."""
    arguments = ("builder", "--hub", hub.url, "--name", name, "--executor", "process", "--work-dir", str(folder / name))
    environment = {"HUBWRIGHT_BUILDER_TOKEN": token}
    program = Program(folder, f"builder-{name}", (*arguments, *options), environment, prefix)
    program.begin()
    try:
        until(lambda: [one for one in hub.get("builders")["items"] if one["name"] == name], 60, f"{name} to connect")
        yield program
    finally:
        program.kill()
        kill_leftovers(folder)


def new_token(hub: HubProcess, name: str) -> str:
    """A builder's token, made by the command line on the hub's machine."""
    program = Program(
        hub.folder, f"token-{name}", ("token", "new", "--role", "builder", "--name", name), hub.environment
    )
    program.begin()
    assert program.process is not None
    assert program.process.wait(60) == 0, program.said
    return program.said.split()[-1]
