"""The copy of GitHub: repositories, branches, commits, releases, statuses and checks."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, func

from hubwright.store.schema.github_columns import (
    counts,
    documents,
    flags,
    ids,
    keys,
    numbered,
    person,
    replica,
    texts,
    times,
)

gh_repository = replica(
    "gh_repository",
    numbered(),
    texts("name", "full_name"),
    person("owner", "organization"),
    flags("private", "fork", "archived", "disabled", "is_template", "allow_forking", "web_commit_signoff_required"),
    flags("has_issues", "has_projects", "has_wiki", "has_pages", "has_downloads", "has_discussions"),
    texts("visibility", "default_branch", "description", "homepage", "language", "html_url", "mirror_url"),
    documents("topics", "license"),
    ids("size", "parent_id", "source_id"),
    counts("stargazers_count", "watchers_count", "forks_count", "open_issues_count"),
    times("created_at", "updated_at", "pushed_at"),
)
Index("ix_gh_repository_full_name", func.lower(gh_repository.c.full_name))

gh_branch = replica(
    "gh_branch",
    keys("repository_id"),
    [Column("name", String(512), primary_key=True)],
    texts("sha"),
    flags("protected"),
)

gh_commit = replica(
    "gh_commit",
    keys("repository_id"),
    [Column("sha", String(64), primary_key=True)],
    texts("message", "author_name", "author_email", "committer_name", "committer_email"),
    person("author", "committer"),
    times("authored_at", "committed_at"),
    texts("tree_sha", "html_url"),
    documents("parents", "added", "removed", "modified"),
    counts("comment_count", "additions", "deletions", "total"),
    flags("verified"),
)
Index("ix_gh_commit_authored", gh_commit.c.repository_id, gh_commit.c.authored_at, gh_commit.c.sha)

gh_release = replica(
    "gh_release",
    numbered(),
    ids("repository_id"),
    texts("tag_name", "target_commitish", "name", "body", "html_url", "tarball_url", "zipball_url"),
    flags("draft", "prerelease", "immutable"),
    person("author"),
    documents("assets"),
    times("created_at", "published_at", "updated_at"),
)
Index("ix_gh_release_repository_id", gh_release.c.repository_id)

gh_status = replica(
    "gh_status",
    numbered(),
    ids("repository_id"),
    texts("sha", "state", "context", "description", "target_url"),
    person("creator"),
    times("created_at", "updated_at"),
)
Index("ix_gh_status_sha", gh_status.c.repository_id, gh_status.c.sha)

gh_check_suite = replica(
    "gh_check_suite",
    numbered(),
    ids("repository_id", "app_id"),
    texts("app_slug", "head_branch", "head_sha", "status", "conclusion", "before", "after"),
    documents("pull_requests"),
    counts("latest_check_runs_count"),
    times("created_at", "updated_at"),
)
Index("ix_gh_check_suite_head_sha", gh_check_suite.c.repository_id, gh_check_suite.c.head_sha)

gh_check_run = replica(
    "gh_check_run",
    numbered(),
    ids("repository_id", "check_suite_id", "app_id"),
    texts("app_slug", "head_sha", "name", "external_id", "status", "conclusion", "html_url", "details_url"),
    documents("output", "pull_requests"),
    times("started_at", "completed_at"),
)
Index("ix_gh_check_run_head_sha", gh_check_run.c.repository_id, gh_check_run.c.head_sha)

# Their lists go by the number, whatever else there is of the repository.
for _table in (gh_status, gh_check_suite, gh_check_run):
    Index(f"ix_{_table.name}_newest", _table.c.repository_id, _table.c.id)
