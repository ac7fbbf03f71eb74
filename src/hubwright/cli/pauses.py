"""`hubwright pause` and `hubwright resume`: the hub, a platform or a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown, tell

_job_option = click.option("--job", metavar="PATH", help="Only this job and its copies.")
_platform_option = click.option("--platform", metavar="NAME", help="Only builders of this platform, by name or glob.")


@click.command()
@_job_option
@_platform_option
@click.option("--list", "listed", is_flag=True, help="Only say what is paused.")
@hub_option
@json_option
def pause(*, job: str | None, platform: str | None, listed: bool, hub: str | None, as_json: bool) -> None:
    """Let nothing new start until it is resumed; what runs goes on. Without an option the whole hub is paused."""
    if not listed:
        _set(job, platform, "pause", hub, as_json=as_json)
        return
    with connect(hub) as client:
        found: dict[str, Any] = client.get("/api/v1/pauses")
    if as_json:
        print_json(found)
        return
    lines = list(_lines(found))
    for line in lines:
        print_line(line)
    if not lines:
        tell("Nothing is paused.")


@click.command()
@_job_option
@_platform_option
@hub_option
@json_option
def resume(*, job: str | None, platform: str | None, hub: str | None, as_json: bool) -> None:
    """Let things start again. Without an option it is the whole hub; a platform is named as it was paused."""
    _set(job, platform, "resume", hub, as_json=as_json)


def _set(job: str | None, platform: str | None, what: str, hub: str | None, *, as_json: bool) -> None:
    if job and platform:
        raise click.UsageError("Name a job or a platform, not both.")
    address = f"jobs/{quote(job.strip('/'))}" if job else f"platforms/{quote(platform)}" if platform else "queue"
    with connect(hub) as client:
        found = client.post(f"/api/v1/{address}/{what}")
    if as_json:
        print_json(found)
        return
    name = f"Job {job}" if job else f"Platform {platform}" if platform else "The hub"
    tell(f"{shown(name)} is paused: nothing new starts." if what == "pause" else f"{shown(name)} is resumed.")


def _lines(found: dict[str, Any]) -> Iterator[str]:
    named = [("the hub", found["hub"])] if found["hub"] else []
    named += [(f"platform {one['platform']}", one) for one in found["platforms"]]
    named += [(f"job {one['job']}", one) for one in found["jobs"]]
    for name, one in named:
        yield shown(f"{name}  by {one['by']} since {one['since']}")
