"""`hubwright replica`: the copy of GitHub's data at a hub."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import HubAwayError, HubClient, connect
from hubwright.cli.exits import Exit
from hubwright.cli.interrupts import Interrupts
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.domain.wording import word_count

PAUSE = 0.3
"""Seconds between two looks at a load."""

PATIENCE = 60.0
"""Seconds for which a hub may be away."""

_LISTED = 20

Load = dict[str, Any]


@click.group()
def replica() -> None:
    """Load GitHub's data into the hub's database, and see how it stands."""


@replica.command()
@click.argument("what", metavar="OWNER/REPO[/PATH]")
@click.option("--children", is_flag=True, help="With all that hangs below: issues, pull requests, their files, ...")
@click.option("--wait", is_flag=True, help="Wait until it is loaded, and show how far it is.")
@click.option("--state", type=click.Choice(["open", "closed", "all"]), help="Only issues and the like in that state.")
@click.option("--since", metavar="TIME", help="Only what changed since then; `last`: since the last load.")
@hub_option
@json_option
def load(
    *, what: str, children: bool, wait: bool, state: str | None, since: str | None, hub: str | None, as_json: bool
) -> int:
    """Load a repository, or with PATH one of its lists, as GitHub's API names it: octo/hello/issues.

    The exit code tells, with --wait, whether all of it was loaded. Ctrl-C leaves the load alone.
    """
    options = {"children": "1" if children else None, "state": state, "since": since}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if value)
    with connect(hub) as client, Interrupts() as interrupts:
        queued = client.post(f"/load/repos/{_path(what)}" + (f"?{query}" if query else ""))
        found = _look(client, queued["id"])
        if wait:
            try:
                found = _follow(client, found, interrupts)
            except KeyboardInterrupt:
                tell(f"\nThe load goes on; its state: {found['url']}")
                return Exit.INTERRUPTED
    if as_json:
        print_json(found)
    elif wait:
        _show_end(found)
    else:
        tell(f"{shown(found['load'])} is {found['state']}.")
        print_line(found["url"])
    return Exit.ERROR if found["state"] == "failed" else Exit.OK


@replica.command()
@click.argument("repository", required=False, metavar="[OWNER/REPO]")
@hub_option
@json_option
def status(*, repository: str | None, hub: str | None, as_json: bool) -> None:
    """The loads, and when each list was last read; with OWNER/REPO only the lists of that repository."""
    with connect(hub) as client:
        loads: list[Load] = [] if repository else client.get("/api/v1/loads")["items"]
        scans: list[Load] = client.get("/api/v1/scans", repo=repository)["items"]
    if as_json:
        print_json({"loads": loads, "scans": scans})
        return
    if loads:
        print_table([str(one["id"]), shown(one["load"]), one["state"], _words_of(one)] for one in loads[:_LISTED])
        print_line("")
    if not scans:
        tell("Nothing is loaded yet. `hubwright replica load OWNER/REPO --children` loads a repository.")
    print_table(
        [
            shown(one["scope"]),
            shown(one["listing"]).replace("_", " "),
            word_count(one["items"], "item"),
            f"whole {one['whole_at'][:19]}Z" if one["whole_at"] else f"in part {one['finished_at'][:19]}Z",
        ]
        for one in scans
    )


@replica.command()
@click.option("--no-wait", is_flag=True, help="Ask for the look and go.")
@click.option("--patience", type=click.FloatRange(0), default=PATIENCE, show_default=True, help="Seconds to wait.")
@hub_option
@json_option
def heal(*, no_wait: bool, patience: float, hub: str | None, as_json: bool) -> int:
    """Compare the hub with GitHub now, and have what was missed delivered again and built.

    Waits until all hooks and repositories were looked at and nothing is missing; the exit code tells whether.
    """
    with connect(hub) as client, Interrupts() as interrupts:
        client.post("/api/v1/healing")
        try:
            found = client.get("/api/v1/healing") if no_wait else _await_healing(client, patience, interrupts)
        except KeyboardInterrupt:
            tell("The hub goes on looking.")
            return Exit.INTERRUPTED
    if as_json:
        print_json(found)
    else:
        _show_healing(found)
    return Exit.OK if no_wait else _judge_healing(found)


def _show_healing(found: Load) -> None:
    for one in found["could_not_look"]:
        tell(f"could not look at {shown(one['name'])}: {shown(one['reason'])}")
    for one in found["deliveries"]:
        if one["recovered_at"] is None:
            tell(f"missing: {shown(one['event'])} {shown(one['guid'])}, {shown(one['error'] or 'asked for')}")
    print_line(shown(found["text"]))


def _judge_healing(found: Load) -> int:
    """Something is still to come, or something can't be known, or all is well."""
    if found["missing"] or found["behind"] or _find_waits(found):
        return Exit.PENDING
    return Exit.ERROR if found["could_not_look"] or not found["places"] else Exit.OK


