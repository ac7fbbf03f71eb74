"""What an event asks for: which commits of which jobs, had and planned; the writing is left to the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.builds import (
    MERGE_GROUP,
    BuildPlan,
    Wanted,
    commits_to_build,
    manual_to_build,
    pull_request_to_build,
)
from hubwright.domain.jobs import Job, JobSettings, new_job
from hubwright.domain.repos import (
    ApprovalComment,
    Backfill,
    CheckRequest,
    Event,
    Manual,
    PullRequestEvent,
    Push,
    Repository,
    Trust,
)
from hubwright.errors import HubwrightError, VanishedCommitError
from hubwright.git.history import describe_commits
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.github.payloads import is_skipped
from hubwright.hub.approvals import approve_head
from hubwright.hub.backfill import fill_gap, find_gap
from hubwright.hub.check_requests import fulfil
from hubwright.hub.news import keep_event
from hubwright.hub.plans import Base, Ground, keep_plans, plan_build, takes_base, vanished_plan
from hubwright.store import jobs, repos
from hubwright.store.builders import load_kinds
from hubwright.store.builds import load_triggers, was_pushed
from hubwright.store.database import Database

Building = Push | PullRequestEvent | Manual


def _no_token(_owner: str) -> str | None:
    return None


def refuse(_repository: Repository, _login: str, _user_id: int) -> str:
    """Why nobody may approve through GitHub while there is no token to ask with."""
    return "this hub has no token to ask GitHub who may write: set GITHUB__TOKEN, or approve with a token of the hub"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What understanding is told once. `owners` empty = all that the signature vouches for."""

    clone_base: str
    ground: Ground
    token_of: Callable[[str], str | None] = _no_token  # the token for an owner's repositories
    refusal_of: Callable[[Repository, str, int], str | None] = refuse  # why a GitHub user may not approve
    app_id_of: Callable[[], str | None] = lambda: None  # the number or client's id of this hub's App
    owners: tuple[str, ...] = ()
    defaults: JobSettings = field(default_factory=JobSettings)


@dataclass(frozen=True, slots=True)
class Understood:
    """What is to be written: `keep` does it and gives the outcome in words; `waits` says why it is not all yet."""

    keep: Callable[[Connection, float], str]
    waits: str | None = None


