"""Searches that somebody asks for: kept at once, as named; the names are looked up when the search begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from hubwright.domain.sights import Target, name_own_stage
from hubwright.errors import ConflictError, NotFoundError, UnprocessableError, VanishedCommitError
from hubwright.git.history import find_commit, is_ancestor, is_on_branch
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.breaks import MAX_OPEN
from hubwright.store import bisections
from hubwright.store.jobs import load_job

MAX_NAME = 64
"""Characters of a commit's id, or of a branch or tag that is named instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Which commit between `good` and `bad` broke the job: on a platform, in a test or stage; None: whatever fails.

    `run` is a command that tells by its exit code, instead of the stages.
    """

    good: str
    bad: str
    platform: str | None = None
    test: str | None = None
    stage: str | None = None
    run: str | None = None


class Asked(NamedTuple):
    """Who asks, when (Unix seconds), and how many searches of a job may go on at a time."""

    by: str
    at: float
    searches: int = MAX_OPEN


class Ends(NamedTuple):
    """What a search is between, and where the bad end was found."""

    good: str
    bad: str
    ref: str


def ask_search(connection: Connection, path: str, question: Question, asked: Asked) -> int:
    """Keep the question; its id. Raises NotFoundError, UnprocessableError, ConflictError when too many are open."""
    job = load_job(connection, path)
    if job is None:
        raise NotFoundError(f"There is no job {path}.")
    if sum(one.job_id == job.id for one in bisections.load_open(connection)) >= asked.searches:
        raise ConflictError(f"{asked.searches} bisections of {path} go on already; one of them has to end first.")
    places = bisections.load_places(connection, job.id, question.bad)
    place = next((one for one in places if question.platform in {None, one.platform}), None)
    if place is None and question.platform is None:
        raise UnprocessableError(f"{path} was never built, so the platform to search on has to be named.")
    named = question.test is not None or question.stage is not None
    values = {
        "job_id": job.id,
        "platform": place.platform if place is not None else question.platform,
        "matrix": place.matrix if place is not None else {},
        "ref": "HEAD",
        "branch": place.branch if place is not None else None,
        "asked_by": asked.by,
        "command": question.run,
        "before": question.good,
        "bad": question.bad,
        "targets": [Target(stage=question.stage, test=question.test).to_json()] if named else [],
        "state": bisections.WAITING,
        "max_builds": 1,  # until it begins
        "next_try_at": asked.at,
        "created_at": asked.at,
    }
    number = bisections.keep_bisection(connection, values)
    if question.run is not None:
        own = Target(stage=name_own_stage(number))
        bisections.change_bisection(connection, number, targets=[own.to_json()])
    return number


def find_ends(mirrors: Mirrors, origin: Origin, good: str, bad: str) -> Ends:
    """The commits that are named, fetched. Raises VanishedCommitError for a name that is none, SourceError."""
    heads = mirrors.read_heads(origin)
    if "HEAD" in heads:
        mirrors.fetch(origin, heads["HEAD"], "HEAD")
    bad_sha, ref = _find(mirrors, origin, heads, bad)
    return Ends(_find(mirrors, origin, heads, good)[0], bad_sha, ref)


def _find(mirrors: Mirrors, origin: Origin, heads: Mapping[str, str], name: str) -> tuple[str, str]:
    for ref in (f"refs/heads/{name}", f"refs/tags/{name}", name):
        if ref in heads:
            mirrors.fetch(origin, heads[ref], ref)
            return heads[ref], ref
    if len(name) in {40, 64}:
        mirrors.fetch(origin, name, "HEAD")
    found = find_commit(mirrors, origin, name)
    if found is None:
        raise VanishedCommitError(f"{origin.repository} has no branch, tag or commit {name!r}.")
    _check_own(mirrors, origin, heads, found)
    return found, "HEAD"


def _check_own(mirrors: Mirrors, origin: Origin, heads: Mapping[str, str], sha: str) -> None:
    """GitHub gives forks' commits under the repository's address too: they would be built as if they were trusted."""
    if "HEAD" in heads and is_ancestor(mirrors, origin, sha, heads["HEAD"]):
        return
    if not is_on_branch(mirrors, origin, sha):
        raise VanishedCommitError(f"{sha[:12]} is on no branch that was fetched; name its branch or tag instead.")
