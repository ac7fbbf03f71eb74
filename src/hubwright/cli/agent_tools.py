"""What a coding agent can ask of a hub and tell it: answers are short, bounded, and made for one call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from hubwright.cli.api_client import HubClient
from hubwright.cli.build_names import Build, find_build, list_of, origin_here
from hubwright.cli.failed_builds import find_failed
from hubwright.cli.failures import narrow
from hubwright.domain.ansi import strip_escapes
from hubwright.domain.failure_text import write_failure
from hubwright.domain.wording import make_visible

MAX_LINES = 500
"""Lines of a log in one answer."""

LINES = 150
"""Lines of a log in an answer where nobody says how many."""

_TAIL = 128 * 1024
_LONGEST = 2_000
_RUNS = 5
_FINE = frozenset({"success", "skip"})

Name = Annotated[str | None, Field(description="Number, address, OWNER/NAME, OWNER/NAME#PULL, commit or branch.")]
Limit = Annotated[int, Field(ge=1, le=50)]


class AgentTools:
    """The tools, as functions of a hub's API. Docstrings are what an agent reads. Each raises HubwrightError."""

    def __init__(self, client: HubClient) -> None:
        self._client = client

    def problems(self, build: Name = None, stage: str | None = None, platform: str | None = None) -> str:
        """Why a build failed: errors with file and line, failed tests with messages, the log around the first error.

        Without `build`: what was built of the commit that is checked out in this server's folder, a failed one first.
        """
        notes: list[str] = []
        found = find_failed(self._client, build, notes.append)
        told = narrow(self._client.get(f"/api/v1/builds/{found['id']}/problems"), platform=platform, stage=stage)
        notes.append(f"State: {found['state']}, result: {found['result'] or 'none yet'}")
        return "\n".join([*notes, write_failure(told)])

    def status(self, build: Name = None) -> dict[str, Any]:
        """How a build stands: its runs on each platform with their numbers, what failed, and why what waits waits."""
        found = find_build(self._client, build)
        waits = {} if found["state"] == "finished" else self._load_waits(found["id"])
        runs = [_brief_run(run, waits.get(run["id"])) for run in found["runs"]]
        return {**_brief(found), "problem": found["problem"], "waits": waits.get(None), "runs": runs}

    def find_builds(
        self,
        *,
        repository: Annotated[str | None, Field(description="OWNER/NAME; default: that of this folder.")] = None,
        branch: str | None = None,
        commit: str | None = None,
        job: str | None = None,
        result: Literal["success", "failure", "error", "timeout", "cancellation", "skip"] | None = None,
        limit: Limit = 10,
    ) -> list[dict[str, Any]]:
        """The newest builds that fit, newest first."""
        if repository is None and commit is None and job is None:
            repository = origin_here()
        wanted = {"repo": repository, "branch": branch, "sha": commit, "job": job, "result": result}
        return [_brief(one) for one in list_of(self._client, limit, **wanted)]

    def read_log(
        self,
        *,
        run: Annotated[int, Field(description="The number of a run, as `status` tells it.")],
        stage: Annotated[str | None, Field(description="Only this stage; lines are counted from its first.")] = None,
        first: Annotated[int | None, Field(ge=1, description="The first line; without it the end is shown.")] = None,
        lines: Annotated[int, Field(ge=1, le=MAX_LINES)] = LINES,
        search: Annotated[str | None, Field(description="Instead: the lines of the whole log with this.")] = None,
    ) -> str:
        """A window of a run's log, without escapes: from `first` on, its last lines, or those that a search finds."""
        path = f"/api/v1/runs/{run}/log"
        if search is not None:
            hits = self._client.get(f"{path}/search", q=search)
            found = [f"{one['line']}: {make_visible(one['text'])}" for one in hits["texts"][:lines]]
            return "\n".join([f"{len(hits['lines'])} lines{'' if hits['complete'] else ' and more'}", *found])
        if first is not None:
            text = b"".join(self._client.read(path, stage=stage, start=first, end=first + lines - 1))
            return "\n".join(f"{first + at}: {line}" for at, line in enumerate(_read_lines(text)))
        text = b"".join(self._client.read(path, last=_TAIL, stage=stage, ansi=1))
        return "\n".join(_read_lines(strip_escapes(text))[-lines:])

    def tests(
        self,
        *,
        job: Annotated[str, Field(description="The path of a job, as builds tell it.")],
        branch: str | None = None,
        name: Annotated[str | None, Field(description="A part of the test's name.")] = None,
        result: Literal["failed", "passed", "skipped"] | None = None,
        flaky: bool | None = None,
        limit: Annotated[int, Field(ge=1, le=30)] = 10,
    ) -> list[dict[str, Any]]:
        """Tests of a job's newest runs: how each stands, since which commit it fails, and how often it is flaky."""
        wanted = {"job": job, "branch": branch, "name": name, "result": result, "flaky": flaky, "limit": limit}
        found = self._client.get("/api/v1/tests", **wanted)["items"]
        return [{key: value for key, value in one.items() if key != "platforms"} for one in found]

    def known_failures(
        self,
        *,
        job: Annotated[str | None, Field(description="The path of a job; all jobs without it.")] = None,
        failure: Annotated[int | None, Field(description="Only this one, by the number that `problems` tells.")] = None,
        linked: Annotated[bool | None, Field(description="Only those with an issue, or without one.")] = None,
        limit: Limit = 10,
    ) -> list[dict[str, Any]]:
        """Failures that were seen before: how often, since when, on which platforms, and the issue that is about each.

        Of one, `runs` are the newest runs that failed so.
        """
        path = "/api/v1/known-failures"
        if failure is not None:
            return [_brief_failure(self._client.get(f"{path}/{failure}"))]
        wanted = None if linked is None else str(linked).lower()
        return [_brief_failure(one) for one in self._client.get(path, job=job, linked=wanted, limit=limit)["items"]]

    def queue(self, limit: Limit = 10) -> dict[str, Any]:
        """What waits and why: for each platform how many runs wait and builders are free, and the next runs."""
        found = self._client.get("/api/v1/queue", limit=limit)
        wanted = ("run", "build", "job", "number", "platform", "queued_at", "reason", "estimate")
        queues = ("platform", "labels", "waiting", "running", "connected", "slots", "free", "estimate")
        return {
            "queues": [{key: one[key] for key in queues} for one in found["queues"]],
            "next": [{key: one[key] for key in wanted} for one in found["items"]],
        }

    def rerun(
        self,
        *,
        build: Annotated[str, Field(description="Number or address of the build.")],
        failed_only: Annotated[bool, Field(description="Only the runs that did not succeed.")] = True,
        platform: str | None = None,
    ) -> dict[str, Any]:
        """Build a finished build again: the same commit with the same recipe. Needs a token of the role write."""
        found = find_build(self._client, build)
        wanted = {"failed_only": failed_only, "platform": platform}
        again = self._client.post(f"/api/v1/builds/{found['id']}/rerun", wanted)
        return {**_brief(found), "state": "queued", "result": None, "runs": again["runs"]}

    def _load_waits(self, build: int) -> dict[int | None, str]:
        found = self._client.get(f"/api/v1/builds/{build}/why")["runs"]
        return {wait["run"]: wait["reason"] for wait in found}


def _brief(build: Build) -> dict[str, Any]:
    names = ("id", "job", "number", "repo", "branch", "sha", "pull_request", "state", "result", "finished_at", "url")
    return {name: build.get(name) for name in names} | {"message": str(build["message"]).partition("\n")[0][:200]}


def _brief_run(run: Build, waits: str | None) -> dict[str, Any]:
    names = ("id", "platform", "matrix", "attempt", "state", "result", "duration", "tests")
    failed = [one["name"] for one in run["stages"] if one["result"] not in _FINE and one["state"] == "finished"]
    return {name: run[name] for name in names} | {"failed_stages": failed, "waits": waits}


def _brief_failure(one: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "job", "kind", "title", "times", "first_at", "last_at", "platforms", "issue", "issue_url", "url")
    found = {name: one[name] for name in names}
    return found | ({"runs": one["runs"][:_RUNS]} if "runs" in one else {})


def _read_lines(text: bytes) -> list[str]:
    return [make_visible(line)[:_LONGEST] for line in text.decode("utf-8", "replace").splitlines()]
