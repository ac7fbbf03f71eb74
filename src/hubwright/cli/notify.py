"""`hubwright notify`: what somebody wants to be told of."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.domain.preferences import Way
from hubwright.domain.streaks import Turn

_user = click.option("--user", default="me", help="Their login at GitHub; others than oneself only as administrator.")


@click.group()
def notify() -> None:
    """Say what somebody is told of when builds end."""


@notify.command()
@_user
@hub_option
@json_option
def ls(*, user: str, hub: str | None, as_json: bool) -> None:
    """List what was said, place by place; the nearest to a job counts."""
    with connect(hub) as client:
        found = client.get(_address(user))
    if as_json:
        print_json(found)
        return
    print_table(_cells(one) for one in found["preferences"])
    if not found["preferences"]:
        tell(f"{shown(found['login'])} has said nothing: jobs say whether those who break or fix a branch are mailed.")
    if found["addresses"]:
        tell(f"Known addresses: {', '.join(shown(one) for one in found['addresses'])}")


@notify.command("set")
@click.argument("path", default="")
@click.option("--on", "events", multiple=True, type=click.Choice([one.value for one in Turn]), help="When; repeatable.")
@click.option("--by", "ways", multiple=True, type=click.Choice([one.value for one in Way]), help="How; repeatable.")
@click.option("--all/--mine", "everybody", default=False, help="Of everybody's commits, or of one's own (the default).")
@click.option("--address", help="Where mail of this goes, instead of the address in the commits.")
@click.option("--nothing", is_flag=True, help="Tell nothing of it, whatever is said of what is above.")
@_user
@hub_option
@json_option
def set_(  # noqa: PLR0913  one argument an option
    *, path: str, events: tuple[str, ...], ways: tuple[str, ...], everybody: bool, address: str | None, nothing: bool,
    user: str, hub: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what is told of PATH, a job or folder; of everything without it.

    Without --on: broken and fixed. Without --by: by mail and by open pages.
    """
    if nothing and (events or ways):
        raise click.UsageError("--nothing goes with neither --on nor --by.")
    wish: dict[str, Any] = {"mine": not everybody, "address": address}
    wish |= {"events": list(events)} if events or nothing else {}
    wish |= {"ways": list(ways)} if ways else {}
    with connect(hub) as client:
        kept = client.put(_address(user), wish, place=path)
    if as_json:
        print_json(kept)
    else:
        print_line("  ".join(_cells(kept)))


@notify.command()
@click.argument("path", default="")
@_user
@hub_option
def rm(*, path: str, user: str, hub: str | None) -> None:
    """Forget what was said of PATH, so that what is said above it counts."""
    with connect(hub) as client:
        client.delete(_address(user), place=path)
    tell(f"Forgotten: {shown(path or 'everything')}.")


def _address(user: str) -> str:
    return f"/api/v1/users/{quote(user, safe='')}/notifications"


def _cells(one: dict[str, Any]) -> list[str]:
    mail = f" to {shown(one['address'])}" if one["address"] else ""
    return [
        shown(one["path"] or "everything"),
        ", ".join(one["events"]) or "nothing",
        "mine" if one["mine"] else "everybody's",
        f"by {', '.join(one['ways']) or 'nothing'}{mail}",
    ]
