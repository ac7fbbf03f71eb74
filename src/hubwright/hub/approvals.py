"""What forks bring waits until someone with write access has approved that very commit; every push asks again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.builds import BUILDING_ACTIONS
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.repos import ApprovalComment, PullRequestEvent
from hubwright.domain.results import Result, State
from hubwright.domain.wording import word_count
from hubwright.errors import ConflictError, NotFoundError
from hubwright.hub.builds import drop_waiting, rerun
from hubwright.store import approvals
from hubwright.store.approvals import Approver, Wait
from hubwright.store.builds import load_build_row
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job_by_id

_REARMING = {
    "synchronize": "the pull request was pushed to",
    "closed": "the pull request was closed",
    "reopened": "the pull request was reopened",
    "ready_for_review": "the pull request is no draft any more",
    "converted_to_draft": "the pull request became a draft",
}
"""What ends an approval, whatever the commit is afterwards."""

_SUPERSEDING = frozenset({"synchronize", "reopened"})


def approve(connection: Connection, build_id: int, sha: str, by: Approver, now: float, base: str | None = None) -> int:
    """Let a build begin of which somebody has seen commit `sha`, for branch `base`; how many runs go into the queue.

    Raises NotFoundError; ConflictError when it waits for no approval, or what is to be built is another commit.
    """
    wait = approvals.load_wait(connection, build_id)
    if wait is None:
        if load_build_row(connection, build_id) is None:
            raise NotFoundError(f"There is no build {build_id}.")
        raise ConflictError(f"Build {build_id} does not wait for approval.")
    if sha.lower() != wait.sha:
        raise ConflictError(f"Build {build_id} is of commit {wait.sha}, not of {sha}: look at that one.")
    if base is not None and base != wait.base_ref:
        raise ConflictError(
            f"Build {build_id} is for {wait.base_ref or 'no branch'} by now, not for {base}: look again."
        )
    _check_head(connection, wait)
    approvals.keep_approval(connection, wait.id, by, now)
    count = approvals.release(connection, build_id)
    build = load_build_row(connection, build_id)
    job = load_job_by_id(connection, build.job_id) if build is not None else None
    if build is not None and job is not None:
        keep_facts(connection, [_fact(FactKind.BUILD_APPROVED, build, build_id, job.path, now, by=by.words)])
    return count


def _check_head(connection: Connection, wait: Row[Any]) -> None:
    """Nobody approves what is the pull request's head no longer."""
    if wait.pull_request is None:
        return
    head = approvals.load_head(connection, wait.repository, wait.pull_request)
    if head is None:
        return
    if head.state == "closed":
        raise ConflictError(f"Pull request {wait.pull_request} is closed: what it brought waits until it is reopened.")
    if head.head_sha != wait.sha:
        raise ConflictError(f"The head of pull request {wait.pull_request} is {head.head_sha} by now: look at that.")


def approve_head(connection: Connection, comment: ApprovalComment, now: float) -> str:
    """Approve what waits of the commit at the pull request, for a user who may; the outcome in words."""
    by = Approver(user_id=comment.user_id, login=comment.login)
    rows = approvals.load_of_pull_request(connection, comment.repository, comment.number)
    waiting = [row.build_id for row in rows if row.sha == comment.sha and (row.approved_at is None or row.ask_at)]
    try:
        for build_id in waiting:
            approve(connection, build_id, comment.sha or "", by, now)
    except ConflictError as error:
        return f"not approved: {error}"
    return f"approved: {word_count(len(waiting), 'build')}" if waiting else "nothing waits for approval of this commit"


def rearm(connection: Connection, event: PullRequestEvent, now: float) -> None:
    """End the approvals that the event makes void, hold what they let into the queue, drop what is past."""
    facts: list[Fact] = []
    for row in approvals.load_of_pull_request(connection, event.repository, event.number):
        why = _why_void(row, event)
        if why is None:
            continue
        head = row.sha == event.head_sha
        wait = _renew(row, event) if head else _same(row)
        if row.approved_at is not None:
            facts.append(_renew_wait(connection, row, wait, now, why))
        if head:
            approvals.move_base(connection, wait, event.base_sha)
        _begin_or_drop(connection, row, event, why, now)
    keep_facts(connection, facts)


def end_approval(connection: Connection, row: Row[Any], why: str, now: float) -> None:
    """An approval holds no longer, for a reason that does not lie in the pull request; the build waits again."""
    keep_facts(connection, [_renew_wait(connection, row, _same(row), now, why)])


def _renew_wait(connection: Connection, row: Row[Any], wait: Wait, now: float, why: str) -> Fact:
    approvals.revoke_approval(connection, row.id, now, why)
    approvals.keep_wait(connection, wait, now)
    approvals.hold_waiting(connection, [row.build_id])
    return _fact(FactKind.APPROVAL_REARMED, row, row.build_id, row.job, now, why=why)


def _begin_or_drop(connection: Connection, row: Row[Any], event: PullRequestEvent, why: str, now: float) -> None:
    """What is past is cancelled; the head, cancelled when it was past once, waits again."""
    head = row.sha == event.head_sha
    if event.action == "closed" or (not head and event.action in _SUPERSEDING):
        if row.build_state != State.FINISHED:
            drop_waiting(connection, row.build_id, now, f"Nobody had approved it when {why}.")
    elif head and event.action in BUILDING_ACTIONS and row.result == Result.CANCELLATION:
        with suppress(ConflictError):  # nothing to begin again
            rerun(connection, row.build_id, now, failed_only=True)


def _why_void(row: Row[Any], event: PullRequestEvent) -> str | None:
    if event.action in _REARMING:
        return _REARMING[event.action]
    if row.sha != event.head_sha:
        return "the head is another commit"
    if event.retargeted or (row.base_ref is not None and row.base_ref != event.base_ref):
        return f"the base is {event.base_ref} now"
    if row.base_ref is not None and row.head_repository_id != (
        event.head_repository.id if event.head_repository else None
    ):
        return "the head lies in another repository"
    return None


def _same(row: Row[Any]) -> Wait:
    return Wait(**{name: getattr(row, name) for name in Wait.__slots__})


def _renew(row: Row[Any], event: PullRequestEvent) -> Wait:
    return Wait(
        build_id=row.build_id,
        repository_id=event.repository.id,
        repository=row.repository,
        pull_request=event.number,
        sha=row.sha,
        base_ref=event.base_ref,
        head_repository_id=event.head_repository.id if event.head_repository else None,
    )


def _fact(kind: FactKind, row: Row[Any], build_id: int, job: str, now: float, **more: object) -> Fact:
    data = {
        "job": job,
        "number": row.number,
        "repository": row.repository,
        "sha": row.sha,
        "sha7": row.sha[:7],
        "ref": row.ref,
        "pull_request": row.pull_request,
        **more,
    }
    return Fact(kind=kind, at=now, job_id=row.job_id, build_id=build_id, data=data)
