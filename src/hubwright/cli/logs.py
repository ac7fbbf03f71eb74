"""`hubwright logs`: what a build printed, or prints."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

import click

from hubwright.cli.api_client import HubClient, LogEnd, connect
from hubwright.cli.build_names import HELP, Build, find_build
from hubwright.cli.builds import name_of_run, title_of
from hubwright.cli.options import hub_option
from hubwright.cli.output import tell, wants_colour
from hubwright.cli.terminal_text import Cleaner
from hubwright.errors import NotFoundError

PAUSE = 0.5
"""Seconds between two looks at a build that has no runs yet."""

_FINE = {None, "success", "skip"}


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on while the build runs; Ctrl-C only ends the looking.")
@click.option("--failed", is_flag=True, help="Only the stages that failed.")
@click.option("-s", "--stage", help="Only this stage.")
@click.option("-p", "--platform", help="Only the run on this platform.")
@click.option("--ansi", is_flag=True, help="Print every byte as it was, escapes and all; not for terminals.")
@hub_option
def logs(
    *,
    build: str | None,
    follow: bool,
    failed: bool,
    stage: str | None,
    platform: str | None,
    ansi: bool,
    hub: str | None,
) -> None:
    """The log of a build; of several runs one after the other.

    The log goes to stdout, with colours on a terminal and without any escape elsewhere; headings go to stderr.
    """
    if follow and (failed or stage):
        raise click.UsageError("--follow shows the whole log; it goes with neither --failed nor --stage.")
    with connect(hub) as client:
        found = find_build(client, build)
        if follow:
            found = _wait_for_runs(client, found)
        runs = [run for run in found["runs"] if platform in {None, run["platform"]}]
        if not runs:
            raise NotFoundError(f"{title_of(found)} has no such run. {found['problem'] or ''}".strip())
        for run in runs:
            if len(runs) > 1:
                tell(f"── {name_of_run(run)}")
            for pieces in _choose(client, run, follow=follow, failed=failed, stage=stage):
                _print(pieces, raw=ansi)


def _wait_for_runs(client: HubClient, build: Build) -> Build:
    """The build once its recipe was read and its runs are known."""
    while not build["runs"] and build["state"] != "finished":
        time.sleep(PAUSE)
        build = client.get(f"/api/v1/builds/{build['id']}")
    return build


def _choose(
    client: HubClient, run: Build, *, follow: bool, failed: bool, stage: str | None
) -> Iterable[Iterable[bytes | LogEnd]]:
    """The wanted parts of a run's log, each in pieces."""
    log = f"/api/v1/runs/{run['id']}/log"
    if follow:
        yield client.follow(f"{log}/stream")
        return
    names = [stage] if stage else [one["name"] for one in run["stages"] if one["result"] not in _FINE] if failed else []
    if not failed and not stage:
        yield client.read(log, ansi=1)
    for name in names:
        yield client.read(log, stage=name, ansi=1)


def _print(pieces: Iterable[bytes | LogEnd], *, raw: bool) -> None:
    """Print the pieces as they come."""
    cleaner = Cleaner(colours=wants_colour())
    out = sys.stdout.buffer
    for piece in pieces:
        if isinstance(piece, bytes):
            out.write(piece if raw else cleaner.clean(piece))
            out.flush()
    if not raw:
        out.write(cleaner.finish())
        out.flush()
