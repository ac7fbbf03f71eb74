"""`hubwright version`."""

from __future__ import annotations

import platform

import click

from hubwright import __version__
from hubwright.cli.output import json_option, print_json


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """The version of this program."""
    if as_json:
        print_json({"version": __version__, "python": platform.python_version(), "machine": platform.machine()})
    else:
        click.echo(f"hubwright {__version__}")
