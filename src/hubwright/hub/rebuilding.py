"""The rebuilder: repositories that no webhook tells of are asked by git where their branches and tags are.

So are plain git addresses, and GitHub's repositories while there are no credentials to ask GitHub itself. What has
moved becomes a delivery of our own, which asks for the same builds as a push: each is built once, whoever tells of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Job
from hubwright.domain.polling import find_pause
from hubwright.domain.refs import check_ref, check_sha
from hubwright.domain.repos import NO_COMMIT, Push, Repository
from hubwright.errors import MalformedError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.github.hook_deliveries import KEPT_FOR
from hubwright.hub.addresses import AddressRules
from hubwright.hub.healing import GIT
from hubwright.hub.taken import MOVED
from hubwright.hub.watching import Beat, Look, Looked, Watching
from hubwright.hub.wishes import MANUAL
from hubwright.store import healing, healing_heads
from hubwright.store.builds import load_triggers
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.jobs import load_job

REBUILDING = "rebuilding"
"""The queue's name."""

LANES = 8
"""Repositories that are asked side by side."""

PATIENCE = 30.0
"""Seconds that a repository may take to list its heads."""

IDLE = 300.0
"""Seconds until it is looked again whether a repository that need not be asked is to be asked now."""

FOUND_AT_ONCE = 100
"""Heads that become deliveries in one look; the next look takes the rest."""

MOST_HEADS = 20_000
"""Branches and tags of a repository that are looked at."""

MOST_REF = 512
"""Characters of a ref that is remembered."""

MOST_PATH = 300
"""Characters of the path of a job that is watched."""

logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """How repositories are asked; `interval` in seconds, between two looks at one."""

    mirrors: Mirrors
    origin_of: Callable[[Job], Origin]
    rules: AddressRules
    interval: float


def make_rebuilder(
    database: Database,
    sources: Sources,
    owner: str,
    clock: Callable[[], float],
    wake: Callable[[str], None],
    *,
    github_is_asked: Callable[[], bool],
) -> Watching:
    """The drain of queue `rebuilding`.

    Repositories at GitHub are left out while `github_is_asked` for them, and where deliveries come.
    """

    def find(connection: Connection) -> list[tuple[str, str]]:
        jobs = healing.load_asked_jobs(connection, None if github_is_asked() else clock() - KEPT_FOR)
        return [
            (GIT, path)
            for path, address in jobs
            if len(path) <= MOST_PATH and (address is None or sources.rules.allows(address))
        ]

    looks: dict[str, Look] = {GIT: GitLooks(database, sources, clock, wake).look}
    return Watching(database, Beat(queue=REBUILDING, looks=looks, find=find, lanes=LANES), owner, clock, wake)


class GitLooks:
    """Looks at the heads of a job's repository."""

    def __init__(
        self, database: Database, sources: Sources, clock: Callable[[], float], wake: Callable[[str], None]
    ) -> None:
        self._database = database
        self._sources = sources
        self._clock = clock
        self._wake = wake

    def look(self, row: Row[Any], told: dict[str, Any]) -> Looked:
        """Compare heads with those seen last; what moved and is not built becomes deliveries. Raises SourceError."""
        began = self._clock()
        with self._database.reading() as connection:
            job = load_job(connection, row.place)
            if job is None or not job.enabled or job.settings.triggers.poll is False:
                return Looked(told=told, looked_at=row.looked_at, due=began + IDLE)
            known = _load_known(connection, row, job)
        refs = self._sources.mirrors.read_refs(self._sources.origin_of(job), PATIENCE)
        heads = {ref: refs.heads[ref] for ref in sorted(refs.heads)[:MOST_HEADS] if _can_be_built(ref, refs.heads[ref])}
        moved = [ref for ref, sha in heads.items() if known.get(ref) != sha and (ref in known or row.looked_at)]
        gone = [ref for ref in sorted(known) if ref not in refs.heads][:FOUND_AT_ONCE]
        with self._database.reading() as connection:
            triggers = {ref: f"{ref}@{heads[ref]}" for ref in moved}
            built = load_triggers(connection, job.id, list(triggers.values()))
        unbuilt = [ref for ref in moved if triggers[ref] not in built]
        found, later = unbuilt[:FOUND_AT_ONCE], set(unbuilt[FOUND_AT_ONCE:])
        repository = _name_repository(job, refs.default_branch)
        pushes = [_push(repository, job, ref, known.get(ref), heads[ref]) for ref in found]
        pushes += [_push(repository, job, ref, known[ref], None) for ref in gone if ref.startswith("refs/heads/")]

        first = row.looked_at is None
        news = {ref: sha for ref, sha in heads.items() if ref not in later and (first or known.get(ref) != sha)}

        def keep(connection: Connection, now: float) -> None:
            if pushes:
                keep_deliveries(connection, [_form_delivery(job, push, now) for push in pushes])
            healing_heads.keep_heads(connection, row.id, news, gone, now)
            self._wake("deliveries")

        if found:
            logger.info("heads_have_moved", job=job.path, count=len(found))
        moved_at = began if moved or gone or "moved_at" not in told else float(told["moved_at"])
        pause = find_pause(job.settings.triggers.poll, self._sources.interval, began - moved_at, _roll())
        due = self._clock() + (0 if later else pause)
        return Looked(told={"moved_at": moved_at}, looked_at=began, due=due, keep=keep if news or gone else None)


def _load_known(connection: Connection, row: Row[Any], job: DefinedJob) -> dict[str, str]:
    """The heads that were seen last; the first time those that were built: what is new then is as old as it is."""
    if row.looked_at is not None:
        return healing_heads.load_heads(connection, row.id)
    events = (*healing_heads.TOLD, MANUAL)
    repository = replace(_name_repository(job, None), id=job.repository_id)
    built = healing_heads.load_built_heads(connection, [job.id], repository, events)
    return {ref: sha for ref, sha in built.items() if not ref.startswith("refs/pull/")}


def _can_be_built(ref: str, sha: str) -> bool:
    try:
        return ref != "HEAD" and len(ref) <= MOST_REF and bool(check_ref(ref) and check_sha(sha))
    except MalformedError:
        return False


def _name_repository(job: Job, default_branch: str | None) -> Repository:
    owner, _, name = job.repository.partition("/")
    return Repository(id=None, owner=owner, name=name, default_branch=default_branch)


def _push(repository: Repository, job: Job, ref: str, before: str | None, after: str | None) -> Push:
    return Push(
        repository=repository,
        ref=ref,
        before=before or NO_COMMIT,
        after=after or NO_COMMIT,
        created=before is None,
        deleted=after is None,
        job_path=job.path,
    )


def _form_delivery(job: Job, push: Push, now: float) -> Incoming:
    """Named by what it tells: the same head of the same ref is found once."""
    told = f"{job.id} {push.ref} {push.before if push.deleted else ''} {push.after}"
    body: bytes = msgspec.json.encode(push)
    guid = f"{MOVED} {sha256(told.encode()).hexdigest()[:40]}"
    return Incoming(guid, MOVED, MANUAL, body, now, repository=push.repository.full_name)


def _roll() -> float:
    return random.random()  # noqa: S311  nobody gains by guessing it
