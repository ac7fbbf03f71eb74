"""`hubwright queue`: every queue, and what waits in them."""

from __future__ import annotations

from typing import Any

import click

from hubwright.cli.api_client import connect
from hubwright.cli.build_names import Build
from hubwright.cli.builds import name_of_run, words_of_wait
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.domain.wording import word_count, word_start

_SHOWN = 20


@click.command()
@click.option("-n", "limit", default=_SHOWN, type=click.IntRange(1, 200), help="How many waiting runs to list.")
@hub_option
@json_option
def queue(*, limit: int, hub: str | None, as_json: bool) -> None:
    """The queues, one for each platform, and why the next runs wait."""
    with connect(hub) as client:
        answer: dict[str, Any] = client.get("/api/v1/queue", limit=limit)
    if as_json:
        print_json(answer)
        return
    print_table(_cells(one) for one in answer["queues"])
    for item in answer["items"]:
        title = shown(f"{item['job']} #{item['number']}")
        print_line(f"\n{title}  {name_of_run(item)}  build {item['build']}")
        print_line(f"  {words_of_wait(item)}")
    if not answer["items"]:
        tell("Nothing waits.")


def _cells(one: Build) -> list[str]:
    builders = f"none of {word_count(len(one['builders']), 'builder')}" if one["builders"] else "no builder"
    if one["connected"]:
        builders = f"{one['free']} of {word_count(one['slots'], 'slot')} free"
    return [
        shown(" ".join([one["platform"], *one["labels"]])),
        f"{one['waiting']:,} waiting",
        f"{one['running']:,} running" + (f", {one['held']:,} held" if one.get("held") else ""),
        builders,
        f"starts {word_start(one['estimate'])}" if one["estimate"] is not None else "start not known",
    ]
