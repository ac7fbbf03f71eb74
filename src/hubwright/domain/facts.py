"""What happened, in the past tense, one sentence each: the third resting place, read by every reporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hubwright.domain.test_difference import Change, word_difference


class FactKind(StrEnum):
    """All that can happen. The value is the name that outside programs see."""

    BUILD_QUEUED = "BuildQueued"
    BUILD_STARTED = "BuildStarted"
    BUILD_FINISHED = "BuildFinished"
    BUILD_HELD = "BuildHeld"
    BUILD_APPROVED = "BuildApproved"
    BUILD_BLOCKED = "BuildBlocked"
    BUILD_ADMITTED = "BuildAdmitted"
    APPROVAL_REARMED = "ApprovalRearmed"
    RUN_QUEUED = "RunQueued"
    RUN_STARTED = "RunStarted"
    RUN_FINISHED = "RunFinished"
    STAGE_STARTED = "StageStarted"
    STAGE_FINISHED = "StageFinished"
    BUILDER_CONNECTED = "BuilderConnected"
    BUILDER_AWAY = "BuilderAway"
    BUILDER_LOST = "BuilderLost"
    BUILDER_JOINED = "BuilderJoined"
    BUILDER_PAUSED = "BuilderPaused"
    BUILDER_RESUMED = "BuilderResumed"
    BUILDER_DRAINED = "BuilderDrained"
    BUILDER_REVOKED = "BuilderRevoked"
    BUILDER_REMOVED = "BuilderRemoved"
    JOB_MADE = "JobMade"
    JOB_CHANGED = "JobChanged"
    JOB_RESTORED = "JobRestored"
    JOB_REMOVED = "JobRemoved"
    FOLDER_MADE = "FolderMade"
    FOLDER_CHANGED = "FolderChanged"
    FOLDER_RESTORED = "FolderRestored"
    FOLDER_REMOVED = "FolderRemoved"
    COPY_MADE = "CopyMade"
    COPY_CLOSED = "CopyClosed"
    COPY_REOPENED = "CopyReopened"
    COPY_ARCHIVED = "CopyArchived"
    REPOSITORY_LINKED = "RepositoryLinked"
    REPOSITORY_UNLINKED = "RepositoryUnlinked"
    JOB_PAUSED = "JobPaused"
    JOB_RESUMED = "JobResumed"
    PLATFORM_PAUSED = "PlatformPaused"
    PLATFORM_RESUMED = "PlatformResumed"
    HUB_PAUSED = "HubPaused"
    HUB_RESUMED = "HubResumed"
    SECRET_SET = "SecretSet"  # noqa: S105  a name
    SECRET_REMOVED = "SecretRemoved"  # noqa: S105
    BISECTION_STARTED = "BisectionStarted"
    BISECTION_ENDED = "BisectionEnded"
    CULPRIT_FOUND = "CulpritFound"
    PUSH_RECEIVED = "PushReceived"
    PULL_REQUEST_CHANGED = "PullRequestChanged"
    REF_CREATED = "RefCreated"
    REF_DELETED = "RefDeleted"
    DELIVERY_FAILED = "DeliveryFailed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that happened. `at` is Unix time in seconds; `data` holds what its sentence and reporters need."""

    kind: FactKind
    at: float
    data: dict[str, object] = field(default_factory=dict)
    job_id: int | None = None
    build_id: int | None = None
    run_id: int | None = None


