"""`hubwright hook`: which repositories and organizations tell the hub what happens; GitHub's webhooks."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import connect
from hubwright.cli.exits import Exit
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell

_WORDS = {
    "on": "on",
    "none": "no hook",
    "off": "switched off at GitHub",
    "different": "differs",
    "failing": "fails",
    "unknown": "not looked at yet",
}
_PLACE = click.argument("place", metavar="OWNER[/REPO]")
_PLACE_OR_APP = click.argument("place", metavar="[OWNER[/REPO]]", required=False)
_APP = click.option("--app", is_flag=True, help="The hook of the hub's own App, instead.")
_APP_HOOK = "/api/v1/identity/hook"


@click.group()
def hook() -> None:
    """Have repositories, or all of an organization, tell the hub what happens there."""


@hook.command()
@_PLACE_OR_APP
@_APP
@hub_option
@json_option
def install(*, place: str | None, app: bool, hub: str | None, as_json: bool) -> int:
    """Make the webhook of a repository or an organization at GitHub, or mend the one that is there.

    The exit code is 1 when it is not as it should be afterwards.
    """
    address = _find_address(place, app=app)
    with connect(hub) as client:
        return _tell(client.put(address, {}), as_json=as_json)


@hook.command()
@_PLACE_OR_APP
@_APP
@hub_option
@json_option
def check(*, place: str | None, app: bool, hub: str | None, as_json: bool) -> int:
    """Compare the webhook at GitHub with what it should be; the exit code is 1 when it is not."""
    address = _find_address(place, app=app)
    with connect(hub) as client:
        return _tell(client.get(address), as_json=as_json)


@hook.command()
@_PLACE
@hub_option
@json_option
def ping(*, place: str, hub: str | None, as_json: bool) -> None:
    """Have GitHub send a ping; `hubwright hook check` then shows what became of it."""
    address = _find_address(place)
    with connect(hub) as client:
        found = client.post(f"{address}/ping")
    if as_json:
        print_json(found)
    else:
        tell(f"GitHub sends a ping from {_name(found)} to {shown(found['url'])}.")


@hook.command()
@_PLACE
@hub_option
@json_option
def rm(*, place: str, hub: str | None, as_json: bool) -> None:
    """Remove every webhook of the repository, or of the organization, that sends to this hub."""
    address = _find_address(place)
    with connect(hub) as client:
        found = client.delete(address)
    if as_json:
        print_json(found)
    else:
        tell(f"{_name(found)} sends nothing here any more.")


@hook.command()
@click.option("--organizations", is_flag=True, help="Organizations instead of repositories.")
@hub_option
@json_option
def ls(*, organizations: bool, hub: str | None, as_json: bool) -> None:
    """List the repositories that the hub knows, and how their hooks stood when GitHub was asked last."""
    items: list[dict[str, Any]] = []
    with connect(hub) as client:
        cursor: str | None = None
        while True:
            of = "organizations" if organizations else "repositories"
            page = client.get("/api/v1/hooks", cursor=cursor, of=of)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    if as_json:
        print_json(items)
        return
    if not items:
        tell(
            "No organization is known yet: `hubwright hook check NAME` looks at one."
            if organizations
            else "No repository is known yet: `hubwright register URL` adds one."
        )
    print_table([(_name(one), _word(one), one["looked_at"] or "") for one in items])


def _tell(found: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json(found)
    else:
        print_line(f"{_name(found)}: {_word(found)}")
        for difference in found["differences"]:
            print_line(f"  {shown(difference)}")
        last = found["last_delivery"]
        if last["code"] is not None:
            print_line(f"  the last delivery was answered {last['code']} {shown(last['answer'] or '')}".rstrip())
        if found["state"] in {"none", "different", "off"}:
            if found.get("app"):
                tell("`hubwright hook install --app` mends all but the events.")
            else:
                tell(f"`hubwright hook install {_name(found)}` mends that.")
    return Exit.OK if found["state"] == "on" else Exit.ERROR


def _name(found: dict[str, Any]) -> str:
    return "the App" if found.get("app") else shown(found.get("repository") or found.get("organization") or "")


def _word(found: dict[str, Any]) -> str:
    if found["state"] in {"none", "unknown"}:
        if found.get("app_installed"):
            return "by the App"
        if found.get("organization_hook") == "on":
            return "by the organization"
    return _WORDS.get(found["state"], shown(found["state"]))


def _find_address(place: str | None, *, app: bool = False) -> str:
    """The address of a hook. Raises UsageError unless one is named."""
    if app and place is None:
        return _APP_HOOK
    owner, slash, name = (place or "").partition("/")
    if app or not owner or "/" in name or (slash and not name):
        expected = "OWNER/REPO or an ORGANIZATION is expected, or --app alone."
        raise click.UsageError(expected if place is None or app else f"{place!r} is neither: {expected}")
    return "/api/v1/hooks" + "".join(f"/{quote(part, safe='')}" for part in (owner, name) if part)
