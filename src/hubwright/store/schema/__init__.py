"""Every table. `gh_*` is the copy of GitHub, the rest is the build side; both are made to be read with SQL.

Waiting work (`delivery`, `report`, `task`) shares the columns of `waiting()`; `store.queues` claims it.
"""

from __future__ import annotations

from hubwright.store.schema.access import builder, builder_kind, token
from hubwright.store.schema.approvals import approval
from hubwright.store.schema.audit import audit, repetition
from hubwright.store.schema.bisections import bisection, culprit
from hubwright.store.schema.builds import build, job, run, stage
from hubwright.store.schema.caches import cache
from hubwright.store.schema.channel_logs import channel_line
from hubwright.store.schema.columns import Document, Identity, metadata
from hubwright.store.schema.failures import known_failure, known_failure_place, run_failure
from hubwright.store.schema.github_access import github_credential
from hubwright.store.schema.github_asking import github_answer, github_budget, github_token
from hubwright.store.schema.github_code import (
    gh_branch,
    gh_check_run,
    gh_check_suite,
    gh_commit,
    gh_release,
    gh_repository,
    gh_status,
)
from hubwright.store.schema.github_people import (
    gh_hook,
    gh_hook_delivery,
    gh_installation,
    gh_installation_repository,
    gh_organization,
    gh_organization_member,
    gh_star,
    gh_team,
    gh_team_member,
    gh_team_repository,
    gh_user,
    gh_user_repository,
)
from hubwright.store.schema.github_talk import (
    gh_commit_comment,
    gh_issue,
    gh_issue_comment,
    gh_issue_label,
    gh_label,
    gh_milestone,
    gh_pull_request,
    gh_pull_request_file,
    gh_review,
    gh_review_comment,
)
from hubwright.store.schema.healing import missed_delivery, watch, watched_head
from hubwright.store.schema.irc import (
    irc_account,
    irc_mute,
    irc_notify,
    irc_opt_out,
    irc_ping,
    irc_repository,
    irc_seen,
    irc_tell,
    irc_trust,
    irc_watch,
    take,
)
from hubwright.store.schema.jobs import definition, dependency, folder, link, pause, schedule
from hubwright.store.schema.preferences import preference
from hubwright.store.schema.processes import process
from hubwright.store.schema.recorder import recording
from hubwright.store.schema.results import artifact, flaky_test, problem, test_case
from hubwright.store.schema.scans import scan, scan_page
from hubwright.store.schema.secrets import secret
from hubwright.store.schema.work import delivery, duty, fact, figure, report, reporter, task

__all__ = [
    "Document",
    "Identity",
    "approval",
    "artifact",
    "audit",
    "bisection",
    "build",
    "builder",
    "builder_kind",
    "cache",
    "channel_line",
    "culprit",
    "definition",
    "delivery",
    "dependency",
    "duty",
    "fact",
    "figure",
    "flaky_test",
    "folder",
    "gh_branch",
    "gh_check_run",
    "gh_check_suite",
    "gh_commit",
    "gh_commit_comment",
    "gh_hook",
    "gh_hook_delivery",
    "gh_installation",
    "gh_installation_repository",
    "gh_issue",
    "gh_issue_comment",
    "gh_issue_label",
    "gh_label",
    "gh_milestone",
    "gh_organization",
    "gh_organization_member",
    "gh_pull_request",
    "gh_pull_request_file",
    "gh_release",
    "gh_repository",
    "gh_review",
    "gh_review_comment",
    "gh_star",
    "gh_status",
    "gh_team",
    "gh_team_member",
    "gh_team_repository",
    "gh_user",
    "gh_user_repository",
    "github_answer",
    "github_budget",
    "github_credential",
    "github_token",
    "irc_account",
    "irc_mute",
    "irc_notify",
    "irc_opt_out",
    "irc_ping",
    "irc_repository",
    "irc_seen",
    "irc_tell",
    "irc_trust",
    "irc_watch",
    "job",
    "known_failure",
    "known_failure_place",
    "link",
    "metadata",
    "missed_delivery",
    "pause",
    "preference",
    "problem",
    "process",
    "recording",
    "repetition",
    "report",
    "reporter",
    "run",
    "run_failure",
    "scan",
    "scan_page",
    "schedule",
    "secret",
    "stage",
    "take",
    "task",
    "test_case",
    "token",
    "watch",
    "watched_head",
]
