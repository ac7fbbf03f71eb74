"""`hubwright logs`: what a build printed, or prints."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable

import click

from hubwright.cli.api_client import HubClient, LogEnd, connect
from hubwright.cli.build_names import HELP, Build, find_build
from hubwright.cli.builds import name_of_run, title_of
from hubwright.cli.failures import narrow, show_failure
from hubwright.cli.options import hub_option
from hubwright.cli.output import shown, tell, wants_colour
from hubwright.cli.terminal_text import Cleaner
from hubwright.errors import NotFoundError

PAUSE = 0.5
"""Seconds between two looks at a build that has no runs yet."""


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on while the build runs; Ctrl-C only ends the looking.")
@click.option("--failed", is_flag=True, help="Only what went wrong: problems, tests, last lines.")
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
    With --failed: the problems with file and line, the failed tests, and of each failed stage the last lines.
    """
    if follow and (failed or stage):
        raise click.UsageError("--follow shows the whole log; it goes with neither --failed nor --stage.")
    if failed and ansi:
        raise click.UsageError("--failed gathers lines without escapes; --ansi goes with --stage.")
    with connect(hub) as client:
        found = find_build(client, build)
        if failed:
            _print_failure(client, found, platform, stage)
            return
        if follow:
            found = _wait_for_runs(client, found)
        runs = [run for run in found["runs"] if platform in {None, run["platform"]}]
        if not runs:
            raise NotFoundError(f"{title_of(found)} has no such run. {found['problem'] or ''}".strip())
        for run in runs:
            if len(runs) > 1:
                tell(f"── {name_of_run(run)}")
            for pieces in _choose(client, run, follow=follow, stage=stage):
                _print(pieces, raw=ansi)


def _wait_for_runs(client: HubClient, build: Build) -> Build:
    """The build once its recipe was read and its runs are known."""
    while not build["runs"] and build["state"] != "finished":
        time.sleep(PAUSE)
        build = client.get(f"/api/v1/builds/{build['id']}")
    return build


def _print_failure(client: HubClient, build: Build, platform: str | None, stage: str | None) -> None:
    """What the hub knows of the failure, and how the rest is had."""
    told = narrow(client.get(f"/api/v1/builds/{build['id']}/problems"), platform=platform, stage=stage)
    if not any(told[key] for key in ("problems", "tests", "stages")):
        tell(f"Nothing has failed in {title_of(build)}. {shown(build['problem'] or '')}".strip())
        return
    show_failure(told, None)
    for name in dict.fromkeys(part["stage"] for part in told["stages"] if part["stage"]):
        tell(f"The whole stage: hubwright logs {build['id']} --stage {shlex.quote(shown(name))}")


def _choose(client: HubClient, run: Build, *, follow: bool, stage: str | None) -> Iterable[Iterable[bytes | LogEnd]]:
    """The wanted parts of a run's log, each in pieces."""
    log = f"/api/v1/runs/{run['id']}/log"
    if follow:
        yield client.follow(f"{log}/stream")
    else:
        yield client.read(log, stage=stage, ansi=1)


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
