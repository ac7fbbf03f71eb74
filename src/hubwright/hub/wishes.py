"""Builds that somebody asks for: kept as deliveries of our own, so that they are as durable as a push."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Connection

from hubwright.domain.builds import BuildPlan, manual_to_build
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_parameters import fill_parameters
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Job, JobSettings, new_job
from hubwright.domain.repos import Manual, Repository, Trust
from hubwright.domain.waiting import FETCHING
from hubwright.errors import ConflictError, DefinitionError, NotFoundError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.definition_facts import have_job
from hubwright.hub.heads import find_head
from hubwright.hub.plan_rows import begin_build, keep_plans
from hubwright.hub.plans import Ground
from hubwright.store import jobs
from hubwright.store.builds import is_foreign, load_triggers
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_delivery
from hubwright.store.facts import keep_facts

MANUAL = "manual"
"""The source of such deliveries; a webhook's is another, whatever it claims."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of a wish."""

    build_id: int
    repository: str
    sha: str
    state: str
    result: str | None
    queued_at: float


class Wishes:
    """Starts builds for people. Its methods block (they ask the repository): call them in a thread."""

    def __init__(
        self,
        database: Database,
        mirrors: Mirrors,
        origin_of: Callable[[Job], Origin],
        ground: Ground,
        wake: Callable[[str], None],
        defaults: JobSettings,
    ) -> None:
        self._database = database
        self._mirrors = mirrors
        self._origin_of = origin_of
        self._ground = ground
        self._wake = wake
        self._defaults = defaults
        self._beside: Callable[[Connection, Asked], None] | None = None

    def beside(self, work: Callable[[Connection, Asked], None]) -> Wishes:
        """The same, for one wish: `work` is done at the end of the transaction that keeps it."""
        other = copy.copy(self)
        other._beside = work
        return other

    def register(self, repository: Repository, clone_url: str | None, branch: str | None, now: float) -> Asked:
        """Have a job for the repository, and its newest commit built, once.

        Raises SourceError, UnprocessableError, ConflictError; nothing is kept then.
        """
        with self._database.reading() as connection:
            known = jobs.load_job(connection, repository.full_name)
        job = known or new_job(repository, self._defaults, clone_url)
        if _bare(job.clone_url) != _bare(clone_url):
            raise ConflictError(f"{job.path} is a job for another address: {job.clone_url or 'the one at GitHub'}.")
        sha, ref = self._newest(job, branch)
        wish = Manual(repository=repository, job_path=job.path, sha=sha, ref=ref, trigger=f"{ref}@{sha}")

        def keep(connection: Connection) -> Asked:
            kept = have_job(connection, repository, self._defaults, now, clone_url)
            return self._keep(connection, kept, wish, now)

        return self._ask(keep)

    def start(
        self, path: str, ref: str | None, sha: str | None, asked_by: str | None, wish_id: str, now: float,
        parameters: Mapping[str, Any] | None = None,
    ) -> Asked:  # fmt: skip
        """Build a job's ref (default: its default branch, or a copy's own) or one commit of it.

        The same `wish_id` builds once. Raises NotFoundError, SourceError, UnprocessableError; DefinitionError where
        the parameters are not what the job asks for.
        """
        with self._database.reading() as connection:
            job = jobs.load_job(connection, path)
        if job is None or job.copy_of == job.id:  # or it was removed
            raise NotFoundError(f"There is no job {path}.")
        values = fill_parameters(job.settings.parameters, parameters or {})
        if sha is None:
            sha, ref = self._newest(job, ref)
        owner, _, name = job.repository.partition("/")
        wish = Manual(
            repository=Repository(id=job.repository_id, owner=owner, name=name),
            job_path=path,
            sha=sha,
            ref=_full(ref) if ref else "HEAD",
            trigger=f"{MANUAL}:{wish_id}",
            asked_by=asked_by,
            parameters=values,
        )
        return self._ask(partial(self._keep, job=job, wish=wish, now=now))

    def _newest(self, job: Job, ref: str | None) -> tuple[str, str]:
        return find_head(self._mirrors, self._origin_of(job), job, ref)

    def _ask(self, keep: Callable[[Connection], Asked]) -> Asked:
        def keep_all(connection: Connection) -> Asked:
            asked = keep(connection)
            if self._beside is not None:
                self._beside(connection, asked)
            return asked

        asked = self._database.write(keep_all)
        self._wake("deliveries")
        self._wake("facts")
        return asked

    def _keep(self, connection: Connection, job: DefinedJob, wish: Manual, now: float) -> Asked:
        """The build shows at once; its delivery makes sure that it is planned."""
        wish = replace(wish, trust=_trust(connection, wish))
        (wanted,) = manual_to_build(wish)
        plan = BuildPlan(wanted=wanted, problem=FETCHING, waits=0.0)
        row = load_triggers(connection, job.id, [wish.trigger]).get(wish.trigger)
        if row is None:
            number = begin_build(connection, job, self._origin_of(job), plan, self._ground, now)
            keep_wish(connection, number, wish, now)
            return Asked(
                build_id=number, repository=job.repository, sha=wish.sha, state="queued", result=None, queued_at=now
            )
        for again in keep_plans(connection, job, self._origin_of(job), [plan], self._ground, now):
            keep_wish(connection, again, wish, now)
        return Asked(
            build_id=row.id,
            repository=job.repository,
            sha=row.sha,
            state=row.state,
            result=row.result,
            queued_at=row.queued_at,
        )


