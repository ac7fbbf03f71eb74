"""`hubwright beat`: reminds the workers from time to time."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.wiring.worker import run_beat


@click.command()
@settings_options
def beat(*, config: Path | None, data_dir: str | None) -> int:
    """Wake the workers (BROKER_URL) every few seconds, so that a hint that the broker lost delays work only a little.

    Any number may run; workers also look by themselves.
    """
    return run_beat(settings_of(config, data_dir=data_dir))
