"""`hubwright job versions`, `diff` and `restore`: who changed a definition, what, and the way back."""

from __future__ import annotations

from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.definitions import address_of, show_change
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, tell

_LINES = 10_000


@click.command()
@click.argument("path")
@click.option("-n", "count", default=20, show_default=True, metavar="N", help="How many.")
@hub_option
@json_option
def versions(*, path: str, count: int, hub: str | None, as_json: bool) -> None:
    """Who changed a job, or a folder (PATH/), when, where and why."""
    found: list[dict[str, Any]] = []
    with connect(hub) as client:
        cursor = None
        while len(found) < count:
            page = client.get(f"{address_of(path)}/versions", limit=min(200, count - len(found)), cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    if as_json:
        print_json(found)
        return
    for one in found:
        print_line(show_change(one["number"], one))


@click.command()
@click.argument("path")
@click.option("--from", "older", type=int, metavar="N", help="The older version (default: the one before).")
@click.option("--to", "newer", type=int, metavar="N", help="The newer version (default: the newest).")
@hub_option
@json_option
def diff(*, path: str, older: int | None, newer: int | None, hub: str | None, as_json: bool) -> None:
    """What a version of a job, or of a folder (PATH/), says differently from another."""
    asked = f"{address_of(path)}/differences"
    query = {"from": older, "to": newer}
    with connect(hub) as client:
        if as_json:
            print_json(client.get(asked, **query))
            return
        text = client.read_text(asked, "text/plain", **query)
    for line in text.splitlines()[:_LINES]:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        print_line(click.style(line, fg=colour) if colour else line)


@click.command()
@click.argument("path")
@click.argument("number", type=int)
@click.option("--reason", default="", help="Why, for those who read the versions.")
@hub_option
@json_option
def restore(*, path: str, number: int, reason: str, hub: str | None, as_json: bool) -> None:
    """Have a job, or a folder (PATH/), say again what version NUMBER of it said."""
    with connect(hub) as client:
        answer = client.post(f"{address_of(path)}/versions/{number}/restore", reason=reason or None)
    if as_json:
        print_json(answer)
    else:
        tell(f"{path} says what its version {number} said; this is version {answer['version']}.")
