"""Which build somebody means who asks what went wrong: the failed one of a commit, and what is checked out here."""

from __future__ import annotations

from collections.abc import Callable

from hubwright.cli.api_client import HubClient
from hubwright.cli.build_names import Build, ask_git, find_build, list_of, origin_here
from hubwright.cli.output import shown

_OF_COMMIT = 50
_FINE = frozenset({None, "success", "skip"})


def find_failed(client: HubClient, name: str | None, note: Callable[[str], None]) -> Build:
    """The build that `name` means; without a name that of the commit checked out here, else of its branch.

    Of several builds of a commit the newest failed one; that others failed too is noted, in a sentence.
    Raises NotFoundError.
    """
    found = find_build(client, name) if name is not None else _find_here(client, note)
    if name is not None and not _names_commit(name, found):
        return found
    builds = list_of(client, _OF_COMMIT, sha=found["sha"], repo=found["repo"])
    failed = [one for one in builds if one["result"] not in _FINE]
    for one in failed[1:]:
        note(f"Of this commit failed also {shown(one['job'])} #{one['number']}: build {one['id']}.")
    return find_build(client, str(failed[0]["id"])) if failed else found


def _find_here(client: HubClient, note: Callable[[str], None]) -> Build:
    sha, branch, repository = ask_git("rev-parse", "HEAD"), ask_git("branch", "--show-current"), origin_here()
    if repository is not None and sha:
        if built := list_of(client, 1, sha=sha, repo=repository):
            return find_build(client, str(built[0]["id"]))
        if branch and (built := list_of(client, 1, branch=branch, repo=repository)):
            note(f"Commit {sha[:7]} has no build; this is the newest of {shown(branch)}.")
            return find_build(client, str(built[0]["id"]))
    return find_build(client, None)


def _names_commit(name: str, build: Build) -> bool:
    return len(name) >= 7 and str(build["sha"]).startswith(name.lower())
