"""`hubwright config`: the settings as they are."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hubwright.cli.api_client import connect
from hubwright.cli.definitions import address_of, show_effective
from hubwright.cli.options import hub_option, settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_table, shown
from hubwright.config import origins, write_setting


@click.group()
def config() -> None:
    """Show the settings and where they come from."""


@config.command()
@settings_options
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option(
    "--job", "path", metavar="PATH", help="What holds for a job, or below a folder (PATH/), instead; asks the hub."
)
@hub_option
@json_option
def show(
    *, config: Path | None, data_dir: str | None, origin: bool, path: str | None, hub: str | None, as_json: bool
) -> None:
    """Every setting with its value; secrets are masked. Exit code 1 when a setting is wrong."""
    if path is not None:
        with connect(hub) as client:
            held = client.get(address_of(path))
        if as_json:
            print_json({key: held[key] for key in ("effective", "origins")})
        else:
            show_effective(held, origin=origin)
        return
    settings_of(config, data_dir=data_dir)
    found = origins({"data_dir": data_dir}, config, os.environ)
    if as_json:
        print_json([{"name": one.name, "value": _plain(one.value), "origin": one.origin} for one in found])
        return
    print_table(
        [one.name, "=", shown(write_setting(one.value)), *([f"({shown(one.origin)})"] if origin else [])]
        for one in found
    )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
