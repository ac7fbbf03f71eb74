"""`hubwright irc`: the bot."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.wiring.irc_process import run_irc


@click.command()
@settings_options
def irc(*, config: Path | None, data_dir: str | None) -> int:
    """The bot on IRC (IRC__SERVER, IRC__CHANNELS) as a process of its own, with the settings of the hubs.

    Hubs have the bot themselves unless IRC__APART is set. Any number may run: one has the bot, and another takes over
    when that one goes.
    """
    return run_irc(settings_of(config, data_dir=data_dir))
