"""`hubwright artifacts`: the files that a build kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import click

from hubwright.cli import Entry, load_command
from hubwright.cli.api_client import HubClient, connect
from hubwright.cli.build_names import HELP, Build, find_build
from hubwright.cli.builds import title_of
from hubwright.cli.options import hub_option
from hubwright.cli.output import json_option, print_json, print_line, print_table, shown, tell
from hubwright.domain.wording import word_size
from hubwright.errors import HubwrightError, NotFoundError

STATEMENT = ".intoto.jsonl"
"""Behind a file's name: its signed provenance."""

_VERIFY = Entry("hubwright.cli.provenance:verify", "Check where a file comes from.")


class _Artifacts(click.Group):
    """Loads `verify` when it is called: it needs cryptography, which a builder does not have."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "verify"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load_command("artifacts verify", _VERIFY) if cmd_name == "verify" else super().get_command(ctx, cmd_name)


@click.group(cls=_Artifacts)
def artifacts() -> None:
    """List, get and verify the files that a build kept."""


@artifacts.command(epilog=HELP)
@click.argument("build", required=False)
@hub_option
@json_option
def ls(*, build: str | None, hub: str | None, as_json: bool) -> None:
    """List the files."""
    with connect(hub) as client:
        found = list(_list(client, find_build(client, build)))
    if as_json:
        print_json(found)
    else:
        print_table([shown(one["platform"]), shown(one["path"]), word_size(one["size"])] for one in found)


@artifacts.command(epilog=HELP)
@click.argument("build", required=False)
@click.option("-D", "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--path", "pattern", default="*", help="Only the files whose path matches this glob.")
@click.option("--provenance", is_flag=True, help="Keep each file's signed provenance beside it, as FILE.intoto.jsonl.")
@hub_option
def get(*, build: str | None, folder: Path, pattern: str, provenance: bool, hub: str | None) -> None:
    """Download the files; their SHA-256 is checked. With several platforms each gets a folder of its own."""
    with connect(hub) as client:
        found = find_build(client, build)
        wanted = [one for one in _list(client, found) if fnmatchcase(one["path"], pattern)]
        if not wanted:
            raise NotFoundError(f"{title_of(found)} kept no such file.")
        several = len({one["platform"] for one in wanted}) > 1
        for one in wanted:
            target = place_of(folder, one["path"], one["platform"] if several else "")
            _download(client, one, target)
            if provenance:
                statement = b"".join(client.read(_place(one) + STATEMENT))
                target.with_name(target.name + STATEMENT).write_bytes(statement)
            print_line(str(target))
    tell(f"{len(wanted)} from {title_of(found)}")


def place_of(folder: Path, path: str, platform: str = "") -> Path:
    """Where a file goes: always below `folder`, whatever the build called it. Raises HubwrightError."""
    parts = (platform.replace("/", "_"), *PurePosixPath(path).parts)
    if path.startswith("/") or ".." in parts or "\0" in f"{platform}{path}":
        raise HubwrightError(f"{shown(path)!r} would be written outside of {folder}; it is not fetched.")
    return folder.joinpath(*parts)


def _list(client: HubClient, build: Build) -> Iterator[dict[str, Any]]:
    for run in build["runs"]:
        yield from client.get(f"/api/v1/runs/{run['id']}/artifacts")["items"]


def _place(artifact: dict[str, Any]) -> str:
    """The file of just this run; hubs of the first release know it by its commit only."""
    return urlsplit(str(artifact.get("run_url") or artifact["url"])).path


def _download(client: HubClient, artifact: dict[str, Any], target: Path) -> None:
    """Fetch beside the target, and move it there only when every byte is right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256()
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fresh = Path(scratch) / "part"
        with fresh.open("wb") as file:
            for piece in client.read(_place(artifact)):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != artifact["sha256"]:
            raise HubwrightError(f"{shown(artifact['path'])} arrived damaged; try again.")
        fresh.replace(target)
