"""`hubwright watch`: a build's stages as they end, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from hubwright.cli.api_client import HubAwayError, HubClient, connect
from hubwright.cli.build_names import HELP, Build, find_build
from hubwright.cli.builds import line_of_stage, name_of_run, title_of, words_of_tests
from hubwright.cli.desktop import notify
from hubwright.cli.exits import Exit, exit_of_build
from hubwright.cli.failures import show_stages
from hubwright.cli.interrupts import Interrupts
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown, signed, tell
from hubwright.domain.wording import look_of, word_duration

PAUSE = 0.5
"""Seconds between two looks at the build."""

PATIENCE = 60.0
"""Seconds for which a hub may be away."""


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option(
    "--notify/--no-notify", "notifies", envvar="HUBWRIGHT_NOTIFY", help="Tell the desktop when the build has ended."
)
@hub_option
@json_option
def watch(*, build: str | None, notifies: bool, hub: str | None, as_json: bool) -> int:
    """Follow a build to its end; the exit code tells how it ended. Ctrl-C leaves the build alone.

    With --json the finished build is printed in the end.
    """
    with connect(hub) as client, Interrupts() as interrupts:
        found = find_build(client, build)
        try:
            tell(f"{title_of(found)}: {found['url']}")
            for line in _follow(client, found, interrupts):
                (tell if as_json else print_line)(line)
        except KeyboardInterrupt:
            tell(f"\nThe build goes on. To stop it: hubwright cancel {found['id']}")
            return Exit.INTERRUPTED
        found = client.get(f"/api/v1/builds/{found['id']}")
        if notifies:
            look = look_of(found["state"], found["result"])
            subject = found["message"].strip().partition("\n")[0]
            notify(look, title_of(found), f"{subject} ({word_duration(found['duration'])})")
        if as_json:
            print_json(found)
        else:
            _show_end(client, found)
    return exit_of_build(found["state"], found["result"])


def _follow(client: HubClient, build: Build, interrupts: Interrupts) -> Iterator[str]:
    """A line for each stage that ends and each run that starts or waits, until the build has finished."""
    said: set[tuple[object, ...]] = set()
    waiting = ""
    while True:
        for key, line in _lines(build):
            if key not in said:
                said.add(key)
                yield line
        if build["state"] == "finished":
            return
        if build["state"] == "queued" and (reason := _reason(client, build)) not in {"", waiting}:
            waiting = reason
            yield f"{signed('queued', None)}  {waiting}"
        build = _look_again(client, build, interrupts)


def _reason(client: HubClient, build: Build) -> str:
    """Why the build waits; nothing when it no longer does."""
    reasons = client.get(f"/api/v1/builds/{build['id']}/why")["reasons"]
    return shown(reasons[0]["reason"]) if reasons else ""


def _look_again(client: HubClient, build: Build, interrupts: Interrupts) -> Build:
    """The build a moment later; a hub that starts again meanwhile is waited for."""
    deadline = time.monotonic() + PATIENCE
    while True:
        interrupts.pause(PAUSE)
        try:
            later: Build = client.get(f"/api/v1/builds/{build['id']}")
        except HubAwayError:
            if time.monotonic() > deadline:
                raise
        else:
            return later


def _lines(build: Build) -> Iterator[tuple[tuple[object, ...], str]]:
    """What there is to say of the build now, each line with a key that stays the same."""
    several = len(build["runs"]) > 1
    for run in build["runs"]:
        name = f"{name_of_run(run)}: " if several else ""
        for stage in run["stages"]:
            if stage["state"] == "finished":
                yield (run["id"], stage["position"], stage["attempt"]), name + line_of_stage(stage)


def _show_end(client: HubClient, build: Build) -> None:
    """The verdict, and of what failed the lines that tell most."""
    if exit_of_build(build["state"], build["result"]) is not Exit.OK:
        told = client.get(f"/api/v1/builds/{build['id']}/problems")
        show_stages(told)
        print_line("")
    print_line(f"{signed(build['state'], build['result'])}  {title_of(build)}  {word_duration(build['duration'])}")
    if build["problem"]:
        print_line(f"  {shown(build['problem'])}")
    if build["tests"]:
        print_line(f"  {words_of_tests(build['tests'])}")
    print_line(f"  {build['url']}")
