"""`hubwright hook`: which repositories tell the hub what happens; GitHub's webhooks installed, compared, removed."""

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
_REPOSITORY = click.argument("repository", metavar="OWNER/REPO")


@click.group()
def hook() -> None:
    """Have repositories tell the hub what happens there."""


@hook.command()
@_REPOSITORY
@hub_option
@json_option
def install(*, repository: str, hub: str | None, as_json: bool) -> int:
    """Make the webhook at GitHub, or mend the one that is there.

    The exit code is 1 when it is not as it should be afterwards.
    """
    with connect(hub) as client:
        return _tell(client.put(_address(repository), {}), as_json=as_json)


@hook.command()
@_REPOSITORY
@hub_option
@json_option
def check(*, repository: str, hub: str | None, as_json: bool) -> int:
    """Compare the webhook at GitHub with what it should be; the exit code is 1 when it is not."""
    with connect(hub) as client:
        return _tell(client.get(_address(repository)), as_json=as_json)


@hook.command()
@_REPOSITORY
@hub_option
@json_option
def ping(*, repository: str, hub: str | None, as_json: bool) -> None:
    """Have GitHub send a ping; `hubwright hook check` then shows what became of it."""
    with connect(hub) as client:
        found = client.post(f"{_address(repository)}/ping")
    if as_json:
        print_json(found)
    else:
        tell(f"GitHub sends a ping from {shown(found['repository'])} to {shown(found['url'])}.")


@hook.command()
@_REPOSITORY
@hub_option
@json_option
def rm(*, repository: str, hub: str | None, as_json: bool) -> None:
    """Remove every webhook of the repository that sends to this hub."""
    with connect(hub) as client:
        found = client.delete(_address(repository))
    if as_json:
        print_json(found)
    else:
        tell(f"{shown(found['repository'])} sends nothing here any more.")


@hook.command()
@hub_option
@json_option
def ls(*, hub: str | None, as_json: bool) -> None:
    """List the repositories that the hub knows, and how their hooks stood when GitHub was asked last."""
    items: list[dict[str, Any]] = []
    with connect(hub) as client:
        cursor: str | None = None
        while True:
            page = client.get("/api/v1/hooks", cursor=cursor)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
    if as_json:
        print_json(items)
        return
    if not items:
        tell("No repository is known yet: `hubwright register URL` adds one.")
    print_table([(shown(one["repository"]), _word(one), one["looked_at"] or "") for one in items])


def _tell(found: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json(found)
    else:
        print_line(f"{shown(found['repository'])}: {_word(found)}")
        for difference in found["differences"]:
            print_line(f"  {shown(difference)}")
        last = found["last_delivery"]
        if last["code"] is not None:
            print_line(f"  the last delivery was answered {last['code']} {shown(last['answer'] or '')}".rstrip())
        if found["state"] in {"none", "different", "off"}:
            tell(f"`hubwright hook install {shown(found['repository'])}` mends that.")
    return Exit.OK if found["state"] == "on" else Exit.ERROR


def _word(found: dict[str, Any]) -> str:
    if found.get("app_installed") and found["state"] in {"none", "unknown"}:
        return "by the App"
    return _WORDS.get(found["state"], shown(found["state"]))


def _address(repository: str) -> str:
    """The address of a repository's hook. Raises UsageError."""
    owner, _, name = repository.partition("/")
    if not owner or not name or "/" in name:
        raise click.UsageError(f"{repository!r} is not OWNER/REPO.")
    return f"/api/v1/hooks/{quote(owner, safe='')}/{quote(name, safe='')}"
