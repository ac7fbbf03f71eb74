"""Which build a person means: a number, an address, a repository, a pull request, a commit, a branch, or nothing."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from hubwright.cli.api_client import HubClient
from hubwright.domain.refs import read_clone_url
from hubwright.errors import HubwrightError, MalformedError, NotFoundError

Build = dict[str, Any]

_ADDRESS = re.compile(r"https?://[^/]+.*/builds/(\d+)(?:[/?#].*)?\Z")
_NUMBER = re.compile(r"#?(\d{1,9})\Z")
_REPOSITORY = re.compile(r"([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)(?:#(\d+))?\Z")
_SHA = re.compile(r"[0-9a-fA-F]{7,64}\Z")
_LOOKED_AT = 200

HELP = (
    "BUILD is a build's number or address, OWNER/NAME, OWNER/NAME#PULL, a commit's id (7 digits or more) or a branch; "
    "without it the newest build of the repository that this folder is a clone of, else of all."
)
"""For the help of every command that takes a BUILD."""


def find_build(client: HubClient, name: str | None) -> Build:
    """The newest build that `name` means. Raises NotFoundError."""
    if name is None:
        return _newest_here(client)
    if match := _ADDRESS.match(name) or _NUMBER.match(name):
        return _whole(client, int(match[1]))
    if (match := _REPOSITORY.match(name)) and (build := _of_repository(client, match[1], match[2])):
        return build
    if _SHA.match(name) and (found := list_of(client, sha=name)):
        return _whole(client, found[0]["id"])
    return _newest(client, f"of {name!r}", branch=name, repo=origin_here())


def list_builds(client: HubClient, limit: int) -> list[Build]:
    """The newest builds of this folder's repository when the hub has some, else of all."""
    here = origin_here()
    found = list_of(client, limit, repo=here) if here else []
    return found or list_of(client, limit)


def origin_here() -> str | None:
    """`owner/name` of the repository that the current folder is a clone of."""
    try:
        address = read_clone_url(ask_git("remote", "get-url", "origin"))
    except MalformedError:
        return None
    return f"{address.owner}/{address.name}"


def ask_git(*arguments: str) -> str:
    """What git says of the current folder; nothing when it is no clone of anything, or has no such thing."""
    try:
        said = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def _newest_here(client: HubClient) -> Build:
    here = origin_here()
    return (_of_repository(client, here, None) if here else None) or _newest(client, "at all")


def _of_repository(client: HubClient, repository: str, pull: str | None) -> Build | None:
    """None when it is no repository here: a branch may be called `feature/x` as well."""
    found = list_of(client, _LOOKED_AT if pull else 1, repo=repository)
    if pull:
        found = [one for one in found if str(one.get("pull_request")) == pull]
        if not found:
            raise NotFoundError(f"There is no build of {repository}#{pull} among its newest {_LOOKED_AT}.")
    return _whole(client, found[0]["id"]) if found else None


def _newest(client: HubClient, what: str, *, branch: str | None = None, repo: str | None = None) -> Build:
    found = list_of(client, branch=branch, repo=repo)
    if not found:
        raise NotFoundError(f"There is no build {what} at {client.url}; `hubwright register URL` makes one.")
    return _whole(client, found[0]["id"])


def _whole(client: HubClient, number: int) -> Build:
    build = client.get(f"/api/v1/builds/{number}")
    if not isinstance(build, dict):
        raise HubwrightError(f"What answers at {client.url} is no Hubwright.")
    return build


def list_of(client: HubClient, limit: int = 1, **query: str | None) -> list[Build]:
    """The newest builds that fit the filters of the API's list."""
    found: list[Build] = client.get("/api/v1/builds", limit=limit, **query)["items"]
    return found
