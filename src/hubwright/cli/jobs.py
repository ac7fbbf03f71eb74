"""`hubwright register` and `hubwright job`: what is built."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from hubwright.cli.api_client import HubClient, connect
from hubwright.cli.definitions import address_of, show_effective
from hubwright.cli.job_links import link
from hubwright.cli.job_versions import diff, restore, versions
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


for command in (link, versions, diff, restore):
    job.add_command(command)


@job.command()
@click.argument("folder", default="")
@click.option("--direct", is_flag=True, help="Only what is right in FOLDER, and its folders.")
@click.option("--copies", is_flag=True, help="The copies of the job at this path instead.")
@click.option("--archived", is_flag=True, help="With --copies: those too whose branch or pull request is gone.")
@hub_option
@json_option
def ls(*, folder: str, direct: bool, copies: bool, archived: bool, hub: str | None, as_json: bool) -> None:
    """List the jobs below FOLDER, or all."""
    path = folder.strip("/") or None
    if copies and path is None:
        raise click.UsageError("Name the job whose copies are wanted.")
    query = {"copies": path, "archived": archived or None} if copies else {"folder": path, "direct": direct or None}
    with connect(hub) as client:
        folders = _read_all(client, "/api/v1/folders", parent=path) if direct and not copies else []
        found = _read_all(client, "/api/v1/jobs", **query)
    if as_json:
        print_json([*folders, *found])
        return
    print_table(
        [
            *([f"{shown(one['path'])}/", "", ""] for one in folders),
            *([shown(one["path"]), shown(one["repo"]), " ".join([_newest(one), *_marks(one)])] for one in found),
        ]
    )


@job.command()
@click.argument("path")
@click.option("--origin", is_flag=True, help="Every value that holds, and where it comes from.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Its own definition as YAML, for `job set -f`.")
@hub_option
@json_option
def show(*, path: str, origin: bool, as_yaml: bool, hub: str | None, as_json: bool) -> None:
    """Show a job, or a folder (PATH/): what it says itself, or all that holds."""
    with connect(hub) as client:
        if as_yaml:
            print_line(client.read_text(address_of(path), "application/yaml").rstrip("\n"))
            return
        found = client.get(address_of(path))
        if "items" in found:
            found = client.get(address_of(f"{path}/"))
    if as_json:
        print_json(found)
        return
    print_line(f"{shown(found['path'])}  {shown(found['repo'])}  {_newest(found)}" if "repo" in found else shown(path))
    if origin:
        show_effective(found, origin=True)
        return
    for name, value in found["definition"].items():
        print_line(f"  {name} = {shown(json.dumps(value, ensure_ascii=False))}")


@job.command(name="set")
@click.argument("path")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE...]")
@click.option(
    "-f", "--file", "file", type=click.Path(path_type=Path), help="The whole definition, JSON or YAML; - reads it here."
)
@click.option("--repo", help="OWNER/NAME, for a new job.")
@click.option("--reason", help="Why, for those who read the versions.")
@hub_option
@json_option
def set_(
    *, path: str, changes: tuple[str, ...], file: Path | None, repo: str | None, reason: str | None, hub: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Change a job, or a folder (PATH/), or make it.

    KEY=VALUE changes one value: commits=head, environment.CC=clang, timeout=20m, platforms='["linux-x86_64"]'. VALUE is
    JSON where it can be read as such, else text; with null it is inherited again. -f says all of the definition.
    """
    if bool(changes) == (file is not None) or (file is not None and repo):
        raise click.UsageError("Give KEY=VALUE..., or a definition with -f.")
    with connect(hub) as client:
        if file is not None:
            answer = client.put_text(address_of(path), _read(file), _kind_of(file), reason=reason)
        elif repo:
            answer = client.put(address_of(path), {**_nest(changes), "repo": repo}, reason=reason)
        else:
            answer = client.patch(address_of(path), _nest(changes), reason=reason)
    if as_json:
        print_json(answer)
    else:
        tell(f"{shown(path)} is at version {answer['version']}; its next build follows it.")


@job.command()
@click.argument("path")
@hub_option
def rm(*, path: str, hub: str | None) -> None:
    """Remove a job, or an empty folder (PATH/). Builds stay as long as others do."""
    with connect(hub) as client:
        client.delete(address_of(path))
    tell(f"{shown(path)} is removed.")


@job.command()
@click.argument("path")
@click.option("--ref", help="The branch or tag to build (default: the repository's default branch).")
@click.option("--sha", help="The commit to build.")
@click.option(
    "-p",
    "--parameter",
    "-e",
    "--env",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the job, which is a variable of the build.",
)
@hub_option
@json_option
def build(
    *, path: str, ref: str | None, sha: str | None, parameters: tuple[str, ...], hub: str | None, as_json: bool
) -> None:
    """Build a job now."""
    wanted = {"ref": ref, "sha": sha, "parameters": dict(_read_pairs(parameters))}
    with connect(hub) as client:
        answer = client.post(
            f"{address_of(path.strip('/'))}/builds", {name: value for name, value in wanted.items() if value}
        )
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


def _nest(changes: tuple[str, ...]) -> dict[str, Any]:
    """`{"environment": {"CC": "clang"}}` of `environment.CC=clang`; what stands behind the first dot is one name."""
    nested: dict[str, Any] = {}
    for name, text in _read_pairs(changes):
        key, dot, inner = name.partition(".")
        if dot:
            known = nested.setdefault(key, {})
            if not isinstance(known, dict):
                raise click.UsageError(f"{key} is given as a whole and in parts.")
            known[inner] = _value(text)
        else:
            nested[key] = _value(text)
    return nested


def _value(text: str) -> Any:
    """1.10 is a text: as a number it would be 1.1."""
    try:
        return json.loads(text, parse_float=str)
    except ValueError:
        return text


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def _kind_of(file: Path) -> str:
    """The media type, by the name; of another name the hub looks what it is."""
    return {".json": "application/json", ".yml": "application/yaml", ".yaml": "application/yaml"}.get(
        file.suffix, "application/octet-stream"
    )


def _read_all(client: HubClient, path: str, **query: object) -> list[dict[str, Any]]:
    page = client.get(path, **query)
    found: list[dict[str, Any]] = page["items"]
    while page["next"] is not None:
        page = client.get(path, **query, cursor=page["next"])
        found += page["items"]
    return found


def _newest(found: dict[str, Any]) -> str:
    newest = found["newest"]
    return f"#{newest['number']} {signed(newest['state'], newest['result'])}" if newest else "never built"


def _marks(found: dict[str, Any]) -> list[str]:
    marks = {"disabled": not found["enabled"], "closed": found["closed_at"], "archived": found["archived_at"]}
    return [f"({name})" for name, holds in marks.items() if holds]
