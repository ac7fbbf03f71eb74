"""`hubwright up` and `hubwright hub`: the server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hubwright.cli.options import settings_of, settings_options
from hubwright.config import origins
from hubwright.wiring.hub import Extras, run_hub

_host = click.option("--host", help="The address to listen at (default 127.0.0.1: this machine only).")
_port = click.option("--port", type=int, help="The port to listen at (default 8010).")


@click.command()
@_host
@_port
@settings_options
@click.option("--demo/--no-demo", default=True, help="Build the bundled project when the database is empty.")
@click.option("--builder/--no-builder", default=True, help="Start a builder on this machine.")
@click.option(
    "--slots", metavar="N|A..B", help="How many builds the local builder runs at once; 0..B: none while idle."
)
def up(
    *,
    host: str | None,
    port: int | None,
    config: Path | None,
    data_dir: str | None,
    demo: bool,
    builder: bool,
    slots: str | None,
) -> int:
    """Hub and one builder in one go.

    Prints the address and a link that logs you in once. Nothing else is needed: the database is a file.
    """
    flags = {"data_dir": data_dir, "host": host, "port": port, "slots": slots}
    told = tuple(origins(flags, config, os.environ))
    return run_hub(settings_of(config, **flags), Extras(demo=demo, builder=builder, told=told))


@click.command()
@_host
@_port
@settings_options
def hub(*, host: str | None, port: int | None, config: Path | None, data_dir: str | None) -> int:
    """The hub alone: web pages, API, webhooks and scheduler. Any number may run on one PostgreSQL."""
    flags = {"data_dir": data_dir, "host": host, "port": port}
    told = tuple(origins(flags, config, os.environ))
    return run_hub(settings_of(config, **flags), Extras(told=told))
