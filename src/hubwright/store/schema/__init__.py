"""Every table. `gh_*` is the copy of GitHub, the rest is the build side; both are made to be read with SQL.

Waiting work (`delivery`, `report`, `task`) shares the columns of `waiting()`; `store.queues` claims it.
"""

from __future__ import annotations

from hubwright.store.schema.access import builder, builder_kind, token
from hubwright.store.schema.approvals import approval
from hubwright.store.schema.bisections import bisection, culprit
from hubwright.store.schema.builds import build, job, run, stage
from hubwright.store.schema.caches import cache
from hubwright.store.schema.columns import Document, Identity, metadata
from hubwright.store.schema.github import gh_branch, gh_commit, gh_pull_request, gh_repository
from hubwright.store.schema.recorder import recording
from hubwright.store.schema.results import artifact, flaky_test, problem, test_case
from hubwright.store.schema.secrets import secret
from hubwright.store.schema.work import delivery, fact, report, reporter, task

__all__ = [
    "Document",
    "Identity",
    "approval",
    "artifact",
    "bisection",
    "build",
    "builder",
    "builder_kind",
    "cache",
    "culprit",
    "delivery",
    "fact",
    "flaky_test",
    "gh_branch",
    "gh_commit",
    "gh_pull_request",
    "gh_repository",
    "job",
    "metadata",
    "problem",
    "recording",
    "report",
    "reporter",
    "run",
    "secret",
    "stage",
    "task",
    "test_case",
    "token",
]
