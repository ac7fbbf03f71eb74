"""`hubwright builder` as a process beside a hub, and tokens for it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from hub_process import HubProcess, Program
from hubwright.store.tokens import keep_token
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
    """A builder's token, as `hubwright token new` makes one."""
    engine = create_engine(hub.database_url)
    try:
        with engine.begin() as connection:
            return keep_token(connection, secrets.token_urlsafe(32), name=name, role="builder", now=time.time())
    finally:
        engine.dispose()
