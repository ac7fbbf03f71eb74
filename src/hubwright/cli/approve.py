"""`hubwright approve`: let what a fork brought be built, after a look at it."""

from __future__ import annotations

import click

from hubwright.cli.api_client import connect
from hubwright.cli.build_names import HELP, find_build
from hubwright.cli.builds import title_of
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, tell
from hubwright.domain.wording import make_visible
from hubwright.errors import ConflictError


@click.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("--sha", help="Only if it is this commit that would be built (its whole id).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_option
@json_option
def approve(*, build: str | None, sha: str | None, yes: bool, hub: str | None, as_json: bool) -> None:
    """Approve a build of a fork's pull request, bound to the commit that is shown. It gets no secret all the same."""
    with connect(hub) as client:
        found = find_build(client, build)
        if not client.get(f"/api/v1/builds/{found['id']}/approval")["waits"]:
            raise ConflictError(f"{title_of(found)} does not wait for approval.")
        seen = {"sha": sha or found["sha"]}
        if not yes:
            told = client.get(f"/api/v1/builds/{found['id']}/difference")
            seen["base"] = told["base_ref"]
            print_line(make_visible(told["text"]))
            tell(f"{title_of(found)} is what a fork brought, at {found['sha']}.")
            click.confirm("Build this commit?", abort=True, err=True)
        answer = client.post(f"/api/v1/builds/{found['id']}/approve", seen)
    if as_json:
        print_json(answer)
    else:
        tell(f"{title_of(found)} is approved: {found['url']}")
