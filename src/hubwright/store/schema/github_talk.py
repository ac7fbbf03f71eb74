"""The copy of GitHub: pull requests, issues, what is said at them, labels and milestones."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, text

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

gh_pull_request = replica(
    "gh_pull_request",
    numbered(),
    ids("repository_id", "milestone_id", "head_repository_id"),
    counts("number", "milestone_number"),
    texts("state", "title", "body", "active_lock_reason", "author_association", "html_url"),
    person("user", "assignee", "merged_by", "head_user"),
    texts("head_repository", "head_ref", "head_sha", "base_ref", "base_sha", "merge_commit_sha", "mergeable_state"),
    flags("draft", "locked", "merged", "mergeable", "rebaseable", "maintainer_can_modify"),
    documents("assignees", "labels", "requested_reviewers", "requested_teams", "auto_merge"),
    counts("comments", "review_comments", "commits", "additions", "deletions", "changed_files"),
    times("created_at", "updated_at", "closed_at", "merged_at"),
)
Index("ix_gh_pull_request_number", gh_pull_request.c.repository_id, gh_pull_request.c.number)
Index(
    "ix_gh_pull_request_open",
    gh_pull_request.c.repository_id,
    gh_pull_request.c.head_ref,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

gh_pull_request_file = replica(
    "gh_pull_request_file",
    keys("pull_request_id"),
    [Column("filename", String(2600), primary_key=True)],
    ids("repository_id"),
    texts("sha", "status", "previous_filename", "patch", "blob_url"),
    counts("additions", "deletions", "changes"),
)

gh_issue = replica(
    "gh_issue",
    numbered(),
    ids("repository_id", "milestone_id"),
    counts("number", "milestone_number", "comments"),
    texts("state", "state_reason", "title", "body", "active_lock_reason", "author_association", "html_url"),
    person("user", "assignee", "closed_by"),
    flags("locked"),
    documents("assignees", "labels", "reactions"),
    times("created_at", "updated_at", "closed_at"),
)
Index("ix_gh_issue_number", gh_issue.c.repository_id, gh_issue.c.number)

gh_issue_comment = replica(
    "gh_issue_comment",
    numbered(),
    ids("repository_id", "issue_id"),
    counts("issue_number"),
    person("user"),
    texts("body", "author_association", "html_url"),
    documents("reactions"),
    times("created_at", "updated_at"),
)
Index("ix_gh_issue_comment_number", gh_issue_comment.c.repository_id, gh_issue_comment.c.issue_number)

gh_label = replica(
    "gh_label",
    numbered(),
    ids("repository_id"),
    texts("name", "color", "description"),
    flags("default"),
)
Index("ix_gh_label_name", gh_label.c.repository_id, gh_label.c.name)

gh_issue_label = replica("gh_issue_label", keys("issue_id", "label_id"), ids("repository_id"), texts("label_name"))
Index("ix_gh_issue_label_label_id", gh_issue_label.c.label_id)

gh_milestone = replica(
    "gh_milestone",
    numbered(),
    ids("repository_id"),
    counts("number", "open_issues", "closed_issues"),
    texts("title", "description", "state", "html_url"),
    person("creator"),
    times("created_at", "updated_at", "closed_at", "due_on"),
)
Index("ix_gh_milestone_number", gh_milestone.c.repository_id, gh_milestone.c.number)

gh_review = replica(
    "gh_review",
    numbered(),
    ids("repository_id", "pull_request_id"),
    counts("pull_request_number"),
    person("user"),
    texts("state", "body", "commit_id", "author_association", "html_url"),
    times("submitted_at", "updated_at"),
)
Index("ix_gh_review_number", gh_review.c.repository_id, gh_review.c.pull_request_number)

gh_review_comment = replica(
    "gh_review_comment",
    numbered(),
    ids("repository_id", "pull_request_id", "pull_request_review_id", "in_reply_to_id"),
    counts("pull_request_number", "position", "original_position", "line", "original_line"),
    counts("start_line", "original_start_line"),
    person("user"),
    texts("path", "side", "start_side", "subject_type", "commit_id", "original_commit_id", "diff_hunk"),
    texts("body", "author_association", "html_url"),
    documents("reactions"),
    times("created_at", "updated_at"),
)
Index("ix_gh_review_comment_number", gh_review_comment.c.repository_id, gh_review_comment.c.pull_request_number)

gh_commit_comment = replica(
    "gh_commit_comment",
    numbered(),
    ids("repository_id"),
    counts("position", "line"),
    person("user"),
    texts("commit_id", "path", "body", "author_association", "html_url"),
    documents("reactions"),
    times("created_at", "updated_at"),
)
Index("ix_gh_commit_comment_commit_id", gh_commit_comment.c.repository_id, gh_commit_comment.c.commit_id)

# Their lists go by the number, whatever else there is of the repository.
for _table in (gh_pull_request, gh_issue, gh_issue_comment, gh_review_comment):
    Index(f"ix_{_table.name}_newest", _table.c.repository_id, _table.c.id)