def _find_waits(found: Load) -> list[Load]:
    """The looks that a limit or an outage has stopped; what GitHub refuses is not waited for."""
    return [one for one in found["could_not_look"] if not one["refused"]]


def _await_healing(client: HubClient, patience: float, interrupts: Interrupts) -> Load:
    """How it stands once all was looked at and what can be had is here, or when patience is over."""
    deadline, said = time.monotonic() + patience, ""
    while True:
        found: Load = client.get("/api/v1/healing")
        looked, places = found["places"] - found["behind"], word_count(found["places"], "place")
        words = f"Looked at {looked:,} of {places}; {found['recovered']:,} recovered, {found['missing']:,} missing."
        if words != said:
            tell(words)
            said = words
        waits = _find_waits(found)
        if not found["behind"] and not found["missing"] and not waits:
            return found
        left = deadline - time.monotonic()
        late = waits and all(_seconds_until(one["due_at"]) > left for one in waits)
        if left < 0 or (late and not found["behind"] and not found["missing"]):
            return found
        interrupts.pause(PAUSE)


def _seconds_until(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() - time.time()


def _path(what: str) -> str:
    """The path below `/load/repos`. Raises UsageError."""
    parts = what.strip("/").split("/")
    if len(parts) < 2 or not all(parts):
        raise click.UsageError(f"{what!r} is not OWNER/REPO.")
    return "/".join(quote(part, safe="") for part in parts)


def _follow(client: HubClient, found: Load, interrupts: Interrupts) -> Load:
    """The load when it has ended; on a terminal one line shows how far it is, elsewhere a line for each tenth."""
    on_terminal = sys.stderr.isatty()
    said = ""
    deadline = time.monotonic() + PATIENCE
    while found["state"] not in {"done", "failed"}:
        words = _words_of(found)
        tenth = 10 * found["done"] // max(found["total"], 1)
        if on_terminal and words != said:
            click.echo(f"\r\x1b[K{words}", err=True, nl=False)
            said = words
        elif not on_terminal and (mark := f"{tenth} {found['note']}") != said:
            tell(words)
            said = mark
        interrupts.pause(PAUSE)
        try:
            found = _look(client, found["id"])
            deadline = time.monotonic() + PATIENCE
        except HubAwayError:
            if time.monotonic() > deadline:
                raise
    if on_terminal and said:
        click.echo("\r\x1b[K", err=True, nl=False)
    return found


def _look(client: HubClient, number: int) -> Load:
    found: Load = client.get(f"/tasks/status/{number}")
    return found


def _words_of(found: Load) -> str:
    """`12 of 104 pages and sweeps`, and what it waits for."""
    if found["state"] == "failed":
        return shown(found["error"])
    words = f"{found['done']:,} of {found['total']:,} pages and sweeps"
    waits = f", waits until {found['waits_until'][11:19]}Z" if found["waits_until"] else ""
    return words + (f" ({shown(found['note'])}{waits})" if found["note"] else "")


def _show_end(found: Load) -> None:
    told = found["told"]
    if found["state"] == "failed":
        tell(f"{shown(found['load'])} is not loaded whole: {shown(found['error'])}")
        return
    read = f"{word_count(told.get('items', 0), 'item')} on {word_count(told.get('pages', 0), 'page')}"
    changed = f"{word_count(told.get('changed', 0), 'row')} changed, {told.get('vanished', 0):,} deleted"
    print_line(f"{shown(found['load'])}: {read} ({told.get('not_modified', 0):,} unchanged); {changed}.")
    for reason in found["left_out"]:
        tell(f"Left out: {shown(reason)}")
