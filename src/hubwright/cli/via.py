"""The options of `hubwright builder --via`: those of the feeder itself, and those that its builders get too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hubwright.builder.connection import Hub
from hubwright.config import Log
from hubwright.domain.scheduling import BuilderKind
from hubwright.errors import SettingsError
from hubwright.wiring.via import ViaOptions

CLUSTERS = ("slurm",)

IDLE_EXIT = 60.0
"""Seconds after which a builder of a job ends that gets no run, when nothing else is said."""

_OWN = frozenset(
    {
        "hub", "token", "token_file", "join", "name", "place", "labels", "bounds", "slots_idle", "slots_load", "once",
        "idle_exit", "work_dir", "via", "submit_options", "parent_pid",
    }
)  # fmt: skip
_SAID = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def via_options(context: click.Context, hub: Hub, machine: str, logged: Log) -> ViaOptions:
    """Of the options of `hubwright builder`. Raises SettingsError."""
    said = context.params
    if not hub.token:
        raise SettingsError(
            "--via needs a token for any number of builders: set HUBWRIGHT_BUILDER_TOKEN, or give --token-file."
        )
    token_file: Path | None = said["token_file"]
    idle = said["idle_exit"] or IDLE_EXIT
    return ViaOptions(
        hub=hub,
        token_file=None if token_file is None else token_file.absolute(),
        kind=BuilderKind(platform=said["place"] or machine, labels=tuple(sorted(set(said["labels"])))),
        name=said["name"] or said["via"],
        most=said["bounds"].most,
        repeated=["--idle-exit", f"{idle:g}", *_repeat(context)],
        submit_options=said["submit_options"],
        work_dir=said["work_dir"].absolute(),
        log=logged,
    )


def _repeat(context: click.Context) -> Iterator[str]:
    """What was said of the builders, in words for their command line; none of it is a secret."""
    for option in context.command.params:
        name = option.name or ""
        if name not in _OWN and context.get_parameter_source(name) in _SAID:
            yield from _words(option, context.params[name])


def _words(option: click.Parameter, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield option.opts[0] if value else option.secondary_opts[0]
        return
    for one in value if isinstance(value, tuple) else (value,):
        yield option.opts[0]
        yield str(one.absolute() if isinstance(one, Path) else one)