def keep_wish(connection: Connection, build_id: int, wish: Manual, now: float) -> None:
    """Have a build planned, which waits without runs."""
    guid = f"{MANUAL} {build_id} {now}"  # with a blank, which no webhook's delivery id can have
    _keep(connection, guid, MANUAL, wish, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """A build that something else than a person asks for: of a commit, or of the newest of `ref`.

    `mark` tells it from all others of its `event` and job, so that it is built once.
    """

    event: str
    mark: str
    ref: str = "HEAD"
    sha: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def ask_later(connection: Connection, job: DefinedJob, later: Later, now: float) -> None:
    """Have a build made when its repository has been asked; where that can't be had, a fact says why."""
    guid = f"{later.event} {job.id} {later.mark}"
    try:
        values = fill_parameters(job.settings.parameters, later.parameters)
    except DefinitionError as error:
        data: dict[str, object] = {"delivery": guid, "reason": f"{job.path} was not built: {error}"}
        keep_facts(connection, [Fact(kind=FactKind.DELIVERY_FAILED, at=now, job_id=job.id, data=data)])
        return
    owner, _, name = job.repository.partition("/")
    wish = Manual(
        repository=Repository(id=job.repository_id, owner=owner, name=name),
        job_path=job.path,
        sha=later.sha,
        ref=later.ref,
        trigger=f"{later.event}:{later.mark}",
        parameters=values,
        event=later.event,
    )
    _keep(connection, guid, later.event, wish, now)


def _keep(connection: Connection, guid: str, event: str, wish: Manual, now: float) -> None:
    body = orjson.dumps(asdict(wish))
    keep_delivery(connection, Incoming(guid, event, MANUAL, body, now, repository=wish.repository.full_name))


def read_build_of_wish(guid: str) -> int | None:
    """The build that a wish's delivery is to plan; None when the row is no wish as `keep_wish` keeps it."""
    source, _, rest = guid.partition(" ")
    number = rest.partition(" ")[0]
    return int(number) if source == MANUAL and number.isascii() and number.isdigit() else None


def read_manual(document: Mapping[str, Any]) -> Manual:
    """A wish as `Wishes` has kept it."""
    values = {"repository": Repository(**document["repository"]), "trust": Trust(document.get("trust", Trust.TRUSTED))}
    return Manual(**{**document, **values})


def _trust(connection: Connection, wish: Manual) -> Trust:
    """Whoever asks: a pull request's ref, and a commit that only a fork has brought so far, stay untrusted."""
    foreign = wish.ref.startswith("refs/pull/") or is_foreign(connection, wish.repository.full_name, wish.sha)
    return Trust.UNTRUSTED if foreign else Trust.TRUSTED


def _bare(clone_url: str | None) -> str | None:
    """The address without what makes no difference."""
    return clone_url and clone_url.rstrip("/").removesuffix(".git")


def _full(ref: str) -> str:
    """A branch's name as a full ref."""
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"
