"""`hubwright github`: who the hub is to GitHub, and the personal token that it may ask with."""

from __future__ import annotations

from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown, tell
from hubwright.cli.secret_input import read_secret

_WORDS = {"app": "a GitHub App", "token": "the owner of a token", "nobody": "nobody: it asks anonymously"}


@click.group()
def github() -> None:
    """Show who the hub is to GitHub; set or remove its token."""


@github.command()
@hub_option
@json_option
def show(*, hub: str | None, as_json: bool) -> None:
    """Show whether the hub is an App or has a token, which of them is in use, and why."""
    with connect(hub) as client:
        _tell(client.get("/api/v1/identity"), as_json=as_json)


@github.command(name="set-token")
@hub_option
@json_option
def set_token(*, hub: str | None, as_json: bool) -> None:
    """Have the hub ask with a personal access token; it is read from stdin, or asked for.

    GitHub is asked whose it is; what will not work for want of a right is told.
    """
    value = read_secret("Token")
    with connect(hub) as client:
        _tell(client.put("/api/v1/identity/token", {"token": value}), as_json=as_json)


@github.command(name="rm-token")
@hub_option
@json_option
def rm_token(*, hub: str | None, as_json: bool) -> None:
    """Forget the token that was set; at GitHub it stays until it is revoked there."""
    with connect(hub) as client:
        _tell(client.delete("/api/v1/identity/token"), as_json=as_json)


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_line(f"To GitHub the hub is {_WORDS.get(found['using'], shown(found['using']))}.")
    tell(shown(found["why"]))
    if app := found["app"]:
        print_line(f"App: {shown(str(app.get('name')))} (number {app.get('id')})")
    if token := found["token"]:
        ends = f", until {shown(token['ends'])}" if token.get("ends") else ""
        print_line(f"Token: of {shown(token['login'])}{ends}")
        if token.get("scopes") is not None:
            print_line(f"  scopes: {shown(', '.join(token['scopes'])) or 'none'}")
        for lack in token.get("lacks", ()):
            print_line(f"  {shown(lack)}")
