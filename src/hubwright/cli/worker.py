"""`hubwright worker`: does waiting work for the hubs."""

from __future__ import annotations

from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.wiring.worker import run_worker


@click.command()
@settings_options
def worker(*, config: Path | None, data_dir: str | None) -> int:
    """Understand deliveries and report results, for hubs that share a broker (BROKER_URL) and a PostgreSQL.

    Any number may run. SIGTERM: end when the work in hand is done.
    """
    return run_worker(settings_of(config, data_dir=data_dir))
