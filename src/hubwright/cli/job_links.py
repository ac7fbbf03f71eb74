"""`hubwright job link`: whose pull requests and branches have copies of a job."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import HubClient, connect
from hubwright.cli.definitions import address_of
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_table, shown, tell


@click.command()
@click.argument("path")
@click.option("--of", "named", type=click.Choice(["pull-requests", "branches"]), multiple=True, help="What to link.")
@click.option("--repo", metavar="OWNER/NAME", help="Whose they are (default: the job's repository).")
@click.option("--glob", "globs", multiple=True, help="Only of these branches, or into them; !GLOB excludes.")
@click.option("--remove", is_flag=True, help="Link them to no job any more; the copies that there are stay.")
@hub_option
@json_option
def link(
    *, path: str, named: tuple[str, ...], repo: str | None, globs: tuple[str, ...], remove: bool, hub: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Have a copy of a job for each pull request or branch; without --of show the links."""
    kinds = [kind for kind, word in _WORDS.items() if word.replace(" ", "-") in named]
    if not kinds and (remove or globs or repo):
        raise click.UsageError("Say which: --of pull-requests, --of branches, or both.")
    with connect(hub) as client:
        name = repo or (client.get(address_of(path))["repo"] if kinds else "")
        for kind in kinds:
            address = f"/api/v1/links/{quote(name)}/{kind}"
            if remove:
                client.delete(address)
                tell(f"The {_WORDS[kind]} of {shown(name)} have no copies any more.")
            else:
                client.put(address, {"job": path.strip("/"), **({"globs": list(globs)} if globs else {})})
                tell(f"The {_WORDS[kind]} of {shown(name)} have copies of {shown(path)}.")
        found = _list(client, path)
    if as_json:
        print_json(found)
    else:
        print_table([shown(one["repository"]), _WORDS[one["kind"]], shown(", ".join(one["globs"]))] for one in found)


_WORDS = {"pull_request": "pull requests", "branch": "branches"}


def _list(client: HubClient, path: str) -> list[dict[str, Any]]:
    page = client.get("/api/v1/links", job=path.strip("/"))
    found = page["items"]
    while page["next"] is not None:
        page = client.get("/api/v1/links", job=path.strip("/"), cursor=page["next"])
        found += page["items"]
    return list(found)
