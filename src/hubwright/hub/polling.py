"""Looks at where a repository's branches and open pull requests are, and has built what no delivery told of.

Where there is no hook this is how pushes are found at all: GitHub answers 304 while nothing has moved, which costs
nothing of the hour's limit. Where there is one, it finds what was lost for good; a head that has just moved is given
time, for its delivery may be on its way. What is found becomes a delivery of our own making, which asks for the same
builds as the lost one: each is built once, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.builds import commits_to_build, pull_request_to_build
from hubwright.domain.github_budget import Priority
from hubwright.domain.jobs import Job
from hubwright.domain.repos import PullRequestEvent, Push, Repository
from hubwright.errors import GitHubRefusedError, MalformedError
from hubwright.github.answers import Answer
from hubwright.github.heads import Head, Json, form_event, name_found, read_branches, read_pulls
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.github.payloads import is_skipped, read_event, read_repository
from hubwright.github.requests import form_path
from hubwright.hub.healing import HOOKS, GitHubSide, Looked, Rhythm
from hubwright.hub.loads import Load, ask_for
from hubwright.store import healing
from hubwright.store.builds import load_triggers
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.healing import COMPARED
from hubwright.store.jobs import load_jobs

SETTLE = 30.0
"""Seconds that the delivery of a head which has just moved may take, where there is a hook."""

AWAITED_FOR = 3600.0
"""Seconds for which a missed delivery that was asked for goes before what comparing finds."""

MAX_PAGES = 30
"""Pages of branches, and of pull requests, that are compared: three thousand of each."""

MAX_COMPARED = 20
"""Pages of commits between two heads: GitHub's pushes list as many."""

FOUND_AT_ONCE = 100
"""Heads that become deliveries in one look; the next look takes the rest."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Place:
    """A repository as GitHub tells of it now, and what is built of it."""

    path: str
    owner: str
    json: Json
    repository: Repository
    jobs: Sequence[Job]


@dataclass(frozen=True, slots=True)
class _Found:
    """A head that is to be built, and the body of the event that would have told of it."""

    head: Head
    guid: str
    body: bytes


class HeadLooks:
    """Looks at the heads of a repository."""

    def __init__(
        self,
        database: Database,
        github: GitHubSide,
        rhythm: Rhythm,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._github = github
        self._rhythm = rhythm
        self._clock = clock
        self._wake = wake

    def look(self, row: Row[Any], told: dict[str, Any]) -> Looked:
        """Compare heads with those seen last; what moved and is not built becomes deliveries. Raises GitHubError."""
        began = self._clock()
        place = self._fetch_place(row)
        heads = self._fetch_heads(place)
        with self._database.reading() as connection:
            known = _load_known(connection, row, place)
            hooked = self._has_hook(connection, row.place, place)
            moved = [head for head in heads if known.get(head.ref) != head.sha]
            fresh = [head for head in moved if row.looked_at is not None or head.ref in known]
            unbuilt = [head for head in fresh if _is_unbuilt(connection, place, head, known.get(head.ref))]
            awaited = hooked and healing.has_awaited(connection, _hooks_of(place, row.place), began - AWAITED_FOR)
        suspects = _note_suspects(told.get("suspects", {}), unbuilt if hooked else [], began)
        wait = [head for head in unbuilt if hooked and (awaited or began - suspects[head.ref][1] < SETTLE)]
        lost = [head for head in unbuilt if head not in wait][:FOUND_AT_ONCE]
        formed = (self._form(place, head, known.get(head.ref), hooked=hooked) for head in lost)
        found = [one for one in formed if one is not None]
        later = {head.ref for head in unbuilt} - {head.ref for head in lost}
        kept = moved if row.looked_at is not None else heads
        seen = {head.ref: head.sha for head in kept if head.ref not in later}
        gone = sorted(known.keys() - {head.ref for head in heads})

        def keep(connection: Connection, now: float) -> None:
            _keep_found(connection, row.id, found, now)
            healing.keep_heads(connection, row.id, seen, gone, now)
            if found or gone:
                _refresh(connection, place, now)

        if found:
            logger.warning("heads_without_delivery", place=row.place, count=len(found))
        seen_now = {"suspects": {head.ref: suspects[head.ref] for head in wait}, "hook": hooked, "heads": len(heads)}
        pause = SETTLE if later else self._rhythm.heal if hooked else self._rhythm.poll
        return Looked(told=seen_now, looked_at=began, due=self._clock() + pause, keep=self._and_wake(keep))

    def _and_wake(self, keep: Callable[[Connection, float], None]) -> Callable[[Connection, float], None]:
        def keep_and_wake(connection: Connection, now: float) -> None:
            keep(connection, now)
            self._wake("deliveries")

        return keep_and_wake

    def _fetch_place(self, row: Row[Any]) -> _Place:
        owner = row.place.split("/")[2]
        document = self._get(row.place, owner).json
        try:
            repository = read_repository(document if isinstance(document, dict) else {})
        except MalformedError as error:
            raise GitHubRefusedError(f"GitHub's answer about {row.place} can't be read: {error}") from error
        with self._database.reading() as connection:
            built = [job for job in load_jobs(connection, repository) if job.enabled]
        path = form_path("repos", repository.owner, repository.name)
        return _Place(path, owner, document, repository, built)

    def _fetch_heads(self, place: _Place) -> list[Head]:
        branches = self._fetch_items(place, f"{place.path}/branches?per_page=100")
        pulls = self._fetch_items(place, f"{place.path}/pulls?state=open&per_page=100")
        return [*read_branches(branches), *read_pulls(pulls)]

    def _fetch_items(self, place: _Place, url: str | None) -> list[Any]:
        items: list[Any] = []
        for _ in range(MAX_PAGES):
            if url is None:
                break
            answer = self._get(url, place.owner)
            items += answer.json if isinstance(answer.json, list) else []
            url = answer.next_url
        return items

    def _get(self, url: str, owner: str, *, remember: bool = True) -> Answer:
        return self._github.client.get(url, owner=owner, priority=Priority.SOON, remember=remember)

    def _has_hook(self, connection: Connection, name: str, place: _Place) -> bool:
        """Whether deliveries come; where GitHub does not say, whether one came in the last days."""
        told = healing.load_told(connection, HOOKS, name).get("hook")
        if isinstance(told, bool):
            return told
        return healing.has_deliveries(connection, place.repository.full_name, self._clock() - KEPT_FOR)

    def _form(self, place: _Place, head: Head, before: str | None, *, hooked: bool) -> _Found | None:
        """The head's event; None when its commit asks for no build, and a delivery may have told so."""
        commits, status = self._fetch_commits(place, head, before) if head.branch is not None else ([], "")
        event = form_event(head, place.json, before, commits, status)
        message = (event.get("head_commit") or {}).get("message") or ""
        if hooked and is_skipped(message):
            return None
        return _Found(head, name_found(place.repository.id or 0, head), orjson.dumps(event))

    def _fetch_commits(self, place: _Place, head: Head, before: str | None) -> tuple[list[Json], str]:
        """The commits from `before` to the head, oldest first; the head alone where GitHub can't compare them."""
        if before is not None:
            try:
                commits, status = self._fetch_between(place, before, head.sha)
            except GitHubRefusedError as error:
                if error.status not in {404, 422}:
                    raise
            else:
                if any(commit.get("sha") == head.sha for commit in commits):
                    return commits, status
        path = f"{place.path}{form_path('commits', head.sha)}"
        document = self._get(path, place.owner, remember=False).json
        return ([document] if isinstance(document, dict) else []), "diverged" if before is not None else ""

    def _fetch_between(self, place: _Place, before: str, after: str) -> tuple[list[Json], str]:
        url: str | None = f"{place.path}/compare/{before}...{after}?per_page=100"
        commits: list[Json] = []
        status = ""
        for _ in range(MAX_COMPARED):
            if url is None:
                break
            answer = self._get(url, place.owner, remember=False)
            document = answer.json if isinstance(answer.json, dict) else {}
            commits += [one for one in document.get("commits") or [] if isinstance(one, dict)]
            status = str(document.get("status"))
            url = answer.next_url
        return commits, status


