"""`hubwright register` and `hubwright job`: what is built."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from hubwright.cli.api_client import connect
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, signed, tell


@click.command()
@click.argument("url")
@click.option("--branch", help="The branch to build (default: the repository's own).")
@hub_option
@json_option
def register(*, url: str, branch: str | None, hub: str | None, as_json: bool) -> None:
    """Build a repository now, and know it from now on. URL is like https://github.com/OWNER/NAME."""
    with connect(hub) as client:
        body = {"git_repository_url": url} | ({"branch": branch} if branch else {})
        answer = client.post("/builds/register", body)
    if as_json:
        print_json(answer)
    else:
        tell(f"Build {answer['build_id']} of {shown(answer['git_repository_url'])} is {shown(answer['build_status'])}.")
        print_line(f"{client.url}/builds/{answer['build_id']}")


@click.group()
def job() -> None:
    """List, show, change and build jobs."""


@job.command()
@click.argument("folder", default="")
@hub_option
@json_option
def ls(*, folder: str, hub: str | None, as_json: bool) -> None:
    """List the jobs below FOLDER, or all."""
    with connect(hub) as client:
        page = client.get("/api/v1/jobs", folder=folder or None)
        found = page["items"]
        while page["next"] is not None:
            page = client.get("/api/v1/jobs", folder=folder or None, cursor=page["next"])
            found += page["items"]
    if as_json:
        print_json(found)
        return
    print_table([shown(one["path"]), shown(one["repo"]), _newest(one), *_disabled(one)] for one in found)


@job.command()
@click.argument("path")
@hub_option
@json_option
def show(*, path: str, hub: str | None, as_json: bool) -> None:
    """Show a job and its settings."""
    with connect(hub) as client:
        found = client.get(_address(path))
    if as_json:
        print_json(found)
        return
    print_line(f"{shown(found['path'])}  {shown(found['repo'])}  {_newest(found)}")
    for name, value in found["settings"].items():
        print_line(f"  {name} = {shown(json.dumps(value, ensure_ascii=False))}")


@job.command(name="set")
@click.argument("path")
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--repo", help="OWNER/NAME, for a new job.")
@hub_option
@json_option
def set_(*, path: str, changes: tuple[str, ...], repo: str | None, hub: str | None, as_json: bool) -> None:
    """Change settings of a job, or make it when --repo is given.

    VALUE is JSON where it can be read as such, else text: commits=head, timeout=600, platforms='["linux-x86_64"]',
    enabled=false. With null the setting has its default again.
    """
    settings = {name: _value(text) for name, text in _read_pairs(changes)}
    definition = {"enabled": settings.pop("enabled")} if "enabled" in settings else {}
    definition["settings"] = settings
    with connect(hub) as client:
        if repo:
            answer = client.put(_address(path), definition | {"repo": repo})
        else:
            answer = client.patch(_address(path), definition)
    if as_json:
        print_json(answer)
    else:
        tell(f"{shown(answer['path'])} is changed; its next build follows it.")


@job.command()
@click.argument("path")
@click.option("--ref", help="The branch or tag to build (default: the repository's default branch).")
@click.option("--sha", help="The commit to build.")
@click.option("-e", "--env", "parameters", multiple=True, metavar="NAME=VALUE", help="A variable for this build.")
@hub_option
@json_option
def build(
    *, path: str, ref: str | None, sha: str | None, parameters: tuple[str, ...], hub: str | None, as_json: bool
) -> None:
    """Build a job now."""
    wanted = {"ref": ref, "sha": sha, "parameters": dict(_read_pairs(parameters))}
    with connect(hub) as client:
        answer = client.post(f"{_address(path)}/builds", {name: value for name, value in wanted.items() if value})
    if as_json:
        print_json(answer)
    else:
        tell(f"{shown(answer['job'])} #{answer['number']} is {answer['state']}.")
        print_line(answer["url"])


def _read_pairs(pairs: tuple[str, ...]) -> list[tuple[str, str]]:
    """`KEY=VALUE` each. Raises UsageError."""
    found = []
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{pair!r} is not KEY=VALUE.")
        found.append((name, text))
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _newest(found: dict[str, Any]) -> str:
    newest = found["newest"]
    return f"#{newest['number']} {signed(newest['state'], newest['result'])}" if newest else "never built"


def _disabled(found: dict[str, Any]) -> list[str]:
    return ["" if found["enabled"] else "disabled"]


def _address(path: str) -> str:
    return f"/api/v1/jobs/{quote(path.strip('/'))}"
