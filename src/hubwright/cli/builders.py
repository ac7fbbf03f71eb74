"""`hubwright builders`: the builders of a hub, and what is wanted of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import HubClient, connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell

_COLOURS = {"connected": "green", "paused": "yellow", "draining": "yellow"}


@click.group()
def builders() -> None:
    """List, pause, drain and remove builders."""


@builders.command()
@hub_option
@json_option
def ls(*, hub: str | None, as_json: bool) -> None:
    """List the builders."""
    with connect(hub) as client:
        found = _load_all(client)
    if as_json:
        print_json(found)
    elif found:
        print_table([("NAME", "PLATFORM", "STATE", "SLOTS", "VERSION", "LABELS"), *map(_row, found)])
    else:
        tell("No builder has connected yet: `hubwright token new --role join` gives the line that starts one.")


@builders.command()
@click.argument("name")
@hub_option
@json_option
def show(*, name: str, hub: str | None, as_json: bool) -> None:
    """Show a builder."""
    with connect(hub) as client:
        found = client.get(_address(name))
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        print_line(f"{key:13} {_plain(key, value)}".rstrip())


@builders.command()
@click.argument("name")
@hub_option
@json_option
def pause(*, name: str, hub: str | None, as_json: bool) -> None:
    """Give it no new runs until it is resumed."""
    _want(name, "pause", "takes no new runs until it is resumed", hub, as_json=as_json)


@builders.command()
@click.argument("name")
@hub_option
@json_option
def resume(*, name: str, hub: str | None, as_json: bool) -> None:
    """Give it runs again."""
    _want(name, "resume", "takes runs again", hub, as_json=as_json)


@builders.command()
@click.argument("name")
@hub_option
@json_option
def drain(*, name: str, hub: str | None, as_json: bool) -> None:
    """Let it end its runs, and then itself."""
    _want(name, "drain", "ends when its runs have ended", hub, as_json=as_json)


@builders.command()
@click.argument("name")
@hub_option
@json_option
def revoke(*, name: str, hub: str | None, as_json: bool) -> None:
    """Revoke its token: it is shut out at once."""
    _want(name, "revoke", "is shut out; its runs are given to others", hub, as_json=as_json)


@builders.command()
@click.argument("name")
@hub_option
def remove(*, name: str, hub: str | None) -> None:
    """Forget a builder that is away."""
    with connect(hub) as client:
        client.delete(_address(name))
    tell(f"Builder {shown(name)} is removed.")


def _want(name: str, wish: str, outcome: str, hub: str | None, *, as_json: bool) -> None:
    with connect(hub) as client:
        found = client.post(f"{_address(name)}/{wish}")
    if as_json:
        print_json(found)
    else:
        tell(f"Builder {shown(name)} {outcome}.")


def _load_all(client: HubClient) -> list[dict[str, Any]]:
    page = client.get("/api/v1/builders")
    found: list[dict[str, Any]] = page["items"]
    while page["next"] is not None:
        page = client.get("/api/v1/builders", cursor=page["next"])
        found += page["items"]
    return found


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    state = click.style(one["state"].replace("_", " "), fg=_COLOURS.get(one["state"]))
    if one["warning"]:
        state += " !"
    used = f"{one['used']}/{one['slots']}"
    return (
        shown(one["name"]),
        shown(one["platform"]),
        state,
        used,
        shown(one["version"]),
        shown(" ".join(one["labels"])),
    )


def _plain(key: str, value: object) -> str:
    if isinstance(value, list):
        return shown(", ".join(str(item) for item in value))
    if value is None:
        return "-"
    return f"{value * 1000:.1f} ms" if key in {"lag", "skew"} and isinstance(value, float) else shown(value)


def _address(name: str) -> str:
    return f"/api/v1/builders/{quote(name, safe='')}"
