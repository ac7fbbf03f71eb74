"""Options that several commands share, and the settings that they lead to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hubwright.cli.output import tell
from hubwright.config import Settings, load_settings, unknown_variables

Function = TypeVar("Function", bound=Callable[..., Any])

_config = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="HUBWRIGHT_CONFIG",
    help="The settings file, instead of hubwright.toml in the data folder or /etc/hubwright.",
)
_data_dir = click.option("--data-dir", type=click.Path(file_okay=False), help="The folder that everything is kept in.")

hub_option = click.option(
    "--hub", metavar="URL", help="The hub to talk to (default: HUBWRIGHT_URL, else this machine's)."
)


def settings_options(function: Function) -> Function:
    """Give a command `--config` and `--data-dir`; pass both to `settings_of`."""
    return _config(_data_dir(function))


def settings_of(config: Path | None, **flags: object) -> Settings:
    """The settings, `flags` by their dotted name winning; slips in variables are told. Raises SettingsError."""
    for warning in unknown_variables(os.environ):
        tell(f"Warning: {warning}")
    return load_settings(flags, config, os.environ)


def asks_hub(hub: str | None, config: Path | None, data_dir: str | None) -> bool:
    """Whether a command that can do without a hub is to ask one: `--hub`, or HUBWRIGHT_URL and no settings named."""
    return bool(hub) or (bool(os.environ.get("HUBWRIGHT_URL")) and config is None and data_dir is None)
