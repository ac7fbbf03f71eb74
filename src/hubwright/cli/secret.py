"""`hubwright secret`: named values for builds. They are set and never shown again."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import click

from hubwright.cli.api_client import connect
from hubwright.cli.exits import Exit
from hubwright.cli.options import hub_option, settings_of, settings_options
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.cli.secret_input import read_secret
from hubwright.domain.secrets import describe_scope
from hubwright.hub.github_credentials import Credentials
from hubwright.hub.sealing import make_key
from hubwright.store.database import Database
from hubwright.wiring.secret_keys import add_key, keys_of, open_vault

_JOB = click.option("--job", metavar="PATH", help="For one job.")
_FOLDER = click.option("--folder", metavar="PATH", help="For all jobs below a folder.")
_EVERYWHERE = click.option("--global", "everywhere", is_flag=True, help="For all jobs; needs the role admin.")


@click.group()
def secret() -> None:
    """Set, list, remove and rotate secrets of builds."""


@secret.command(name="set")
@click.argument("name")
@_JOB
@_FOLDER
@_EVERYWHERE
@hub_option
def set_(*, name: str, job: str | None, folder: str | None, everywhere: bool, hub: str | None) -> None:
    """Set a secret; its value is read from stdin, or asked for.

    One line break at the end of stdin is left out.
    """
    query = _scope_of(job, folder, everywhere)
    value = read_secret(f"Value of {name}")
    with connect(hub) as client:
        answer = client.put(_address(name, query), {"value": value})
    tell(
        f"Secret {shown(name)} of {shown(describe_scope(answer['scope']))} is {'set' if answer['new'] else 'changed'}."
    )


@secret.command()
@_JOB
@_FOLDER
@hub_option
@json_option
def ls(*, job: str | None, folder: str | None, hub: str | None, as_json: bool) -> None:
    """List secrets without their values: those that a job gets, those of a folder, or all."""
    with connect(hub) as client:
        found = client.get("/api/v1/secrets", job=job, folder=folder)["items"]
    if as_json:
        print_json(found)
        return
    if not found:
        tell("No secret is set: `hubwright secret set NAME --job PATH` reads its value from stdin.")
        return
    rows = [
        (shown(one["name"]), shown(describe_scope(one["scope"])), one["updated_at"], shown(one["updated_by"]))
        for one in found
    ]
    print_table([("NAME", "FOR", "SET", "BY"), *rows])


@secret.command()
@click.argument("name")
@_JOB
@_FOLDER
@_EVERYWHERE
@hub_option
def rm(*, name: str, job: str | None, folder: str | None, everywhere: bool, hub: str | None) -> None:
    """Remove a secret; runs that begin from now on do not get it."""
    with connect(hub) as client:
        client.delete(_address(name, _scope_of(job, folder, everywhere)))
    tell(f"Secret {shown(name)} is removed.")


@secret.command()
@click.option("--new-key", is_flag=True, help="Put a new key into the data folder's key file first.")
@settings_options
def rotate(*, new_key: bool, config: Path | None, data_dir: str | None) -> int:
    """Seal every secret with the newest key, straight in the database; for the operator of the hub.

    Exit code 1 when a secret could not be opened.
    """
    settings = settings_of(config, data_dir=data_dir)
    vault = open_vault(settings)
    if new_key:
        tell(f"A new key is the first line of {add_key(settings)}.")
    database = Database(settings.database_url, readers=1)
    try:
        done = vault.rotate(database)
        own = Credentials(database, keys_of(settings), time.time)
        resealed, problems = own.reseal()
        in_use = Counter(done.in_use) + Counter(own.count_keys())
    finally:
        database.close()
    for problem in (*done.problems, *problems):
        tell(problem)
    tell(f"{done.resealed} secrets are sealed with the newest key.")
    if resealed:
        tell(f"So are {resealed} of the hub's own for GitHub.")
    for key, count in in_use.items():
        tell(f"Key {key} seals {count} secrets.")
    return Exit.ERROR if done.problems or problems else Exit.OK


@secret.command(name="new-key")
def new_key_() -> None:
    """Make a key for SECRETS__KEYS, and print it."""
    print_line(make_key())


def _scope_of(job: str | None, folder: str | None, everywhere: bool) -> str:  # noqa: FBT001 - a flag of the command line
    """The query that says for whom. Raises UsageError unless exactly one is said."""
    if sum((job is not None, folder is not None, everywhere)) != 1:
        raise click.UsageError("Say for whom: --job PATH, --folder PATH or --global.")
    if everywhere:
        return ""
    return f"?job={quote(job, safe='')}" if job is not None else f"?folder={quote(folder or '', safe='')}"


def _address(name: str, query: str) -> str:
    return f"/api/v1/secrets/{quote(name, safe='')}{query}"
