"""`hubwright problems`: what went wrong in a build, in one go."""

from __future__ import annotations

import click

from hubwright.cli.api_client import connect
from hubwright.cli.build_names import Build
from hubwright.cli.builds import title_of
from hubwright.cli.exits import Exit, exit_of_build
from hubwright.cli.failed_builds import find_failed
from hubwright.cli.failures import narrow, show_failure
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, shown, signed, tell

HELP = (
    "BUILD is a build's number or address, OWNER/NAME, OWNER/NAME#PULL, a commit's id (7 digits or more) or a branch; "
    "without it what the hub built of the commit that is checked out here, a failed build first."
)


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("-s", "--stage", help="Only of this stage; tests are of no stage.")
@click.option("-p", "--platform", help="Only of this platform.")
@click.option("--exit-status", is_flag=True, help="Let the exit code tell how BUILD stands.")
@hub_option
@json_option
def problems(
    *, build: str | None, stage: str | None, platform: str | None, exit_status: bool, hub: str | None, as_json: bool
) -> int:
    """What went wrong: problems with file and line, failed tests, the lines of each failed stage that tell most.

    With --json the whole document of the API, with the last 150 lines of each failed stage; at most 64 kB.
    """
    with connect(hub) as client:
        found = find_failed(client, build, tell)
        told = narrow(client.get(f"/api/v1/builds/{found['id']}/problems"), platform=platform, stage=stage)
    if as_json:
        print_json(told)
    else:
        _show(found, told)
    return exit_of_build(found["state"], found["result"]) if exit_status else Exit.OK


def _show(build: Build, told: Build) -> None:
    wrong = any(told[key] for key in ("problem", "problems", "tests", "stages"))
    if not wrong:
        rest = "" if build["state"] == "finished" else " so far"
        tell(f"Nothing has failed in {title_of(build)}{rest}.")
        return
    print_line(f"{signed(build['state'], build['result'])}  {title_of(build)}")
    for line in str(told["problem"] or told["verdict"]).splitlines():
        print_line(f"  {shown(line)}")
    show_failure(told)
    print_line(f"\n{told['url']}")