class Understanding:
    """Reads the database, asks the repository, plans; writes nothing. Called from several threads."""

    def __init__(self, database: Database, mirrors: Mirrors, rules: Rules) -> None:
        self._database = database
        self._mirrors = mirrors
        self._rules = rules

    def understand(self, event: Event, *, delay: float | None) -> Understood:
        """What the event leads to. A repository that does not answer is asked again in `delay` seconds.

        None: it has been asked often enough, and its builds end.
        """
        match event:
            case Push() | PullRequestEvent() | Manual():
                return self._understand_commits(event, delay=delay)
            case ApprovalComment():
                return self._understand_comment(event, delay=delay)
            case CheckRequest():
                return self._understand_request(event, delay=delay)
            case Backfill():
                return self._understand_backfill(event, delay=delay)
            case _:
                return _just_keep(event, "kept")

    def find_waiting(self, event: Event) -> list[int]:
        """The builds that the event has led to already. Those without runs wait for it to be understood."""
        if not isinstance(event, Push | PullRequestEvent | Manual):
            return []
        found: list[int] = []
        with self._database.reading() as connection:
            for job in _jobs(connection, event, event.repository):
                triggers = [wish.trigger for wish in _wanted(event, job.settings)]
                found += [row.id for row in load_triggers(connection, job.id, triggers).values()]
        return found

    def _understand_comment(self, event: ApprovalComment, *, delay: float | None) -> Understood:
        if event.sha is None:
            return _just_keep(
                event, "not approved: the first line must be `/hubwright approve` and the whole commit id"
            )
        return self._for_writers(
            event, lambda connection, now: approve_head(connection, event, now), "not approved", delay
        )

    def _understand_request(self, event: CheckRequest, *, delay: float | None) -> Understood:
        """Others' check runs may have any name and id: what is asked for there is theirs to do."""
        if self._rules.app_id_of() not in event.app:
            return _just_keep(event, "nothing done: it was asked for at the check runs of another App")
        return self._for_writers(event, lambda connection, now: fulfil(connection, event, now), "nothing done", delay)

    def _for_writers(
        self,
        event: ApprovalComment | CheckRequest,
        keep: Callable[[Connection, float], str],
        otherwise: str,
        delay: float | None,
    ) -> Understood:
        """Ask GitHub, outside any transaction, whether who asks may write; a refusal is the outcome."""
        try:
            refusal = self._rules.refusal_of(event.repository, event.login, event.user_id)
        except HubwrightError as error:
            why = f"{otherwise}: {error}"
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        if refusal is not None:
            return _just_keep(event, f"{otherwise}: {refusal}")
        return Understood(keep)

    def _understand_backfill(self, event: Backfill, *, delay: float | None) -> Understood:
        """Plan the newest commit anew; runs for platforms that it has not been built on join its build."""
        with self._database.reading() as connection:
            ground = self._ground(connection, event.repository)
            gap = find_gap(connection, event, ground)
        if gap is None:
            return Understood(lambda _connection, _now: "nothing to add")
        try:
            plan = self._plan(gap.job, gap.wanted, ground)
        except HubwrightError as error:
            why = str(error)
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        fill = partial(fill_gap, gap=gap, origin=self.origin_of(gap.job), plan=plan, ground=ground)
        return Understood(lambda connection, now: f"{fill(connection, now=now)} runs added")

    def _understand_commits(self, event: Building, *, delay: float | None) -> Understood:
        """A push, a pull request or a wish: find out what is wanted, have it, plan it."""
        repository = event.repository
        with self._database.reading() as connection:
            known = _jobs(connection, event, repository)
            ground = self._ground(connection, repository)
        if not known and isinstance(event, Manual):
            return _just_keep(event, "the job is gone")
        if not known and not self.may_build(repository):
            return _just_keep(event, "the owner is not one of GITHUB__OWNERS")
        if known and not (known := [job for job in known if job.enabled or isinstance(event, Manual)]):
            return _just_keep(event, "every job of the repository is disabled")
        chosen = known or [new_job(repository, self._rules.defaults)]
        wishes = [(job, _wanted(event, job.settings)) for job in chosen]
        plans, waits = self._plan_all(wishes, ground, delay=delay)

        def keep(connection: Connection, now: float) -> str:
            keep_event(connection, event, now)
            count = 0
            for job in known:
                jobs.keep_identity(connection, job, repository)
            for job, of_job in plans:
                kept = job if known else jobs.keep_job(connection, repository, job.settings, now)
                count += len(keep_plans(connection, kept, self.origin_of(kept), of_job, ground, now))
            return f"{count} builds" if count != 1 else "1 build"

        return Understood(keep, waits)

    def _plan_all(
        self, wishes: list[tuple[Job, list[Wanted]]], ground: Ground, *, delay: float | None
    ) -> tuple[list[tuple[Job, list[BuildPlan]]], str | None]:
        """The plans of each job, and why they wait when the repository does not answer."""
        plans = [(job, self._plan_job(job, wanted, ground, delay=delay)) for job, wanted in wishes]
        return plans, next((plan.problem for _, of_job in plans for plan in of_job if plan.waits is not None), None)

    def _plan_job(self, job: Job, wanted: list[Wanted], ground: Ground, *, delay: float | None) -> list[BuildPlan]:
        """All plans of a job. When its repository does not answer, it is not asked again for the next commit."""
        plans: list[BuildPlan] = []
        for wish in wanted:
            try:
                plans.append(self._plan(job, wish, ground))
            except HubwrightError as error:
                fault = "error" if delay is None else None
                rest = wanted[len(plans) :]
                return plans + [BuildPlan(wanted=one, problem=str(error), waits=delay, fault=fault) for one in rest]
        return plans

    def _plan(self, job: Job, wanted: Wanted, ground: Ground) -> BuildPlan:
        """The plan of one commit. Raises HubwrightError when the repository does not answer."""
        origin = self.origin_of(job)
        try:
            if job.settings.checkout or job.settings.recipe is None:
                self._mirrors.fetch(origin, wanted.sha, wanted.ref)
                wanted = self._trusted(origin, job, wanted)
            base = self._find_base(origin, wanted, ground) if takes_base(job, wanted, ground) else None
        except VanishedCommitError as error:
            return vanished_plan(wanted, error)
        return plan_build(self._mirrors, origin, job, self._described(origin, wanted), ground, base)

    def _trusted(self, origin: Origin, job: Job, wanted: Wanted) -> Wanted:
        """A wish names any commit: one that was never pushed to the repository is what a fork brought (S17)."""
        if wanted.event != "manual" or wanted.trust is Trust.UNTRUSTED:
            return wanted
        with self._database.reading() as connection:
            known = was_pushed(connection, job.repository, wanted.sha)
        ours = known or self._mirrors.is_reachable(origin, wanted.sha)
        return wanted if ours else replace(wanted, trust=Trust.UNTRUSTED)

    def _find_base(self, origin: Origin, wanted: Wanted, ground: Ground) -> Base:
        """The newest commit of the branch that the pull request is for, or of the default branch, in the mirror."""
        branch = wanted.target_branch or ground.default_branch
        heads = self._mirrors.read_heads(origin)
        sha = heads.get(f"refs/heads/{branch}" if branch else "HEAD")
        if sha is None:
            raise VanishedCommitError(f"{origin.repository} has no branch {branch or 'at all'}, whose recipe counts.")
        self._mirrors.fetch(origin, sha, f"refs/heads/{branch}" if branch else "HEAD")
        return Base(branch or "the default branch", sha)

    def _described(self, origin: Origin, wanted: Wanted) -> Wanted:
        """A wish names a commit only: its author and subject are those of the mirror, when it has the commit."""
        if wanted.event != "manual" or not self._mirrors.has(origin, wanted.sha):
            return wanted
        told = describe_commits(self._mirrors, origin, [wanted.sha]).get(wanted.sha)
        return wanted if told is None else replace(wanted, message=told.subject, author_name=told.author)

    def may_build(self, repository: Repository) -> bool:
        """Whether a repository that nobody has made a job for is built all the same."""
        owners = self._rules.owners
        return not owners or repository.owner.lower() in {owner.lower() for owner in owners}

    def origin_of(self, job: Job) -> Origin:
        """Where a job's commits are fetched from: the operator's base or the job's address, never a payload's."""
        if job.clone_url is not None:
            return Origin(repository=job.repository, clone_url=job.clone_url)
        owner = job.repository.partition("/")[0]
        return Origin(
            repository=job.repository,
            clone_url=f"{self._rules.clone_base}/{job.repository}.git",
            token=self._rules.token_of(owner),
        )

    def _ground(self, connection: Connection, repository: Repository) -> Ground:
        return replace(
            self._rules.ground,
            kinds=load_kinds(connection),
            default_branch=repository.default_branch or repos.load_default_branch(connection, repository.full_name),
        )


def _just_keep(event: Event, outcome: str) -> Understood:
    def keep(connection: Connection, now: float) -> str:
        keep_event(connection, event, now)
        return outcome

    return Understood(keep)


def _jobs(connection: Connection, event: Building, repository: Repository) -> list[Job]:
    """The jobs that the event is about: one for a wish, else all of the repository."""
    if isinstance(event, Manual):
        job = jobs.load_job(connection, event.job_path)
        return [job] if job is not None else []
    return list(jobs.load_jobs(connection, repository))


def _wanted(event: Building, settings: JobSettings) -> list[Wanted]:
    match event:
        case Push():
            wanted = commits_to_build(event, settings)
        case PullRequestEvent():
            wanted = pull_request_to_build(event)
        case Manual():
            return manual_to_build(event)
    return [wish for wish in wanted if wish.event == MERGE_GROUP or not is_skipped(wish.message)]  # its queue waits
