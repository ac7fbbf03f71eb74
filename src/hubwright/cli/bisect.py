"""`hubwright bisect`: the commit that broke it, found by the hub's builders."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import HubAwayError, HubClient, connect
from hubwright.cli.build_names import origin_here
from hubwright.cli.exits import Exit
from hubwright.cli.interrupts import Interrupts
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown, signed, tell
from hubwright.domain.wording import word_count

PAUSE = 0.5
"""Seconds between two looks at the search."""

PATIENCE = 60.0
"""Seconds for which a hub may be away."""

Search = dict[str, Any]
_EXITS = {"found": Exit.OK, "ended": Exit.FAILED, "cancelled": Exit.CANCELLED}


@click.command()
@click.argument("good")
@click.argument("bad")
@click.option("--job", "path", metavar="JOB", help="The job (default: that of the repository of this folder).")
@click.option("--platform", help="Where to build (default: where it failed).")
@click.option("--test", metavar="NAME", help="The test to look at (default: all that fail at BAD).")
@click.option("--stage", metavar="NAME", help="The stage to look at instead.")
@click.option("--run", "command", metavar="CMD", help="Run this at each commit instead of the stages; 125: can't tell.")
@click.option("--watch", is_flag=True, help="Wait for the answer, and show the builds that lead to it.")
@hub_option
@json_option
def bisect(  # noqa: PLR0913  one argument an option
    *, good: str, bad: str, path: str | None, platform: str | None, test: str | None, stage: str | None,
    command: str | None, watch: bool, hub: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Find the commit between GOOD and BAD that broke a job: commits, branches or tags.

    With --watch the exit code is 0 when a culprit was found, 5 when none could be named, 3 when it was cancelled.
    """
    job = path or origin_here()
    if job is None:
        raise click.UsageError("This folder is no clone of a repository; name a job with --job.")
    ends = [good, bad] if path else [_find_here(good), _find_here(bad)]
    body = {"good": ends[0], "bad": ends[1], "platform": platform, "test": test, "stage": stage, "run": command}
    with connect(hub) as client, Interrupts() as interrupts:
        found: Search = client.post(f"/api/v1/jobs/{quote(job.strip('/'))}/bisections", body)
        tell(f"Bisection {found['id']} of {shown(found['job'])} on {shown(found['platform'])}: {found['url']}")
        if watch:
            try:
                found = _follow(client, found, interrupts, quiet=as_json)
            except KeyboardInterrupt:
                tell("\nThe search goes on; its page shows it.")
                return Exit.INTERRUPTED
    if as_json:
        print_json(found)
    elif watch:
        show_end(found)
    return _EXITS.get(found["state"], Exit.PENDING) if watch else Exit.OK


def _follow(client: HubClient, found: Search, interrupts: Interrupts, *, quiet: bool) -> Search:
    """The search when it has ended; until then a line for each build that ends."""
    said: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = client.get(f"/api/v1/bisections/{found['id']}")
        except HubAwayError:
            if time.monotonic() > deadline:
                raise
        else:
            deadline = time.monotonic() + PATIENCE
            for line in _new_steps(found, said):
                (tell if quiet else print_line)(line)
            if found["state"] not in {"waiting", "searching"}:
                return found
        interrupts.pause(PAUSE)


def _new_steps(found: Search, said: set[int]) -> Iterator[str]:
    for step in found.get("steps", ()):
        if step["state"] == "finished" and step["build"] not in said:
            said.add(step["build"])
            place = f"commit {step['place']} of {found['commits']}"
            yield f"{signed(step['state'], step['result'])}  {step['commit'][:7]}  {place}  #{step['number']}"


def show_end(found: Search) -> None:
    """What was found, and why not more."""
    for culprit in found["culprits"]:
        print_line(click.style(f"{culprit['sha'][:7]} broke {shown(', '.join(culprit['broke']))}", bold=True))
        print_line(f"  {culprit['sha']}")
        print_line(f"  {shown(culprit['author'] or '?')}: {shown(culprit['subject'])}")
    if found["reason"]:
        print_line(shown(found["reason"]))
    print_line(
        f"Found with {word_count(found['builds'], 'build')}: {found['url']}" if found["culprits"] else found["url"]
    )


def _find_here(name: str) -> str:
    """The commit that the name means in this clone (`HEAD~5`, say); the name itself when it means none."""
    try:
        argv = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or name
    except (OSError, ValueError, subprocess.SubprocessError):
        return name
