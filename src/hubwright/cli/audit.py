"""`hubwright audit`: who changed what at a hub."""

from __future__ import annotations

from urllib.parse import urlencode

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_table, shown

PAGE = 200


@click.command()
@click.option("--actor", help="Only of the token, session or person of this name.")
@click.option("--path", help="Only what has an address that begins so, like /api/v1/jobs/team.")
@click.option("--method", help="Only POST, PUT, PATCH or DELETE.")
@click.option("--since", metavar="TIME", help="From this moment on, like 2026-11-22T10:00:00Z.")
@click.option("--until", metavar="TIME", help="Before this moment.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=50, help="So many of the newest (default 50).")
@hub_option
@json_option
def audit(  # noqa: PLR0913  one argument an option
    *, actor: str | None, path: str | None, method: str | None, since: str | None, until: str | None, limit: int,
    hub: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show who changed what, newest first; needs the role admin."""
    query: dict[str, object] = {
        "actor": actor, "path": path, "method": method and method.upper(), "since": since, "until": until
    }  # fmt: skip
    found: list[dict[str, object]] = []
    cursor = None
    with connect(hub) as client:
        while len(found) < limit:
            asked = query | {"limit": min(PAGE, limit - len(found)), "cursor": cursor}
            page = client.get(f"/api/v1/audit?{urlencode({key: value for key, value in asked.items() if value})}")
            found += page["items"]
            if (cursor := page["next"]) is None:
                break
    if as_json:
        print_json(found)
    else:
        heads = ("WHEN", "WHO", "BY", "FROM", "WHAT", "STATUS")
        print_table([heads, *(_row(entry) for entry in found)])


def _row(entry: dict[str, object]) -> tuple[str, ...]:
    what = f"{entry['method']} {shown(entry['path'])}"
    when = str(entry["at"])[:19] + "Z"
    return when, shown(entry["actor"]), str(entry["by"]), str(entry["address"]), what, str(entry["status"])