_SENTENCES = {
    FactKind.BUILD_QUEUED: "{job} #{number} queued for {sha7} on {ref}.",
    FactKind.BUILD_STARTED: "{job} #{number} started.",
    FactKind.BUILD_FINISHED: "{job} #{number} finished: {result}.",
    FactKind.BUILD_HELD: "{job} #{number} waits for approval of {sha7}.",
    FactKind.BUILD_APPROVED: "{job} #{number}: {sha7} approved by {by}.",
    FactKind.BUILD_BLOCKED: "{job} #{number} waits: {why}.",
    FactKind.BUILD_ADMITTED: "{job} #{number} may start.",
    FactKind.APPROVAL_REARMED: "{job} #{number}: the approval of {sha7} no longer holds: {why}.",
    FactKind.RUN_QUEUED: "{job} #{number} on {platform} queued again (attempt {attempt}).",
    FactKind.RUN_STARTED: "{job} #{number} on {platform} started at builder {builder}.",
    FactKind.RUN_FINISHED: "{job} #{number} on {platform} finished: {result}.",
    FactKind.STAGE_STARTED: "{job} #{number} on {platform}: stage {stage} started.",
    FactKind.STAGE_FINISHED: "{job} #{number} on {platform}: stage {stage} finished: {result}.",
    FactKind.BUILDER_CONNECTED: "Builder {builder} ({platform}) connected.",
    FactKind.BUILDER_AWAY: "Builder {builder} ({platform}) is away.",
    FactKind.BUILDER_LOST: "Builder {builder} ({platform}) lost.",
    FactKind.BUILDER_JOINED: "Builder {builder} joined with a token of its own.",
    FactKind.BUILDER_PAUSED: "Builder {builder} paused by {by}.",
    FactKind.BUILDER_RESUMED: "Builder {builder} resumed by {by}.",
    FactKind.BUILDER_DRAINED: "Builder {builder} told by {by} to end after its runs.",
    FactKind.BUILDER_REVOKED: "Builder {builder} shut out: its token was revoked.",
    FactKind.BUILDER_REMOVED: "Builder {builder} removed by {by}.",
    FactKind.JOB_MADE: "Job {job} made by {by}.",
    FactKind.JOB_CHANGED: "Job {job} changed by {by}: version {version}.",
    FactKind.JOB_RESTORED: "Job {job}: version {restored} restored by {by}, as version {version}.",
    FactKind.JOB_REMOVED: "Job {job} removed by {by}.",
    FactKind.FOLDER_MADE: "Folder {folder} made by {by}.",
    FactKind.FOLDER_CHANGED: "Folder {folder} changed by {by}: version {version}.",
    FactKind.FOLDER_RESTORED: "Folder {folder}: version {restored} restored by {by}, as version {version}.",
    FactKind.FOLDER_REMOVED: "Folder {folder} removed by {by}.",
    FactKind.COPY_MADE: "{job} made, a copy of {parent}.",
    FactKind.COPY_CLOSED: "{job} closed: what it is a copy for is gone.",
    FactKind.COPY_REOPENED: "{job} opened again.",
    FactKind.COPY_ARCHIVED: "{job} archived.",
    FactKind.REPOSITORY_LINKED: "{repository} linked to {job} ({kind}) by {by}.",
    FactKind.REPOSITORY_UNLINKED: "{repository} no longer linked to {job} ({kind}), by {by}.",
    FactKind.JOB_PAUSED: "Job {job} paused by {by}.",
    FactKind.JOB_RESUMED: "Job {job} resumed by {by}.",
    FactKind.PLATFORM_PAUSED: "Platform {platform} paused by {by}.",
    FactKind.PLATFORM_RESUMED: "Platform {platform} resumed by {by}.",
    FactKind.HUB_PAUSED: "The hub paused by {by}.",
    FactKind.HUB_RESUMED: "The hub resumed by {by}.",
    FactKind.SECRET_SET: "Secret {secret} of {where} set by {by}.",
    FactKind.SECRET_REMOVED: "Secret {secret} of {where} removed by {by}.",
    FactKind.BISECTION_STARTED: "{job} on {platform}: looking through {commits} commits for what broke {what}.",
    FactKind.BISECTION_ENDED: "{job} on {platform}: the search for what broke {what} ended after {spent}: {outcome}.",
    FactKind.CULPRIT_FOUND: "{job} on {platform}: {sha7} by {author} broke {what}: {subject}.",
    FactKind.PUSH_RECEIVED: "{repository}: {count} commits pushed to {ref} by {pusher}.",
    FactKind.PULL_REQUEST_CHANGED: "{repository}: pull request {number} {action}, head {sha7} of {branch}.",
    FactKind.REF_CREATED: "{repository}: {ref_type} {ref} created.",
    FactKind.REF_DELETED: "{repository}: {ref_type} {ref} deleted.",
    FactKind.DELIVERY_FAILED: "Delivery {delivery} could not be understood: {reason}.",
}


class _Blanks(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(fact: Fact) -> str:
    """The fact as one English sentence; what is not known shows as `?`. A second one says which tests changed."""
    said = _SENTENCES[fact.kind].format_map(_Blanks(fact.data))
    tests = _word_tests(fact.data.get("changes"))
    return f"{said} {tests[0].upper()}{tests[1:]}." if tests else said


def _word_tests(changes: object) -> str:
    if not isinstance(changes, dict):
        return ""
    names = changes.get("names")
    first = names.get(Change.NOW_FAILING.value, []) if isinstance(names, dict) else []
    return word_difference(changes, [str(name) for name in first[:3]])
