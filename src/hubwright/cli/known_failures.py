"""`hubwright failures`: what failed before, how often and where, and the issues that are about it."""

from __future__ import annotations

from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.domain.wording import word_count

_SHOWN = 20

Known = dict[str, Any]


@click.group()
def failures() -> None:
    """Failures that were seen before, and the issues that are about them."""


@failures.command("ls")
@click.option("--job", metavar="JOB", help="Only those of this job and its copies.")
@click.option("--linked/--not-linked", default=None, help="Only those with an issue, or without one.")
@click.option("-n", "limit", default=_SHOWN, type=click.IntRange(1, 200), help="How many to list.")
@hub_option
@json_option
def list_failures(*, job: str | None, linked: bool | None, limit: int, hub: str | None, as_json: bool) -> None:
    """List them, those that were seen last first."""
    wanted = None if linked is None else str(linked).lower()
    with connect(hub) as client:
        answer: Known = client.get("/api/v1/known-failures", job=job, linked=wanted, limit=limit)
    if as_json:
        print_json(answer)
        return
    print_table(_cells(one) for one in answer["items"])
    if not answer["items"]:
        tell("No failure is like that.")


@failures.command()
@click.argument("number", type=click.IntRange(1))
@hub_option
@json_option
def show(*, number: int, hub: str | None, as_json: bool) -> None:
    """One failure, where it was seen, and its newest runs."""
    with connect(hub) as client:
        one: Known = client.get(f"/api/v1/known-failures/{number}")
    if as_json:
        print_json(one)
        return
    print_line(shown(one["title"]))
    print_line(f"{shown(one['job'])}: {word_count(one['times'], 'run')} since {one['first_at'][:10]}")
    if one["issue"]:
        print_line(f"linked to {shown(one['issue'])} by {shown(one['linked_by'] or '?')}")
    print_table(
        [f"  {shown(place['platform'])}", word_count(place["times"], "run"), f"last {place['last_at'][:10]}"]
        for place in one["platforms"]
    )
    print_table([f"  {shown(run['job'])} #{run['number']}", run["sha"][:7], run["url"]] for run in one["runs"][:5])


@failures.command()
@click.argument("number", type=click.IntRange(1))
@click.argument("issue")
@hub_option
@json_option
def link(*, number: int, issue: str, hub: str | None, as_json: bool) -> None:
    """Say which ISSUE it is about: 7, '#7', OWNER/NAME#7 or an address."""
    with connect(hub) as client:
        one: Known = client.put(f"/api/v1/known-failures/{number}/issue", {"issue": issue})
    _tell_change(one, as_json=as_json)


@failures.command()
@click.argument("number", type=click.IntRange(1))
@hub_option
@json_option
def unlink(*, number: int, hub: str | None, as_json: bool) -> None:
    """Say that no issue is about it."""
    with connect(hub) as client:
        one: Known = client.delete(f"/api/v1/known-failures/{number}/issue")
    _tell_change(one, as_json=as_json)


def _tell_change(one: Known, *, as_json: bool) -> None:
    if as_json:
        print_json(one)
    else:
        tell(f"Linked to {shown(one['issue'])}." if one["issue"] else "Linked to no issue.")


def _cells(one: Known) -> list[str]:
    where = ", ".join(place["platform"] for place in one["platforms"][:3])
    more = len(one["platforms"]) - 3
    return [
        str(one["id"]),
        word_count(one["times"], "run"),
        f"{one['first_at'][:10]} to {one['last_at'][:10]}",
        shown(where + (f" and {more} more" if more > 0 else "")),
        shown(one["issue"] or "no issue"),
        shown(f"{one['job']}: {one['title']}"),
    ]
