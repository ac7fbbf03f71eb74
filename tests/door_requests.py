"""What is sent to each door of a hub: its parameters' values, inside or outside of a token's folder."""

from __future__ import annotations

import re
from typing import NamedTuple

from hubwright.store.schema import fact, known_failure
from quiet_hub import Door, WholeHub
from served import NOW

FOLDER = "team/sub"
NONE = "99999"

_SHA = "a" * 40
_DIGEST = "b" * 64
_COMMON = {
    "sha": _SHA, "platform": "linux", "owner": "octo", "repo": "hello", "org": "octo", "login": "ann", "case_id": "1",
    "family": _DIGEST, "digest": _DIGEST, "version": "x", "kind": "branch",
}  # fmt: skip


_OF_REPOSITORIES = re.compile(r"(/api/v1)?/repositories/")


class Side(NamedTuple):
    """A job with its build and run, of one number."""

    number: int
    path: str


INSIDE = Side(1, "team/sub/app")
OUTSIDE = Side(2, "team/other")
NOWHERE = Side(99999, "team/nobody")


def seed(hub: WholeHub) -> None:
    """A job below the folder and one beside it, each with a build, a run and a fact."""
    for number, path in (INSIDE, OUTSIDE):
        repository = f"octo/r{number}"
        hub.rows.keep_job(number, path, folder=path.rpartition("/")[0], repository=repository)
        hub.rows.keep_build(number, job_id=number, family=number, repository=repository, pull_request=number)
        hub.rows.keep_run(number, number)
        told = {"job": path, "number": number, "sha7": "aaaaaaa", "ref": "main"}
        failure = {"id": number, "family": number, "fingerprint": "c" * 16, "kind": "line", "title": "no tail"}
        hub.rows.keep(known_failure, failure | {"newest": number, "last_at": NOW})
        hub.rows.keep(fact, {"kind": "BuildQueued", "at": NOW, "data": told, "job_id": number, "build_id": number})


def form_address(door: Door, side: Side) -> str:
    """The door's address for what is on that side; other parameters name nothing that there is."""
    numbered = {"build_id": side.number, "run_id": side.number, "run": side.number}
    page = {"id": side.number} if door.path.startswith(("/builds/", "/failures/")) else {}
    page |= {"number": side.number} if "/known-failures/" in door.path else {}

    def value(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        if name in numbered or name in page:
            return str((numbered | page)[name])
        if name in {"repo", "name", "number"} and _OF_REPOSITORIES.match(door.path) and door.method == "GET":
            return str(side.number) if name == "number" else f"r{side.number}"
        if name == "path":
            gone = "-gone" if door.method == "DELETE" else ""  # what others ask about stays
            return "dist/a.txt" if "artifacts" in door.path else side.path + gone
        return _COMMON.get(name, NONE)

    address = re.sub(r"\{([^}]+)\}", value, door.path)
    queries = {
        "/api/v1/folders": f"parent={side.path.rpartition('/')[0]}",
        "/api/v1/downloads": f"job={side.path}",
        "/download/latest": f"job={side.path}",
        "/api/v1/commits": "repo=octo/hello",
    }
    return address + (f"?{queries[door.path]}" if door.path in queries else "")