def _note_suspects(known: Mapping[str, Any], heads: Sequence[Head], now: float) -> dict[str, tuple[str, float]]:
    """Since when each head is known and not built."""
    before = {ref: (sha, float(since)) for ref, (sha, since) in known.items()}
    return {
        head.ref: before[head.ref] if before.get(head.ref, ("",))[0] == head.sha else (head.sha, now) for head in heads
    }


def _hooks_of(place: _Place, path: str) -> list[str]:
    """Where hooks may be that tell of the repository."""
    return [path, form_path("orgs", place.owner.lower()), "/app"]


def _load_known(connection: Connection, row: Row[Any], place: _Place) -> dict[str, str]:
    """The heads that were seen last. At the first look those that were built: what is new then is as old as it is."""
    if row.looked_at is not None:
        return healing.load_heads(connection, row.id)
    return healing.load_built_heads(connection, [job.id for job in place.jobs])


def _is_unbuilt(connection: Connection, place: _Place, head: Head, before: str | None) -> bool:
    """Whether a job of the repository wants the head and has no build for it."""
    try:
        event = read_event(head.event, form_event(head, place.json, before))
    except MalformedError:  # a name that we build nothing of
        return False
    for job in place.jobs:
        if isinstance(event, Push):
            wanted = commits_to_build(event, job.settings)[:1]
        else:
            wanted = pull_request_to_build(event) if isinstance(event, PullRequestEvent) else []
        triggers = [one.trigger for one in wanted]
        if triggers and not load_triggers(connection, job.id, triggers):
            return True
    return False


def _keep_found(connection: Connection, watch_id: int, found: Sequence[_Found], now: float) -> None:
    """Have the heads understood as if a delivery had come."""
    if not found:
        return
    keep_deliveries(connection, [Incoming(one.guid, one.head.event, COMPARED, one.body, now) for one in found])
    for one in found:
        healing.keep_compared(connection, watch_id, one.guid, one.head.event, now)


def _refresh(connection: Connection, place: _Place, now: float) -> None:
    """The copy of GitHub missed something here: its branches and pull requests are loaded again."""
    where: Mapping[str, Any] = {"owner": place.repository.owner, "repo": place.repository.name}
    for listing in ("branches", "pulls"):
        ask_for(connection, Load(listings=(listing,), where=where), now)
